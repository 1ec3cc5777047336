package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// cfuCommand runs one command line.
func cfuCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(t.Context(), environment{stdout: &out, stderr: &err, getenv: func(string) string { return "" }}, args)
	return code, out.String(), err.String()
}

// TestEveryCommand: what all commands have in common.
func TestEveryCommand(t *testing.T) {
	for _, c := range commands() {
		if c.summary == "" {
			continue // certify's other process, which no user calls
		}
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := cfuCommand(t, c.name, "--help")
			if code != 0 || stderr != "" {
				t.Errorf("--help: got exit %d and stderr %q, want 0 and nothing", code, stderr)
			}
			if !strings.Contains(stdout, "usage: cfu "+c.name) || !strings.Contains(stdout, "examples:\n  ") || !strings.Contains(stdout, "\nflags:\n  ") {
				t.Errorf("--help: got %q, want its usage, examples and flags", stdout)
			}

			code, stdout, stderr = cfuCommand(t, c.name, "--frobnicate")
			want := "cfu " + c.name + ": unknown flag: --frobnicate\nrun 'cfu " + c.name + " --help' for its flags\n"
			if code != 2 || stdout != "" || stderr != want {
				t.Errorf("--frobnicate: got exit %d, stdout %q and stderr %q, want 2, nothing and %q", code, stdout, stderr, want)
			}

			fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
			fs.SetOutput(io.Discard)
			c.bind(fs)
			fs.VisitAll(func(f *pflag.Flag) {
				if first := f.Usage[:1]; strings.ToUpper(first) != first || !strings.HasSuffix(f.Usage, ".") {
					t.Errorf("--%s: its description is %q, want a sentence", f.Name, f.Usage)
				}
			})
		})
	}
}

// TestOperands: a command gets the operands it wants or is not begun.
func TestOperands(t *testing.T) {
	for _, c := range []struct {
		about string
		args  []string
		want  string
	}{
		{"flags alone tell run everything", []string{"run", "out"}, `unexpected argument "out": flags start with --`},
		{"a word after -- is an operand", []string{"meters", "--", "--json"}, `unexpected argument "--json": flags start with --`},
		{"report wants one run", []string{"report"}, "want one folder, the OUT of a run, got 0 arguments"},
		{"and not two", []string{"export", "a", "b"}, "want one folder, the OUT of a run, got 2 arguments"},
		{"compare wants two runs", []string{"compare", "a"}, "want two runs or more, got 1"},
		{"merge wants shards", []string{"merge", "--out", "x"}, "give --out DIR and the shards' folders"},
	} {
		code, _, stderr := cfuCommand(t, c.args...)
		if code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: cfu %s: got exit %d and %q, want 2 and %q", c.about, strings.Join(c.args, " "), code, stderr, c.want)
		}
	}
}
