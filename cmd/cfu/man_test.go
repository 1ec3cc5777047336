package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"cfubench/internal/roff/rofftest"
)

// TestManPages: each command has a page, which has each of its flags at the begin
// of a line, and cfu's own page names each command.
func TestManPages(t *testing.T) {
	oneGoroutine(t)
	dir := filepath.Join(t.TempDir(), "man")
	if code, stdout, stderr := cfuCommand(t, "man", dir); code != 0 || stdout+stderr != "" {
		t.Fatalf("cfu man: got exit %d and %q, want 0 and nothing", code, stdout+stderr)
	}
	read := func(name string) string {
		source, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return rofftest.Render(t, string(source))
	}
	overview := read("cfu.1")
	pages := []string{"cfu.1"}
	for _, c := range commands() {
		if c.Summary == "" {
			continue
		}
		pages = append(pages, "cfu-"+c.Name+".1")
		if !strings.Contains(overview, "cfu-"+c.Name+"(1)\n") {
			t.Errorf("cfu(1) does not name cfu-%s(1)", c.Name)
		}
		text := read("cfu-" + c.Name + ".1")
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimSpace(line))
		}
		if !strings.Contains(text, "cfu-"+c.Name+" - ") || !slices.Contains(lines, "SYNOPSIS") || !slices.Contains(lines, "EXAMPLES") {
			t.Errorf("cfu-%s(1) lacks its name, synopsis or examples:\n%s", c.Name, text)
		}
		fs := pflag.NewFlagSet(c.Name, pflag.ContinueOnError)
		c.Bind(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			if !slices.ContainsFunc(lines, func(l string) bool {
				return l == "--"+f.Name || strings.HasPrefix(l, "--"+f.Name+" ") || strings.HasPrefix(l, "--"+f.Name+"[")
			}) {
				t.Errorf("cfu-%s(1) has no entry for --%s", c.Name, f.Name)
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(pages) {
		t.Errorf("cfu man wrote %d files, want %d: %v", len(entries), len(pages), pages)
	}
}
