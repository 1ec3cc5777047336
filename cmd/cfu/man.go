package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/atomicfile"
	"cfubench/internal/roff"
	"cfubench/internal/version"
)

const manHelp = `Writes cfu's manual pages to the folder DIR, which it makes: cfu.1 and a page for
each command. They hold what 'cfu help' and 'cfu COMMAND --help' print.

usage: cfu man DIR

examples:
  cfu man man/ && man -l man/cfu-run.1
  cfu man ~/.local/share/man/man1      then 'man cfu-run'
`

// bindMan is `cfu man`.
func bindMan(*pflag.FlagSet) action {
	return func(_ context.Context, _ environment, operands []string) error {
		if len(operands) != 1 {
			return usagef("want one folder, got %d arguments", len(operands))
		}
		dir := operands[0]
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("write manual pages: %w", err)
		}
		for name, text := range manPages() {
			if err := atomicfile.Write(filepath.Join(dir, name), []byte(text)); err != nil {
				return err
			}
		}
		return nil
	}
}

// manPages are the manual pages by file name, in the macros of man(7): cfu.1, and
// cfu-run.1 and the like.
func manPages() map[string]string {
	list, flags := shown()
	pages := map[string]string{"cfu.1": manOverview(list)}
	for _, c := range list {
		pages["cfu-"+c.name+".1"] = manPage(c, flags[c.name])
	}
	return pages
}

// manOverview is the page of cfu itself.
func manOverview(list []command) string {
	var p roff.Page
	p.Title("cfu", tagline, "cfu "+version.String())
	p.Section("SYNOPSIS")
	p.Literal([]string{"cfu COMMAND [flags]"})
	p.Section("COMMANDS")
	for _, c := range list {
		p.Term(roff.Bold("cfu-"+c.name)+"(1)", c.summary)
	}
	p.Section("EXIT STATUS")
	p.Line(roff.Text(exitStatus))
	return p.String()
}

// manPage is the page of a command: its help, in the sections that a manual has.
func manPage(c command, flags *pflag.FlagSet) string {
	var p roff.Page
	p.Title("cfu-"+c.name, c.summary, "cfu "+version.String())
	var usage, examples []string
	var description []string // its paragraphs
	for paragraph := range strings.SplitSeq(strings.TrimSpace(c.help), "\n\n") {
		head, rest, _ := strings.Cut(paragraph, "\n")
		switch {
		case strings.HasPrefix(head, "usage: "):
			for line := range strings.Lines(paragraph) {
				usage = append(usage, strings.TrimSpace(strings.TrimPrefix(line, "usage: ")))
			}
		case head == "examples:":
			examples = append(examples, strings.Split(rest, "\n")...)
		case head != "flags:":
			description = append(description, paragraph)
		}
	}
	p.Section("SYNOPSIS")
	p.Literal(usage)
	if len(description) > 0 {
		p.Section("DESCRIPTION")
	}
	for _, text := range description {
		p.Paragraph(text)
	}
	if flags.HasFlags() {
		p.Section("OPTIONS")
	}
	for _, s := range sections(flags) {
		if s.title != "" {
			p.Subsection(s.title)
		}
		s.flags.VisitAll(func(f *pflag.Flag) { p.Term(flagEntry(f)) })
	}
	if len(examples) > 0 {
		p.Section("EXAMPLES")
		p.Literal(examples)
	}
	p.Section("SEE ALSO")
	p.Line(roff.Bold("cfu") + "(1)")
	return p.String()
}

// flagEntry is a flag as a page shows it: its name, set in bold, and its description,
// both in the words of the help.
func flagEntry(f *pflag.Flag) (name, description string) {
	one := pflag.NewFlagSet(f.Name, pflag.ContinueOnError)
	one.AddFlag(f)
	name, description, _ = strings.Cut(strings.TrimSpace(one.FlagUsages()), "   ")
	flag, value, _ := strings.Cut(name, " ")
	name = roff.Bold(flag)
	if value != "" {
		name += " " + roff.Italic(value)
	}
	return name, strings.TrimSpace(description)
}
