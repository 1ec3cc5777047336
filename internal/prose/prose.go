// Package prose fits sentences for people to a page: what is longer than a line goes on
// in the next one, indented. Tables are of internal/texttable. In a pipe or a file each
// message is one line, for those that look for it there; so is an error anywhere.
package prose

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Width is how many characters a line of a command's output has at most.
const Width = 100

// indent is how far a line's continuation stands behind its begin.
const indent = "  "

// Break breaks text at its spaces into lines, of at most so many characters the first
// and the others. A longer word has a line of its own, and a percent sign stands with
// its number.
func Break(text string, first, others int) []string {
	var lines []string
	words := strings.Split(strings.ReplaceAll(text, " %", together), " ")
	line, width := words[0], first
	for _, word := range words[1:] {
		if longer := line + " " + word; utf8.RuneCountInString(longer) <= width || strings.Trim(line, " ") == "" {
			line = longer
			continue
		}
		lines = append(lines, strings.TrimRight(line, " "))
		line, width = word, others
	}
	if line = strings.TrimRight(line, " "); line != "" || lines == nil {
		lines = append(lines, line)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], together, " %")
	}
	return lines
}

// together is a percent sign behind a space that is no place to break at, as long as the
// other.
const together = "\u00a0%"

// Wrap breaks the lines of text that are longer than Width. What a line goes on with is
// indented two characters more than the line.
func Wrap(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(body) <= Width {
			b.WriteString(line)
			continue
		}
		said := strings.TrimLeft(body, " ")
		margin := body[:len(body)-len(said)]
		width := Width - len(margin)
		b.WriteString(margin + strings.Join(Break(said, width, width-len(indent)), "\n"+margin+indent))
		b.WriteString(line[len(body):])
	}
	return b.String()
}

// Page is a writer whose reader sees pages: what is printed on it is wrapped.
type Page struct{ io.Writer }

// On returns f, as a Page if it is a terminal.
func On(f *os.File) io.Writer {
	if term.IsTerminal(int(f.Fd())) {
		return Page{f}
	}
	return f
}

// Print prints text on w, wrapped if that is a Page.
func Print(w io.Writer, text string) error {
	if _, page := w.(Page); page {
		text = Wrap(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Write prints on w what write writes. What write had written when it failed is printed
// too.
func Write(w io.Writer, write func(io.Writer) error) error {
	var text strings.Builder
	err := write(&text)
	if failed := Print(w, text.String()); err == nil {
		err = failed
	}
	return err
}
