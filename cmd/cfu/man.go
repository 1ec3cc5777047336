package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/atomicfile"
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
	var p page
	p.title("cfu", tagline)
	p.section("SYNOPSIS")
	p.literal([]string{"cfu COMMAND [flags]"})
	p.section("COMMANDS")
	for _, c := range list {
		p.term(`\fB`+roff("cfu-"+c.name)+`\fR(1)`, c.summary)
	}
	p.section("EXIT STATUS")
	p.line(roff(exitStatus))
	return p.String()
}

// manPage is the page of a command: its help, in the sections that a manual has.
func manPage(c command, flags *pflag.FlagSet) string {
	var p page
	p.title("cfu-"+c.name, c.summary)
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
	p.section("SYNOPSIS")
	p.literal(usage)
	if len(description) > 0 {
		p.section("DESCRIPTION")
	}
	for _, text := range description {
		p.paragraph(text)
	}
	if flags.HasFlags() {
		p.section("OPTIONS")
	}
	for _, s := range sections(flags) {
		if s.title != "" {
			p.subsection(s.title)
		}
		s.flags.VisitAll(func(f *pflag.Flag) { p.term(flagEntry(f)) })
	}
	if len(examples) > 0 {
		p.section("EXAMPLES")
		p.literal(examples)
	}
	p.section("SEE ALSO")
	p.line(`\fBcfu\fR(1)`)
	return p.String()
}

// flagEntry is a flag as a page shows it: its name, set in bold, and its description,
// both in the words of the help.
func flagEntry(f *pflag.Flag) (name, description string) {
	one := pflag.NewFlagSet(f.Name, pflag.ContinueOnError)
	one.AddFlag(f)
	name, description, _ = strings.Cut(strings.TrimSpace(one.FlagUsages()), "   ")
	flag, value, _ := strings.Cut(name, " ")
	name = `\fB` + roff(flag) + `\fR`
	if value != "" {
		name += ` \fI` + roff(value) + `\fR`
	}
	return name, strings.TrimSpace(description)
}

// page is a manual page under way.
type page struct{ strings.Builder }

// title begins the page. It has no date: the same build makes the same page.
func (p *page) title(name, summary string) {
	fmt.Fprintf(p, ".TH %s 1 \"\" \"cfu %s\" \"User Commands\"\n", strings.ToUpper(name), roff(version.String()))
	p.line(".nh\n.ad l") // no hyphens and no spaces but the text's own, for what is copied
	p.section("NAME")
	p.line(roff(name) + ` \- ` + roff(summary))
}

func (p *page) line(text string)        { p.WriteString(text + "\n") }
func (p *page) section(title string)    { p.line(".SH " + title) }
func (p *page) subsection(title string) { p.line(`.SS "` + roff(title) + `"`) }
func (p *page) term(name, means string) { p.line(".TP\n" + name + "\n" + roff(means)) }
func (p *page) literal(lines []string)  { p.line(".PP\n.nf\n" + roff(dedent(lines)) + "\n.fi") }

// paragraph sets text that is filled, and the lines of it that are indented as they
// stand.
func (p *page) paragraph(text string) {
	p.line(".PP")
	var table []string
	flush := func() {
		if len(table) > 0 {
			p.line(".RS 2\n.nf\n" + roff(dedent(table)) + "\n.fi\n.RE")
		}
		table = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") {
			table = append(table, line)
			continue
		}
		flush()
		p.line(roff(line))
	}
	flush()
}

// dedent joins lines without the indent that they share.
func dedent(lines []string) string {
	indent := len(lines[0])
	for _, l := range lines {
		indent = min(indent, len(l)-len(strings.TrimLeft(l, " ")))
	}
	cut := make([]string, len(lines))
	for i, l := range lines {
		cut[i] = l[indent:]
	}
	return strings.Join(cut, "\n")
}

// roff writes text so that groff shows it as it is: hyphens that can be copied into
// a shell, no line taken for a request, and letters beyond ASCII by their code.
func roff(text string) string {
	var b strings.Builder
	begin := true // of a line
	for _, r := range text {
		if begin && (r == '.' || r == '\'') {
			b.WriteString(`\&`)
		}
		begin = r == '\n'
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
