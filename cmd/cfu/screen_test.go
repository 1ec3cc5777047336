package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cfubench/internal/secret"
)

// What a command says has neither secrets nor terminal sequences, and keeps its
// layout.
func TestScreen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"a secret", "bad key sk-0123456789\n", "bad key ***\n"},
		{"a secret with an escape in it", "sk-012345\x1b[0m6789\n", "***\n"},
		{"a terminal sequence", "m\x1b[2J\x1b]0;title\a\n", "m\n"},
		{"columns and indentation", "  run        drive\n\n    deep\n", "  run        drive\n\n    deep\n"},
	} {
		var out bytes.Buffer
		n, err := screen{&out, secret.New("sk-0123456789")}.Write([]byte(tt.text))
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
		s := newStatus(environment{stdout: &stdout, stderr: &stderr})
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
