package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// format is the form in which a command prints its result, by --format.
type format struct {
	name  string
	names []string // those that the command has; the first is the default
}

// bindFormat declares --format on fs.
func bindFormat(fs *pflag.FlagSet, what string, names ...string) *format {
	f := &format{names[0], names}
	fs.Var(f, "format", fmt.Sprintf("%s as `FORMAT`: %s.", what, anyOf(f.names)))
	return f
}

// anyOf names formats as a sentence does.
func anyOf(names []string) string { return strings.Join(names, " or ") }

// String implements pflag.Value.
func (f *format) String() string { return f.name }

// Type implements pflag.Value.
func (f *format) Type() string { return "FORMAT" }

// Set implements pflag.Value.
func (f *format) Set(name string) error {
	if !slices.Contains(f.names, name) {
		return fmt.Errorf("want %s", anyOf(f.names))
	}
	f.name = name
	return nil
}

// is reports whether the format is the one of this name.
func (f *format) is(name string) bool { return f.name == name }
