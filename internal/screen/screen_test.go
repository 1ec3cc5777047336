package screen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"cfubench/internal/prose"
	"cfubench/internal/secret"
)

// What a command says has neither secrets nor terminal sequences, and keeps its
// layout.
func TestScreen(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("far ", 30)
	for _, tt := range []struct {
		name, text  string
		page, whole bool
		want        string
	}{
		{"a secret", "bad key sk-0123456789\n", true, false, "bad key ***\n"},
		{"a secret with an escape in it", "sk-012345\x1b[0m6789\n", true, false, "***\n"},
		{"a terminal sequence", "m\x1b[2J\x1b]0;title\a\n", true, false, "m\n"},
		{"columns and indentation", "  run        drive\n\n    deep\n", true, false, "  run        drive\n\n    deep\n"},
		{"a long message is one line", "warning: " + long + "end\n", false, false, "warning: " + long + "end\n"},
		{"but wrapped on a page", "warning: " + long + "end\n", true, false, "warning: " + long[:88] + "far\n  " + long[:28] + "end\n"},
		{"an error is not", "cfu run: " + long + "end\n", true, true, "cfu run: " + long + "end\n"},
	} {
		var out bytes.Buffer
		var on io.Writer = &out
		if tt.page {
			on = prose.Page{Writer: on}
		}
		n, err := Screen{Out: on, Secrets: secret.New("sk-0123456789"), Whole: tt.whole}.Write([]byte(tt.text))
		if err != nil || n != len(tt.text) || out.String() != tt.want {
			t.Errorf("%s: got %q, %d, %v, want %q", tt.name, out.String(), n, err, tt.want)
		}
	}
}

// TestStatusLinesStayWhole: lines that several parts of a run print at once do
// not run into each other, nor into the progress line of a terminal.
func TestStatusLinesStayWhole(t *testing.T) {
	t.Parallel()
	const writers, lines = 4, 50
	for _, terminal := range []bool{false, true} {
		var stderr, stdout bytes.Buffer
		s := NewStatus(&stdout, &stderr, nil)
		s.terminal = terminal
		ctx, cancel := context.WithCancel(t.Context())
		var follow, say sync.WaitGroup
		follow.Go(func() { s.Follow(ctx, func() string { return "passing" }) })
		var want []string
		for w := range writers {
			say.Go(func() {
				for i := range lines {
					s.Say(fmt.Sprintf("said %d.%d", w, i))
					s.live("passing")
					s.Result(fmt.Sprintf("found %d.%d", w, i))
				}
			})
			for i := range lines {
				want = append(want, fmt.Sprintf("%d.%d", w, i))
			}
		}
		say.Wait()
		cancel()
		follow.Wait()
		for prefix, text := range map[string]string{"said ": stderr.String(), "found ": stdout.String()} {
			var got []string
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if terminal { // what is shown is what follows the last return to the line's begin
					line = strings.TrimSpace(line[strings.LastIndex(line, "\r")+1:])
				}
				if rest, ok := strings.CutPrefix(line, prefix); ok {
					got = append(got, rest)
				} else if line != "passing" && !(terminal && line == "") {
					t.Errorf("terminal %v: a line of two: %q", terminal, line)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("terminal %v: %d whole lines of %q, want %d", terminal, len(got), prefix, len(want))
			}
		}
	}
}
