package subcommand

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/prose"
)

// inSection is the annotation of a flag that has a section.
const inSection = "section"

// Section declares the flags of bind on fs, under a title of their own in the
// help.
func Section(fs *pflag.FlagSet, title string, bind func(*pflag.FlagSet)) {
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
		text += s.flags.FlagUsagesWrapped(prose.Width)
	}
	return text
}

// Parsed declares a flag whose text parse makes a value of, at to; text is what stands
// there by default in the help, "" for nothing.
func Parsed[T any](fs *pflag.FlagSet, to *T, name, text, usage string, parse func(text string) (T, error)) {
	fs.Var(&parsed{text, func(text string) (err error) {
		*to, err = parse(text)
		return err
	}}, name, usage)
}

// Taken declares a flag whose text take takes, each time that it is given.
func Taken(fs *pflag.FlagSet, name, usage string, take func(text string) error) {
	fs.Var(&parsed{"", take}, name, usage)
}

// refused is what is wrong with a flag, in the words of whoever parsed it: after the
// flag's name stands the text, or what it is that is wrong.
func refused(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return UsageError{err}
	}
	if _, own := invalid.GetFlag().Value.(*parsed); !own {
		return UsageError{err}
	}
	name, why := invalid.GetFlag().Name, errors.Unwrap(invalid)
	if strings.HasPrefix(why.Error(), `"`) {
		return Usagef("--%s %w", name, why)
	}
	return Usagef("--%s: %w", name, why)
}

// parsed is a flag's value that is kept elsewhere.
type parsed struct {
	text string
	take func(text string) error
}

// String implements pflag.Value.
func (p *parsed) String() string { return p.text }

// Type implements pflag.Value.
func (p *parsed) Type() string { return "string" }

// Set implements pflag.Value.
func (p *parsed) Set(text string) error {
	p.text = text
	return p.take(text)
}

// Format is the form in which a command prints its result, by --format.
type Format struct {
	name  string
	names []string // those that the command has; the first is the default
}

// BindFormat declares --format on fs.
func BindFormat(fs *pflag.FlagSet, what string, names ...string) *Format {
	f := &Format{names[0], names}
	fs.Var(f, "format", fmt.Sprintf("%s as `FORMAT`: %s.", what, AnyOf(f.names)))
	return f
}

// AnyOf names formats as a sentence does.
func AnyOf(names []string) string { return strings.Join(names, " or ") }

// String implements pflag.Value.
func (f *Format) String() string { return f.name }

// Type implements pflag.Value.
func (f *Format) Type() string { return "FORMAT" }

// Set implements pflag.Value.
func (f *Format) Set(name string) error {
	if !slices.Contains(f.names, name) {
		return fmt.Errorf("want %s", AnyOf(f.names))
	}
	f.name = name
	return nil
}

// Is reports whether the format is the one of this name.
func (f *Format) Is(name string) bool { return f.name == name }
