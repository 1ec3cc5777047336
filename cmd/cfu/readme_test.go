package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// readmeCommands are the lines of README.md's sh blocks, continuation lines
// joined and comments cut off.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.ReplaceAll(block[1], "\\\n", " "), "\n") {
			line, _, _ = strings.Cut(line, "   #")
			if line = strings.Join(strings.Fields(line), " "); line != "" {
				commands = append(commands, line)
			}
		}
	}
	return commands
}

// tableHead is the head of the first table of results in a text: the lines from
// its columns' names to its first load point, whatever their spacing and the prefixes
// of their units, which fit the figures.
func tableHead(text string) string {
	_, text, _ = strings.Cut(text, "load point  ")
	text, _, _ = strings.Cut(text, "b1-rate1")
	text = regexp.MustCompile(`(\s)[µmk](J/|gCO2e/|s,)`).ReplaceAllString(text, "$1$2")
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "verdict", "")), " ") // README leaves that column out
}

// TestReadmeQuickstart runs README's first command and its readers on what it
// wrote. scripts/test, the second, is what runs this test.
func TestReadmeQuickstart(t *testing.T) {
	needEngine(t)
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
	if printed, shown := tableHead(string(b)), tableHead(string(readme)); printed == "" || printed != shown {
		t.Errorf("scripts/quickstart prints a table of %q, README shows %q", printed, shown)
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

// TestReadmeCommandsParse checks every cfu command of README: that it exists,
// and that its flags do.
func TestReadmeCommandsParse(t *testing.T) {
	seen := 0
	for _, c := range readmeCommands(t) {
		args := strings.Fields(strings.ReplaceAll(c, "'", ""))
		if args[0] != "bin/cfu" {
			continue
		}
		seen++
		if args[1] != "run" {
			if !slices.ContainsFunc(commands(), func(k command) bool { return k.name == args[1] }) {
				t.Errorf("README: %s: there is no such command", c)
			}
			continue
		}
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		flags := newRunFlags(fs)
		if err := errors.Join(fs.Parse(args[2:]), flags.complete(environment{getenv: func(string) string { return "" }})); err != nil {
			t.Errorf("README: %s: %v", c, err)
		}
	}
	if seen < 3 {
		t.Errorf("README has %d cfu commands, want at least 3", seen)
	}
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range commands() {
		if k.summary != "" && !strings.Contains(string(text), "| `cfu "+k.name+"` |") {
			t.Errorf("README's table lacks cfu %s", k.name)
		}
	}
}
