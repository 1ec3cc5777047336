// Package rofftest shows manual pages as a terminal does, for tests.
package rofftest

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Render is a manual page as a terminal shows it. Without groff it is the page's
// source, of which everything between the macros is the same.
func Render(t testing.TB, source string) string {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not installed: the pages are checked as they are written")
		return strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fR`, "").Replace(source)
	}
	var warnings bytes.Buffer
	// -ww: every warning; -P-cbou: no bold, no colours, no underlines.
	cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou")
	cmd.Stdin, cmd.Stderr = strings.NewReader(source), &warnings
	text, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("groff: %v, and it warns of %q", err, &warnings)
	}
	return string(text)
}
