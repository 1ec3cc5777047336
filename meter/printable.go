package meter

import (
	"strings"
	"unicode"
)

// Printable is text that a device, an exporter or a command line says of itself, fit
// for a table and a terminal: valid UTF-8 on one line, without control characters
// and without those that change the direction of what follows.
func Printable(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.TrimSpace(clean)
}

// printable is the domain with its texts fit to print.
func (d Domain) printable() Domain {
	for _, text := range []*string{&d.Name, &d.Device, &d.Product, &d.Driver, &d.Host, &d.Source, &d.Parent, &d.Note} {
		*text = Printable(*text)
	}
	return d
}

// Printable is the refusal with its texts fit to print.
func (r Refusal) Printable() Refusal {
	for _, text := range []*string{&r.Source, &r.Domain, &r.Reason, &r.Remedy} {
		*text = Printable(*text)
	}
	return r
}
