package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/results/simulated"
)

// cfu runs a command line in this process and returns its exit code and output, each
// sentence in one line.
// Without getenv the environment is empty.
func cfu(t *testing.T, ctx context.Context, getenv func(string) string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	code, wide := runFitting(ctx, subcommand.Environment{Stdout: &o, Stderr: &e, Getenv: getenv}, args)
	if wide != "" {
		t.Errorf("cfu %s: %s", strings.Join(args, " "), wide)
	}
	return code, unwrapped(o.String()), unwrapped(e.String())
}

// cfuCommand is cfu for commands that need neither context nor environment.
func cfuCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return cfu(t, t.Context(), nil, args...)
}

// oneGoroutine skips, under the race detector, the test of what one goroutine reads,
// computes and prints: the detector finds nothing there, and takes ten times as long.
// Those that compute in this process are not parallel either: they would keep it from
// the servers and registers of the tests that wait.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("one goroutine: nothing for the race detector")
	}
}

// TestEveryCommand: what all commands have in common.
func TestEveryCommand(t *testing.T) {
	oneGoroutine(t)
	for _, c := range commands() {
		if c.Summary == "" {
			continue // the self-test's other process, which no user calls
		}
		t.Run(c.Name, func(t *testing.T) {
			code, stdout, stderr := cfuCommand(t, c.Name, "--help")
			if code != 0 || stderr != "" {
				t.Errorf("--help: got exit %d and stderr %q, want 0 and nothing", code, stderr)
			}
			fs := pflag.NewFlagSet(c.Name, pflag.ContinueOnError)
			fs.SetOutput(io.Discard)
			c.Bind(fs)
			if !strings.Contains(stdout, "usage: cfu "+c.Name) || !strings.Contains(stdout, "examples:\n  ") || strings.Contains(stdout, "\nflags:\n") != fs.HasFlags() || strings.Contains(stdout, "\nflags:\n  ") != fs.HasFlags() {
				t.Errorf("--help: got %q, want its usage, examples and flags", stdout)
			}

			code, stdout, stderr = cfuCommand(t, c.Name, "--frobnicate")
			want := "cfu " + c.Name + ": unknown flag: --frobnicate\nrun 'cfu " + c.Name + " --help' for its flags\n"
			if code != 2 || stdout != "" || stderr != want {
				t.Errorf("--frobnicate: got exit %d, stdout %q and stderr %q, want 2, nothing and %q", code, stdout, stderr, want)
			}

			fs.VisitAll(func(f *pflag.Flag) {
				if name, _ := pflag.UnquoteUsage(f); f.NoOptDefVal == "" && strings.ToUpper(name) != name {
					t.Errorf("--%s: its value is called %q, want a word in capitals, in back quotes in its description", f.Name, name)
				}
				if first := f.Usage[:1]; strings.ToUpper(first) != first || !strings.HasSuffix(f.Usage, ".") {
					t.Errorf("--%s: its description is %q, want a sentence", f.Name, f.Usage)
				}
			})
		})
	}
}

// TestHelpHasSections: each flag of cfu run stands once, below the title of what
// it is about, in the order in which it was declared.
func TestHelpHasSections(t *testing.T) {
	oneGoroutine(t)
	_, help, _ := cfuCommand(t, "run", "--help")
	for _, want := range []string{
		"\nflags:\n  the server under test:\n      --endpoint URL ",
		"\n\n  what is metered:\n      --meter METERS ",
		"\n\n  what is written:\n      --out DIR ",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("got help without %q:\n%s", want, help)
		}
	}
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	newRunFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		if n := strings.Count(help, "      --"+f.Name+" ") + strings.Count(help, "      --"+f.Name+"["); n != 1 {
			t.Errorf("--%s stands %d times in the help, want once", f.Name, n)
		}
	})
}

// TestOperands: a command gets the operands it wants or is not begun.
func TestOperands(t *testing.T) {
	oneGoroutine(t)
	for _, c := range []struct {
		about string
		args  []string
		want  string
	}{
		{"flags alone tell run everything", []string{"run", "out"}, `unexpected argument "out": flags start with --`},
		{"a word after -- is an operand", []string{"meters", "--", "--format", "json"}, `unexpected argument "--format": flags start with --`},
		{"report wants a run or more", []string{"report"}, "want the folder of a run, or of several, got none"},
		{"check wants one run", []string{"check"}, "want one folder, the OUT of a run, got 0 arguments"},
		{"and export not two", []string{"export", "a", "b"}, "want one folder, the OUT of a run, got 2 arguments"},
		{"compare wants a run", []string{"compare"}, "want a run or more, got none"},
		{"merge wants shards", []string{"merge", "--out", "x"}, "give --out DIR and the folders of the shards or the records"},
	} {
		code, _, stderr := cfuCommand(t, c.args...)
		if code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: cfu %s: got exit %d and %q, want 2 and %q", c.about, strings.Join(c.args, " "), code, stderr, c.want)
		}
	}
}

// TestOutputThatCannotBeWritten: a full disk or a closed pipe is a failure,
// also of what only prints.
func TestOutputThatCannotBeWritten(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", func(*simulated.Spec) {})
	for _, args := range [][]string{
		{"help"}, {"run", "--help"}, {"meters", "--format", "json"}, {"datasets", "stat", "sample"}, {"datasets", "select", "sample"},
		{"attribute", out}, {"amortize", out}, {"amortize", "--list-presets"}, {"compare", out, out}, {"report", out}, {"export", out, "--table", "requests"},
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skipf("no device that is always full: %v", err)
		}
		var stderr bytes.Buffer
		code := Main(t.Context(), subcommand.Environment{Stdout: full, Stderr: &stderr, Getenv: func(string) string { return "" }}, args)
		full.Close()
		if code != 1 || !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
			t.Errorf("cfu %s: got exit %d and %q, want 1 and %q", strings.Join(args, " "), code, &stderr, syscall.ENOSPC)
		}
	}
}
