package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// render is a manual page as a terminal shows it. Without groff it is the page's
// source, of which everything between the macros is the same.
func render(t *testing.T, source string) string {
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

// TestManPages: each command has a page, which has each of its flags at the begin
// of a line, and cfu's own page names each command.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if code, stdout, stderr := cfuCommand(t, "man", dir); code != 0 || stdout+stderr != "" {
		t.Fatalf("cfu man: got exit %d and %q, want 0 and nothing", code, stdout+stderr)
	}
	read := func(name string) string {
		source, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return render(t, string(source))
	}
	overview := read("cfu.1")
	pages := []string{"cfu.1"}
	for _, c := range commands() {
		if c.summary == "" {
			continue
		}
		pages = append(pages, "cfu-"+c.name+".1")
		if !strings.Contains(overview, "cfu-"+c.name+"(1)\n") {
			t.Errorf("cfu(1) does not name cfu-%s(1)", c.name)
		}
		text := read("cfu-" + c.name + ".1")
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimSpace(line))
		}
		if !strings.Contains(text, "cfu-"+c.name+" - ") || !slices.Contains(lines, "SYNOPSIS") || !slices.Contains(lines, "EXAMPLES") {
			t.Errorf("cfu-%s(1) lacks its name, synopsis or examples:\n%s", c.name, text)
		}
		fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
		c.bind(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			if !slices.ContainsFunc(lines, func(l string) bool {
				return l == "--"+f.Name || strings.HasPrefix(l, "--"+f.Name+" ") || strings.HasPrefix(l, "--"+f.Name+"[")
			}) {
				t.Errorf("cfu-%s(1) has no entry for --%s", c.name, f.Name)
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
		var p page
		p.title("x", "y")
		p.literal(strings.Split(c.text, "\n"))
		var got []string
		for line := range strings.Lines(render(t, p.String())) {
			got = append(got, strings.TrimSpace(line))
		}
		if want := strings.Split(c.text, "\n"); !strings.Contains(strings.Join(got, "\n"), strings.Join(want, "\n")) {
			t.Errorf("%s: got %q, want %q in it", c.about, got, want)
		}
	}
}
