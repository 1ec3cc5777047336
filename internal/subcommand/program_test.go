package subcommand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// program is a program with one command, which does what outcome says.
func program(outcome error) Program {
	bind := func(fs *pflag.FlagSet) Action {
		var n int
		Parsed(fs, &n, "number", "3", "Take `N`.", func(text string) (int, error) {
			v, err := strconv.Atoi(text)
			if err != nil {
				return 0, fmt.Errorf("%q: want a number", text)
			}
			return v, nil
		})
		Section(fs, "what is taken", func(fs *pflag.FlagSet) {
			Taken(fs, "word", "Take `W`.", func(text string) error { return errors.New("no word is right") })
		})
		return func(_ context.Context, env Environment, _ []string) error {
			fmt.Fprintf(env.Stdout, "number %d\n", n)
			env.Warn("of %s", "something")
			return outcome
		}
	}
	return Program{Name: "p", Tagline: "does things", ExitStatus: "0 done", Version: "1", Commands: []Command{
		{Name: "do", Summary: "do it", Help: "Does it.\n\nusage: p do\n\nexamples:\n  p do\n\nflags:\n", Operands: None, Bind: bind},
		{Name: "hidden", Operands: Any, Bind: bind},
	}}
}

func TestRun(t *testing.T) {
	long := strings.Repeat("far ", 30)
	for _, tt := range []struct {
		name           string
		args           []string
		outcome        error
		code           int
		stdout, stderr string
	}{
		{"what is done is 0", []string{"do", "--number", "7"}, nil, 0, "number 7\n", "warning: of something\n"},
		{"a failure is 1, in one line", []string{"do"}, errors.New(long), 1, "number 0\n", "warning: of something\np do: " + long + "\n"},
		{"an exit code of the command's own is passed on", []string{"do"}, Exit(9), 9, "number 0\n", "warning: of something\n"},
		{"wrong usage is 2", []string{"do"}, fmt.Errorf("so: %w", Usagef("no")), 2, "number 0\n", "warning: of something\np do: so: no\nrun 'p do --help' for its flags\n"},
		{"an operand too many is wrong usage", []string{"do", "x"}, nil, 2, "", "p do: unexpected argument \"x\": flags start with --\nrun 'p do --help' for its flags\n"},
		{"a flag that is refused is named before its text", []string{"do", "--number", "x"}, nil, 2, "", "p do: --number \"x\": want a number\nrun 'p do --help' for its flags\n"},
		{"or before what is wrong with it", []string{"do", "--word", "x"}, nil, 2, "", "p do: --word: no word is right\nrun 'p do --help' for its flags\n"},
		{"a command that there is not is wrong usage", []string{"undo"}, nil, 2, "", "p: unknown command \"undo\"; run 'p help'\n"},
		{"the help names what users call", []string{"help"}, nil, 0, "p: does things\n\nusage: p COMMAND [flags]\n\n  do         do it\n\n'p COMMAND --help' lists a command's flags.\nexit status: 0 done\n", ""},
		{"a command's help has its flags by section", []string{"help", "do"}, nil, 0,
			"Does it.\n\nusage: p do\n\nexamples:\n  p do\n\nflags:\n      --number N   Take N. (default \"3\")\n\n  what is taken:\n      --word W   Take W.\n", ""},
	} {
		var stdout, stderr bytes.Buffer
		code := program(tt.outcome).Run(t.Context(), Environment{Stdout: &stdout, Stderr: &stderr}, tt.args)
		if code != tt.code || stdout.String() != tt.stdout || stderr.String() != tt.stderr {
			t.Errorf("%s: got %d, %q and %q, want %d, %q and %q", tt.name, code, &stdout, &stderr, tt.code, tt.stdout, tt.stderr)
		}
	}
}

// What a command prints has none of the secrets that the environment has, on either
// stream, unless its output is somebody's own text.
func TestSecretsAreNotPrinted(t *testing.T) {
	const named, other = "named-3f9c1a77", "other-5b2e8d04"
	bind := func(*pflag.FlagSet) Action {
		return func(_ context.Context, env Environment, _ []string) error {
			fmt.Fprintf(env.Stdout, "%s,1\nlast %s", named, other)
			env.Say("said %s", named)
			return errors.New("failed with " + other)
		}
	}
	p := Program{Name: "p", Secrets: []string{"P_TOKEN"}, Commands: []Command{
		{Name: "do", Operands: None, Bind: bind}, {Name: "copy", Operands: None, Bind: bind, Verbatim: true},
	}}
	for _, tt := range []struct{ command, stdout, stderr string }{
		{"do", "***,1\nlast ***", "said ***\np do: failed with ***\n"},
		{"copy", named + ",1\nlast " + other, "said ***\np copy: failed with ***\n"},
	} {
		var stdout, stderr bytes.Buffer
		p.Run(t.Context(), Environment{
			Stdout: &stdout, Stderr: &stderr, Environ: []string{"SOME_API_KEY=" + other, "PATH=/bin"},
			Getenv: func(name string) string { return map[string]string{"P_TOKEN": named}[name] },
		}, []string{tt.command})
		if stdout.String() != tt.stdout || stderr.String() != tt.stderr {
			t.Errorf("%s: got %q and %q, want %q and %q", tt.command, &stdout, &stderr, tt.stdout, tt.stderr)
		}
	}
}

