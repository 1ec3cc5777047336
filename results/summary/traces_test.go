package summary

import (
	"fmt"
	"slices"
	"testing"

	"cfubench/results/runfolder"
)

// The first valid cells of the first load points have a trace, in whatever order the
// cells come.
func TestWhichCellsHaveATrace(t *testing.T) {
	for _, row := range []struct {
		what  string
		cells string // a load point each; upper case for an invalid cell
		most  int
		want  []int // cells
	}{
		{"none asked for", "ab", 0, nil},
		{"one of each point", "aabbcc", 9, []int{0, 2, 4}},
		{"the first points alone", "abcabc", 2, []int{0, 1}},
		{"an invalid cell leaves it to the next repeat", "AabB", 9, []int{1, 2}},
		{"a point whose first repeat is invalid is still before the others", "Abcda", 2, []int{1, 2, 4}},
	} {
		var tracing traces
		var got []int
		for i, name := range row.cells {
			p := runfolder.Point{Load: runfolder.Load{Concurrency: int(name|0x20) - 'a' + 1}}
			if wants := tracing.wants(p, row.most); wants && name >= 'a' {
				tracing.got(p)
				got = append(got, i)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %s, want %s", row.what, fmt.Sprint(got), fmt.Sprint(row.want))
		}
	}
}
