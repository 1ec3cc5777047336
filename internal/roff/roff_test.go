package roff_test

import (
	"os/exec"
	"strings"
	"testing"

	"cfubench/internal/roff"
	"cfubench/internal/roff/rofftest"
)

// TestRoff: what a help text holds stands in the page as it is.
func TestRoff(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed")
	}
	for _, c := range []struct{ about, text string }{
		{"a line that begins like a request", ".TH is text"},
		{"another, further down", "text\n'quoted' text\n.so file"},
		{"a backslash is no escape", `cfu run \`},
		{"flags can be copied", "--num-requests -1"},
		{"quotes of a shell", "'{\"a\": `b`}' ~/x ^y"},
		{"letters beyond ASCII", "gCO₂e × 10 … – µ"},
	} {
		var p roff.Page
		p.Title("x", "y", "z")
		p.Literal(strings.Split(c.text, "\n"))
		var got []string
		for line := range strings.Lines(rofftest.Render(t, p.String())) {
			got = append(got, strings.TrimSpace(line))
		}
		if want := strings.Split(c.text, "\n"); !strings.Contains(strings.Join(got, "\n"), strings.Join(want, "\n")) {
			t.Errorf("%s: got %q, want %q in it", c.about, got, want)
		}
	}
}
