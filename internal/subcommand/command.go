// Package subcommand is the frame of a program with subcommands: their flags and help,
// exit codes, interrupts, manual pages and completions. It knows none of the commands.
package subcommand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/pflag"

	"cfubench/internal/secret"
)

// Environment is all that a command touches of the world outside its files.
type Environment struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        []string         // NAME=VALUE each, of which those named like secrets are
	Secrets        *secret.Redactor // knows what nothing that is written may have

	holds func()
}

// Hold says that a command which Holds begins to: from now on it ends itself when it is
// interrupted. Until then it reads what its flags name, which may be pipes.
func (e Environment) Hold() {
	if e.holds != nil {
		e.holds()
	}
}

// Say says something on stderr, a message of its own.
func (e Environment) Say(format string, args ...any) {
	fmt.Fprintf(e.Stderr, format+"\n", args...)
}

// Warn says a doubt on stderr, a message of its own.
func (e Environment) Warn(format string, args ...any) {
	e.Say("warning: "+format, args...)
}

// WarnAll says doubts on stderr.
func (e Environment) WarnAll(doubts []string) {
	for _, d := range doubts {
		e.Warn("%s", d)
	}
}

// Command is one subcommand: what it is called, what it says of itself, and
// what it does.
type Command struct {
	Name     string
	Summary  string // its line in the help of the program; a command without one is hidden
	Help     string // what --help prints above the flags
	Operands Operands
	Bind     func(fs *pflag.FlagSet) Action
	// Holds: from Environment.Hold on it has processes, sensors or connections to put
	// away, which it ends itself when it is interrupted.
	Holds bool
	// Verbatim: its stdout is somebody's own text, in which nothing is looked for.
	Verbatim bool
}

// Action does a command whose flags were bound to a flag set that has been
// parsed since. The operands are the arguments that are no flags.
type Action func(ctx context.Context, env Environment, operands []string) error

// Operands refuses a wrong number of operands.
type Operands func(args []string) error

// None is of commands that flags alone tell everything.
func None(args []string) error {
	if len(args) > 0 {
		return Usagef("unexpected argument %q: flags start with --", args[0])
	}
	return nil
}

// Any is of commands whose flags say how many operands they want.
func Any([]string) error { return nil }

// One is of commands that want one operand, in words such as "one shell".
func One(what string) Operands {
	return func(args []string) error {
		if len(args) != 1 {
			return Usagef("want %s, got %d arguments", what, len(args))
		}
		return nil
	}
}

// execute parses the arguments and does the command. Help that is asked for is
// a result: it goes to stdout, and there is no error.
func (c Command) execute(ctx context.Context, env Environment, args []string) error {
	fs := newFlagSet(c.Name)
	do := c.Bind(fs)
	if err := fs.Parse(args); errors.Is(err, pflag.ErrHelp) {
		_, err := io.WriteString(env.Stdout, c.Help+usages(fs))
		return err
	} else if err != nil {
		return refused(err)
	}
	fs.Visit(trim)
	if err := c.Operands(fs.Args()); err != nil {
		return err
	}
	var held chan struct{} // never closed without Holds
	if c.Holds {
		held = make(chan struct{})
		env.holds = sync.OnceFunc(func() { close(held) })
	}
	return abandon(ctx, held, func() error { return do(ctx, env, fs.Args()) })
}

// newFlagSet is an empty set that prints nothing of its own.
func newFlagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	return fs
}

// UsageError is wrong usage: exit 2.
type UsageError struct{ Err error }

// Error is what is wrong.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e UsageError) Unwrap() error { return e.Err }

// WrongUsage marks it, as other packages mark theirs.
func (UsageError) WrongUsage() {}

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return UsageError{fmt.Errorf(format, args...)}
}

// isUsage reports whether an error is wrong usage.
func isUsage(err error) bool {
	var wrong interface{ WrongUsage() }
	return errors.As(err, &wrong)
}

// Exit ends the program with a code of its own, by a command that has spoken for itself.
type Exit int

// Error says what the code is.
func (e Exit) Error() string { return fmt.Sprintf("the command ended with exit code %d", int(e)) }
