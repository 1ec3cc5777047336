package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"cfubench/internal/prose"
	"cfubench/internal/subcommand"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/simulated"
)

// TestOutputFits: no command prints a line for people that is wider than a page. Those
// that need a server, an engine or a command of their own are held to it wherever a test
// runs them, since all go through fitting.
func TestOutputFits(t *testing.T) {
	oneGoroutine(t)
	long := "a-configuration-whose-label-is-rather-long"
	a := simulate(t, "a", func(*simulated.Spec) {})
	b := simulate(t, long, func(s *simulated.Spec) { s.Seed, s.Model = 2, "organization/a-model-with-a-name-of-its-own-7B" })
	tree := powercaptest.New(t, powercaptest.Server()...)
	for _, args := range [][]string{
		{"help"}, {"version"}, {"meters", "--sysfs", tree.Root, "--nvml-library", "/nonexistent"}, {"meters", "--sysfs", tree.Root, "--calibrate", "--calibrate-for", "100ms"},
		{"datasets", "stat", "sample", "--multi-turn"},
		{"attribute", a, "--convention", "step,phase,residency,equal,token,steady"}, {"amortize", a}, {"amortize", a, "--requests-per-month", "1e6", "--years", "2", "--rebound", "0.5", "--rebound-from", "1"},
		{"amortize", a, "--inventory", "cpu-server"}, {"amortize", a, "--beside", "OLMo 2 7B"}, {"amortize", "--published"}, {"amortize", "--list-presets"},
		{"amortize", "--crossover", "Llama 3.1 8B@inf", "OLMo 2 7B@inf", "OLMo 2 13B@inf"},
		{"report", a, "--cells"}, {"report", b}, {"report", a, b, "--across", "model,trace", "--out", filepath.Join(t.TempDir(), "both.html")},
		{"compare", a}, {"compare", a, b, "--across", "model,trace"}, {"check", a}, {"check", t.TempDir()},
	} {
		if code, stdout, stderr := cfuCommand(t, args...); stdout == "" && code != 1 {
			t.Errorf("cfu %s: got exit %d and no line: %s", strings.Join(args, " "), code, stderr)
		}
	}
}

// A line that is too wide is found, and what is no sentence is left alone.
func TestFittingFindsWideLines(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("wide ", 21)
	for _, tt := range []struct {
		about, text string
		found       bool
	}{
		{"a line of 105 columns", "a\n" + wide + "\nb\n", true},
		{"the same without an end", wide, true},
		{"a line that fits, in two writes", "a\nb", false},
		{"one word, such as a path, cannot be broken", strings.Repeat("/path", 30) + "\n", false},
		{"an error is one line", "cfu run: " + wide + "\n", false},
		{"so is the log below it", "cfu run: the engine died\n" + wide + "\n", false},
		{"a warning is not", "cfu run: warning: " + wide + "\n", true},
	} {
		f := fitting{out: io.Discard, command: "run"}
		for _, b := range []byte(tt.text) {
			f.Write([]byte{b})
		}
		if got := f.wide(); (got != "") != tt.found {
			t.Errorf("%s: got %q, found is %v", tt.about, got, tt.found)
		}
	}
}

// What tests look for in a sentence is found wherever its lines end.
func TestUnwrapped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.StringMatching(`( {4})?([a-zµ]{1,30} ){0,12}[a-z]{1,30}\n`)).Draw(t, "lines"), "")
		if got := unwrapped(prose.Wrap(text)); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	})
}

// fitting is a writer of a command's output that remembers the first line that is too
// wide.
type fitting struct {
	out     io.Writer
	command string

	mu      sync.Mutex
	line    []byte
	isError bool // the line belongs to an error
	bad     string
}

// Write implements io.Writer.
func (f *fitting) Write(b []byte) (int, error) {
	f.mu.Lock()
	for _, c := range b {
		if c != '\n' {
			f.line = append(f.line, c)
			continue
		}
		f.end()
	}
	f.mu.Unlock()
	return f.out.Write(b)
}

// end judges a line. One word cannot be broken; an error, with the log that it quotes, is
// not, since scripts look for its line.
func (f *fitting) end() {
	line := string(f.line)
	f.line = f.line[:0]
	said, own := strings.CutPrefix(line, "cfu "+f.command+": ")
	if warning := strings.HasPrefix(said, "warning: "); own || warning {
		f.isError = own && !warning
	}
	if n := utf8.RuneCountInString(line); n > prose.Width && f.bad == "" && !f.isError && strings.Contains(strings.TrimSpace(line), " ") {
		f.bad = fmt.Sprintf("a line of %d columns: %s", n, line)
	}
}

// wide is the first line that is too wide of all that was printed, "" if none is.
func (f *fitting) wide() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
	return f.bad
}

// unwrapped is a text with the sentences that go on in an indented line, for want of room
// in the one before, in one.
func unwrapped(text string) string {
	lines := strings.SplitAfter(text, "\n")
	var b strings.Builder
	end, margin := 0, 0 // of the line before, and of the sentence that it belongs to
	for i, line := range lines {
		said := strings.TrimLeft(line, " ")
		first, rest, _ := strings.Cut(strings.TrimSuffix(said, "\n"), " ")
		if strings.HasPrefix(rest, "%") { // which stands with its number
			sign, _, _ := strings.Cut(rest, " ")
			first += " " + sign
		}
		indent := len(line) - len(said)
		if i > 0 && indent == margin+2 && end <= prose.Width && end+1+utf8.RuneCountInString(first) > prose.Width {
			joined := strings.TrimSuffix(b.String(), "\n") + " " + said
			b.Reset()
			b.WriteString(joined)
		} else {
			b.WriteString(line)
			margin = indent
		}
		end = utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
	}
	return b.String()
}

// forPrograms reports whether what a command line prints on stdout is read by programs.
func forPrograms(args []string) bool {
	for _, word := range []string{"json", "csv", "--format=json", "--format=csv", "select", "convert", "export", "--print-preset", "completion", "man"} {
		if slices.Contains(args, word) {
			return true
		}
	}
	return false
}

// runFitting runs one command line, as Main on a page, and says which line is too wide.
func runFitting(ctx context.Context, env subcommand.Environment, args []string) (code int, wide string) {
	command := strings.Join(args[:min(1, len(args))], "")
	o, e := &fitting{out: env.Stdout, command: command}, &fitting{out: env.Stderr, command: command}
	env.Stderr = prose.Page{Writer: e}
	if !forPrograms(args) {
		env.Stdout = prose.Page{Writer: o}
	}
	code = Main(ctx, env, args)
	if wide = o.wide(); wide == "" {
		wide = e.wide()
	}
	return code, wide
}

// fittingMain is main of a cfu that fails where it prints a line that is too wide.
func fittingMain() {
	ctx, stop := subcommand.UntilInterrupted(len(os.Args) > 1 && os.Args[1] == "record")
	code, wide := runFitting(ctx, subcommand.Environment{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}, os.Args[1:])
	stop()
	if wide != "" {
		fmt.Fprintln(os.Stderr, wide)
		code = 99
	}
	os.Exit(code)
}
