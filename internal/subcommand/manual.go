package subcommand

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/atomicfile"
	"cfubench/internal/roff"
)

// Manual is the manual pages by file name, in the macros of man(7): cfu.1, and
// cfu-run.1 and the like.
func (p Program) Manual() map[string]string {
	pages := map[string]string{p.Name + ".1": p.manOverview()}
	for _, c := range p.shown() {
		pages[p.Name+"-"+c.Name+".1"] = p.manPage(c)
	}
	return pages
}

// WriteManual writes the manual pages into the folder dir, which it makes.
func (p Program) WriteManual(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write manual pages: %w", err)
	}
	for name, text := range p.Manual() {
		if err := atomicfile.Write(filepath.Join(dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// manOverview is the page of the program itself.
func (p Program) manOverview() string {
	var page roff.Page
	page.Title(p.Name, p.Tagline, p.Name+" "+p.Version)
	page.Section("SYNOPSIS")
	page.Literal([]string{p.Name + " COMMAND [flags]"})
	page.Section("COMMANDS")
	for _, c := range p.shown() {
		page.Term(roff.Bold(p.Name+"-"+c.Name)+"(1)", c.Summary)
	}
	page.Section("EXIT STATUS")
	page.Line(roff.Text(p.ExitStatus))
	return page.String()
}

// manPage is the page of a command: its help, in the sections that a manual has.
func (p Program) manPage(c Command) string {
	var page roff.Page
	flags := c.flags()
	page.Title(p.Name+"-"+c.Name, c.Summary, p.Name+" "+p.Version)
	var usage, examples []string
	var description []string // its paragraphs
	for paragraph := range strings.SplitSeq(strings.TrimSpace(c.Help), "\n\n") {
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
	page.Section("SYNOPSIS")
	page.Literal(usage)
	if len(description) > 0 {
		page.Section("DESCRIPTION")
	}
	for _, text := range description {
		page.Paragraph(text)
	}
	if flags.HasFlags() {
		page.Section("OPTIONS")
	}
	for _, s := range sections(flags) {
		if s.title != "" {
			page.Subsection(s.title)
		}
		s.flags.VisitAll(func(f *pflag.Flag) { page.Term(flagEntry(f)) })
	}
	if len(examples) > 0 {
		page.Section("EXAMPLES")
		page.Literal(examples)
	}
	page.Section("SEE ALSO")
	page.Line(roff.Bold(p.Name) + "(1)")
	return page.String()
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
