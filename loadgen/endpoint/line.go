package endpoint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostText bounds what is looked at of a text, in bytes.
const mostText = 16 << 10

// Line makes a text from outside fit for a table cell or a terminal: one line of
// valid UTF-8 without control characters and without marks that turn the
// direction of writing, of limit bytes at most and an ellipsis. Secrets are to be
// masked before.
func Line(text string, limit int) string {
	if len(text) > mostText {
		text = text[:mostText]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // marks of direction, joiners, byte order
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return Cut(strings.Join(strings.Fields(text), " "), limit)
}

// Cut shortens text to limit bytes and an ellipsis.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
