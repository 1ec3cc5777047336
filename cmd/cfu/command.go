package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/results/runfolder"
)

// command is one subcommand: what it is called, what it says of itself, and
// what it does.
type command struct {
	name     string
	summary  string // its line in `cfu help`; a command without one is hidden
	help     string // what --help prints above the flags
	operands operands
	bind     func(fs *pflag.FlagSet) action
}

// action does a command whose flags were bound to a flag set that has been
// parsed since. The operands are the arguments that are no flags.
type action func(ctx context.Context, env environment, operands []string) error

// operands refuses a wrong number of operands.
type operands func(args []string) error

// execute parses the arguments and does the command. Help that is asked for is
// a result: it goes to stdout, and there is no error.
func (c command) execute(ctx context.Context, env environment, args []string) error {
	fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard) // Main prints errors, execute the help
	do := c.bind(fs)
	if err := fs.Parse(args); errors.Is(err, pflag.ErrHelp) {
		_, err := io.WriteString(env.stdout, c.help+usages(fs))
		return err
	} else if err != nil {
		return usageError{err}
	}
	if err := c.operands(fs.Args()); err != nil {
		return err
	}
	if c.holds() {
		return do(ctx, env, fs.Args())
	}
	return abandon(ctx, func() error { return do(ctx, env, fs.Args()) })
}

// helpWidth is how wide the descriptions of flags may be, in columns.
const helpWidth = 100

// inSection is the annotation of a flag that has a section.
const inSection = "section"

// section declares the flags of bind on fs, under a title of their own in the
// help.
func section(fs *pflag.FlagSet, title string, bind func(*pflag.FlagSet)) {
	part := pflag.NewFlagSet(title, pflag.ContinueOnError)
	part.SortFlags = false
	bind(part)
	part.VisitAll(func(f *pflag.Flag) { f.Annotations = map[string][]string{inSection: {title}} })
	fs.AddFlagSet(part)
}

// flagSection are flags under one title of the help, "" for none.
type flagSection struct {
	title string
	flags *pflag.FlagSet
}

// sections are the flags in the order in which they were declared, by the titles
// under which the help has them.
func sections(fs *pflag.FlagSet) []flagSection {
	var list []flagSection
	places := map[string]int{}
	fs.VisitAll(func(f *pflag.Flag) {
		title := strings.Join(f.Annotations[inSection], "")
		i, known := places[title]
		if !known {
			i = len(list)
			places[title] = i
			part := pflag.NewFlagSet(title, pflag.ContinueOnError)
			part.SortFlags = false
			list = append(list, flagSection{title, part})
		}
		list[i].flags.AddFlag(f)
	})
	return list
}

// usages describes the flags, section by section.
func usages(fs *pflag.FlagSet) string {
	var text string
	for i, s := range sections(fs) {
		if i > 0 {
			text += "\n"
		}
		if s.title != "" {
			text += "  " + s.title + ":\n"
		}
		text += s.flags.FlagUsagesWrapped(helpWidth)
	}
	return text
}

// noOperand is of commands that flags alone tell everything.
func noOperand(args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q: flags start with --", args[0])
	}
	return nil
}

// oneRun is of commands that work on the folder of one run.
func oneRun(args []string) error {
	if len(args) != 1 {
		return usagef("want one folder, the OUT of a run, got %d arguments", len(args))
	}
	return nil
}

// anyOperands is of commands whose flags say how many operands they want.
func anyOperands([]string) error { return nil }

// usageError is wrong usage: exit 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// isUsage reports whether an error is wrong usage.
func isUsage(err error) bool {
	var own usageError
	var config runfolder.ConfigError
	return errors.As(err, &own) || errors.As(err, &config)
}