// A command that holds something is left where it stands before it does, and waited for
// from then on.
func TestHold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holds bool // it says that it begins to
		want  string
	}{
		{"while it reads what its flags name", false, "interrupted: enough"},
		{"once it holds something", true, "put away"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		reading := make(chan struct{})
		defer close(reading)
		bind := func(*pflag.FlagSet) Action {
			return func(ctx context.Context, env Environment, _ []string) error {
				if !tt.holds {
					cancel(errors.New("enough"))
					<-reading
					return nil
				}
				env.Hold()
				cancel(errors.New("enough"))
				time.Sleep(lastMoment + 200*time.Millisecond) // to put it away
				return errors.New("put away")
			}
		}
		err := Command{Name: "do", Operands: None, Bind: bind, Holds: true}.execute(ctx, Environment{}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// An interrupt that work does not see ends the wait for it.
func TestAbandon(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	release := make(chan struct{})
	defer close(release)
	err := Abandon(ctx, func() error { <-release; return nil })
	if err == nil || !strings.Contains(err.Error(), "interrupted: enough") {
		t.Errorf("got %v, want an interrupt with its cause", err)
	}
	if err := Abandon(ctx, func() error { return nil }); err != nil {
		t.Errorf("work that is done is done: got %v", err)
	}
}

// "a, b" means a and b, wherever a list stands.
func TestSpacesInLists(t *testing.T) {
	var names []string
	bind := func(fs *pflag.FlagSet) Action {
		fs.StringSliceVar(&names, "names", []string{"all"}, "Take `NAMES`.")
		return func(context.Context, Environment, []string) error {
			return Set(fs, "names", "d , e") // as a file says it
		}
	}
	c := Command{Name: "do", Operands: None, Bind: bind}
	if err := c.execute(t.Context(), Environment{}, []string{"--names", "a, b", "--names=c"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names, "|"); got != "a|b|c|d|e" {
		t.Errorf("got %s, want a|b|c|d|e", got)
	}
}

// A list of a sweep file is the flag's list, whatever stands in its values.
func TestSetList(t *testing.T) {
	var list, array, each []string
	var numbers []int
	var text, one string
	fs := newFlagSet("do")
	fs.StringSliceVar(&list, "list", nil, "")
	fs.StringArrayVar(&array, "array", nil, "")
	Section(fs, "more", func(fs *pflag.FlagSet) {
		Repeated(fs, "each", "", func(text string) error { each = append(each, text); return nil })
		WholeNumbers(fs, &numbers, "numbers", "")
		fs.StringVar(&text, "text", "", "")
		fs.StringVar(&one, "one", "", "")
		InOneText(fs, "text")
	})
	for _, tt := range []struct {
		why, flag string
		values    []string
		wrong     string // "" for none
	}{
		{"a list keeps commas and quotes", "list", []string{"a,b", `"c"`}, ""},
		{"a flag that is repeated has one after the other", "array", []string{"a,b", "c"}, ""},
		{"and one that is taken each time", "each", []string{"a,b", "c"}, ""},
		{"numbers are a list", "numbers", []string{"1", "8"}, ""},
		{"a list in one text has commas between", "text", []string{"0-3", "8"}, ""},
		{"a list of one is a value", "one", []string{"a,b"}, ""},
		{"a comma would make two of one", "text", []string{"0,3", "8"}, `"0,3": a value of this list can have no comma, which separates them`},
		{"a flag of one value has no list", "one", []string{"a", "b"}, "want one value, not a list of 2"},
		{"nothing is no value", "list", nil, "the list is empty: give it a value, or leave it out"},
	} {
		got := ""
		if err := SetList(fs, tt.flag, tt.values); err != nil {
			got = err.Error()
		}
		if got != tt.wrong {
			t.Errorf("%s: got the error %q, want %q", tt.why, got, tt.wrong)
		}
	}
	got := fmt.Sprintf("%q %q %q %v %q %q", list, array, each, numbers, text, one)
	if want := `["a,b" "\"c\""] ["a,b" "c"] ["a,b" "c"] [1 8] "0-3,8" "a,b"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
