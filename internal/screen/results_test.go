package screen

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"cfubench/internal/prose"
	"cfubench/internal/secret"
)

// Results keep their form: known values alone are hidden, whole lines go on at once, and
// a page is one still.
func TestResults(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, flush := Results(&out, secret.New("results-5d2c88"))
	fmt.Fprint(w, `{"token": "abc", "x": "results-`)
	if out.Len() > 0 {
		t.Errorf("half a line: got %q, want that it waits", &out)
	}
	fmt.Fprint(w, "5d2c88\"}\nrest")
	if got, want := out.String(), `{"token": "abc", "x": "***"}`+"\n"; got != want {
		t.Errorf("a line: got %q, want %q", got, want)
	}
	if err := flush(); err != nil || !strings.HasSuffix(out.String(), "}\nrest") {
		t.Errorf("the end: got %q, %v", &out, err)
	}
	out.Reset()
	page, _ := Results(prose.Page{Writer: &out}, secret.New())
	if err := prose.Print(page, strings.Repeat("far ", 30)+"end\n"); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("on a page: got %q, %v, want two lines", &out, err)
	}
}
