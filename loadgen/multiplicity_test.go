package loadgen

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lengths []int32
		total   int
		finish  string
		want    []int32
	}{
		{"one each", []int32{5, 1, 9}, 3, "length", []int32{1, 1, 1}},
		{"the surplus goes by length of text", []int32{4, 40, 4}, 13, "length", []int32{2, 9, 2}},
		{"the largest remainder first", []int32{10, 11, 10}, 5, "length", []int32{2, 2, 1}},
		{"an answer that stopped ends in a token without text", []int32{4, 40, 4}, 4, "stop", []int32{1, 1, 2}},
		{"fewer tokens than events: the last have none", []int32{1, 1, 1}, 2, "length", []int32{1, 1, 0}},
		{"no tokens", []int32{1}, 0, "stop", []int32{0}},
		{"no events", nil, 7, "stop", nil},
		{"no text at all", []int32{0, 0}, 5, "length", []int32{1, 4}},
	} {
		counts := make([]int32, len(tt.lengths))
		spread(counts, tt.lengths, tt.total, tt.finish)
		if len(counts) == 0 {
			counts = nil
		}
		if diff := cmp.Diff(tt.want, counts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Whatever the texts and the total, the counts add up to it.
func TestSpreadAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.Int32Range(1, 1<<20), 1, 300).Draw(t, "lengths")
		total := rapid.IntRange(0, 100_000).Draw(t, "total")
		finish := rapid.SampledFrom([]string{"stop", "length", ""}).Draw(t, "finish")
		counts := make([]int32, len(lengths))
		spread(counts, lengths, total, finish)
		sum := 0
		for i, n := range counts {
			if n < 0 || total >= len(lengths) && n < 1 {
				t.Fatalf("event %d: got %d tokens of %d in %d events", i, n, total, len(lengths))
			}
			sum += int(n)
		}
		if sum != total {
			t.Fatalf("sum: got %d, want %d", sum, total)
		}
	})
}
