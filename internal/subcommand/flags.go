package subcommand

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	part.VisitAll(func(f *pflag.Flag) { annotate(f, inSection, title) })
	fs.AddFlagSet(part)
}

// inOneText is the annotation of a flag whose values stand in one text, with commas
// between them.
const inOneText = "list in one text"

// InOneText says of flags that they take several values as one text, with commas
// between them, though they are no lists of pflag's.
func InOneText(fs *pflag.FlagSet, names ...string) {
	for _, name := range names {
		annotate(fs.Lookup(name), inOneText, "")
	}
}

func annotate(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[key] = []string{value}
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
	fs.Var(&parsed{text: text, take: func(text string) (err error) {
		*to, err = parse(text)
		return err
	}}, name, usage)
}

// Taken declares a flag whose text take takes.
func Taken(fs *pflag.FlagSet, name, usage string, take func(text string) error) {
	fs.Var(&parsed{take: take}, name, usage)
}

// Repeated declares a flag that may be given several times: take takes each text.
func Repeated(fs *pflag.FlagSet, name, usage string, take func(text string) error) {
	fs.Var(&parsed{take: take, repeated: true}, name, usage)
}

// WholeNumbers declares a flag of whole numbers, which is a list; where it is repeated,
// each adds to the list.
func WholeNumbers(fs *pflag.FlagSet, to *[]int, name, usage string) {
	given := false
	Repeated(fs, name, usage, func(text string) error {
		var list []int
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil {
				return fmt.Errorf("%q: want whole numbers with commas between them, such as 1,4,8", text)
			}
			list = append(list, n)
		}
		if given {
			list = append(*to, list...)
		}
		*to, given = list, true
		return nil
	})
}

// forms are what is wanted of the flags that pflag itself parses, by its names of their
// types.
var forms = map[string]string{
	"bool":     "true or false",
	"duration": "a duration such as 500ms, 10s or 2h",
	"float64":  "a number",
	"int":      "a whole number",
	"int64":    "a whole number",
	"uint64":   "a whole number, not negative",
}

// refused is what is wrong with a flag of the command line.
func refused(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return UsageError{err}
	}
	why := wrong(invalid)
	if strings.HasPrefix(why.Error(), `"`) {
		return Usagef("--%s %w", invalid.GetFlag().Name, why)
	}
	return Usagef("--%s: %w", invalid.GetFlag().Name, why)
}

// wrong is what is wrong with a flag's value, in the words of whoever parsed it: it
// begins with the value, or with what of it is wrong.
func wrong(invalid *pflag.InvalidValueError) error {
	value := invalid.GetFlag().Value
	if form, known := forms[value.Type()]; known {
		return fmt.Errorf("%q: want %s", invalid.GetValue(), form)
	}
	why := errors.Unwrap(invalid)
	if _, own := value.(*parsed); own || strings.HasPrefix(why.Error(), `"`) {
		return why
	}
	return fmt.Errorf("%q: %w", invalid.GetValue(), why)
}

// Set gives a flag the value that stands elsewhere than on the command line; the error
// does not name the flag.
func Set(fs *pflag.FlagSet, name, text string) error {
	err := fs.Set(name, text)
	if invalid := (*pflag.InvalidValueError)(nil); errors.As(err, &invalid) {
		return wrong(invalid)
	}
	if err == nil {
		trim(fs.Lookup(name))
	}
	return err
}

// SetList gives a flag a list that stands elsewhere than on the command line: each value
// is one of the flag's, whatever commas it has. The error does not name the flag.
func SetList(fs *pflag.FlagSet, name string, values []string) error {
	f := fs.Lookup(name)
	own, _ := f.Value.(*parsed)
	_, inText := f.Annotations[inOneText]
	switch {
	case len(values) == 0:
		return errors.New("the list is empty: give it a value, or leave it out")
	case f.Value.Type() == "stringSlice": // which reads a line of CSV
		var line strings.Builder
		w := csv.NewWriter(&line)
		_ = w.Write(values) // into memory it has no error
		w.Flush()
		return Set(fs, name, strings.TrimSuffix(line.String(), "\n"))
	case f.Value.Type() == "stringArray", own != nil && own.repeated:
		for _, v := range values {
			if err := Set(fs, name, v); err != nil {
				return err
			}
		}
		return nil
	case inText:
		for _, v := range values {
			if len(values) > 1 && strings.Contains(v, ",") {
				return fmt.Errorf("%q: a value of this list can have no comma, which separates them", v)
			}
		}
		return Set(fs, name, strings.Join(values, ","))
	case len(values) > 1:
		return fmt.Errorf("want one value, not a list of %d", len(values))
	}
	return Set(fs, name, values[0])
}

// trim takes the spaces around the values of a list away: "a, b" means a and b.
func trim(f *pflag.Flag) {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok || f.Value.Type() != "stringSlice" {
		return
	}
	values := list.GetSlice()
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	_ = list.Replace(values) // of strings it has no error
}

// parsed is a flag's value that is kept elsewhere.
type parsed struct {
	text     string
	take     func(text string) error
	repeated bool // take takes several, one after the other
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
