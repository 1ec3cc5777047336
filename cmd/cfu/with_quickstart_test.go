package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableHeads are the heads of the two tables of results in a text: the lines from
// their columns' names to their first load point, whatever their spacing and the
// prefixes of their units, which fit the figures.
func tableHeads(text string) []string {
	var heads []string
	for range 2 {
		_, rest, _ := strings.Cut(text, "load point  ")
		head, rest, _ := strings.Cut(rest, "b1-rate1")
		head = regexp.MustCompile(`(\s)[µmk](J/|gCO2e/|s,)`).ReplaceAllString(head, "$1$2")
		heads, text = append(heads, strings.Join(strings.Fields(head), " ")), rest
	}
	return heads
}

// TestReadmeQuickstart runs README's first command and its readers on what it
// wrote. scripts/test, the second, is what runs this test.
func TestReadmeQuickstart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real engine")
	}
	t.Parallel()
	commands := readmeCommands(t)
	if want := []string{"scripts/quickstart", "scripts/test"}; !slices.Equal(commands[:2], want) {
		t.Fatalf("README starts with %q, want %q", commands[:2], want)
	}
	out := filepath.Join(t.TempDir(), "out")
	quickstart := exec.Command("scripts/quickstart", out)
	quickstart.Dir = repoRoot(t)
	b, err := quickstart.CombinedOutput()
	if err != nil {
		t.Fatalf("scripts/quickstart: %v\n%s", err, b)
	}
	if last := strings.Fields(string(b)); !strings.HasPrefix(last[len(last)-1], out) || !fileExists(last[len(last)-1]) {
		t.Errorf("scripts/quickstart ends with %q, want the path of a file below %s", last[len(last)-1], out)
	}
	readme, err := os.ReadFile(filepath.Join(repoRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if printed, shown := tableHeads(string(b)), tableHeads(string(readme)); printed[1] == "" || !slices.Equal(printed, shown) {
		t.Errorf("scripts/quickstart prints tables of %q, README shows %q", printed, shown)
	}
	python := os.Getenv("CFU_PYTHON")
	readers := 0
	for _, c := range commands {
		if !strings.HasPrefix(c, "python ") {
			continue
		}
		readers++
		if python == "" {
			continue
		}
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(strings.Replace(c, "python", python, 1), "OUT", out))
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c, err, b)
		}
	}
	if readers != 2 {
		t.Errorf("README has %d Python one-liners, want 2", readers)
	}
	if python == "" {
		t.Log("CFU_PYTHON is not set: the one-liners were not run")
	}
}
