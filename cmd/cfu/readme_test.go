package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
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

// TestReadmeCommandsParse checks every cfu command of README: that it exists,
// and that its flags do.
func TestReadmeCommandsParse(t *testing.T) {
	oneGoroutine(t)
	seen := 0
	for _, c := range readmeCommands(t) {
		args := strings.Fields(strings.ReplaceAll(c, "'", ""))
		if args[0] != "bin/cfu" {
			continue
		}
		seen++
		if args[1] != "run" {
			if !slices.ContainsFunc(commands(), func(k subcommand.Command) bool { return k.Name == args[1] }) {
				t.Errorf("README: %s: there is no such command", c)
			}
			continue
		}
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		flags := newRunFlags(fs)
		if err := errors.Join(fs.Parse(args[2:]), flags.complete(subcommand.Environment{Getenv: func(string) string { return "" }})); err != nil {
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
		if k.Summary != "" && !regexp.MustCompile("(?m)^\\|.*`cfu "+k.Name+"`.* \\|").Match(text) {
			t.Errorf("README's table lacks cfu %s", k.Name)
		}
	}
}
