// Package roff writes manual pages, in the macros of man(7).
package roff

import (
	"fmt"
	"strings"
)

// Page is a manual page under way. Its zero value is an empty one.
type Page struct{ strings.Builder }

// Title begins the page of a command, source being the program and its version. It
// has no date: the same build makes the same page.
func (p *Page) Title(name, summary, source string) {
	fmt.Fprintf(p, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", strings.ToUpper(name), Text(source))
	p.Line(".nh\n.ad l") // no hyphens and no spaces but the text's own, for what is copied
	p.Section("NAME")
	p.Line(Text(name) + ` \- ` + Text(summary))
}

// Section begins a section.
func (p *Page) Section(title string) { p.Line(".SH " + title) }

// Subsection begins a part of one.
func (p *Page) Subsection(title string) { p.Line(`.SS "` + Text(title) + `"`) }

// Term sets a term, which is roff already (Bold, Italic), and what it means.
func (p *Page) Term(term, means string) { p.Line(".TP\n" + term + "\n" + Text(means)) }

// Line sets a line that is roff already.
func (p *Page) Line(text string) { p.WriteString(text + "\n") }

// Literal sets lines as they stand, without the indent that they share.
func (p *Page) Literal(lines []string) { p.Line(".PP\n.nf\n" + Text(dedent(lines)) + "\n.fi") }

// Bold is text in bold.
func Bold(text string) string { return `\fB` + Text(text) + `\fR` }

// Italic is text in italics.
func Italic(text string) string { return `\fI` + Text(text) + `\fR` }

// Paragraph sets text that is filled, and the lines of it that are indented as they
// stand.
func (p *Page) Paragraph(text string) {
	p.Line(".PP")
	var table []string
	flush := func() {
		if len(table) > 0 {
			p.Line(".RS 2\n.nf\n" + Text(dedent(table)) + "\n.fi\n.RE")
		}
		table = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") {
			table = append(table, line)
			continue
		}
		flush()
		p.Line(Text(line))
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

// Text is text so that groff shows it as it is: hyphens that can be copied into
// a shell, no line taken for a request, and letters beyond ASCII by their code.
func Text(text string) string {
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
