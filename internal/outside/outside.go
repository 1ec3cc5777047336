// Package outside makes text from outside (servers, engines, sensors, traces,
// inventories) fit to be shown and stored: valid UTF-8 without control
// characters, terminal sequences or marks that turn the direction of writing,
// and bounded.
//
// It changes how a text looks, never what a figure is. Secrets are hidden
// before a text is cut: see package secret.
package outside

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limit is how many bytes a message of one line has at most, where nothing else
// is asked for.
const Limit = 300

// Mark stands where a text was cut.
const Mark = "…"

// Line is text in one line of at most limit bytes, Limit if 0: line breaks and
// runs of space become one space.
func Line(text string, limit int) string { return Cut(Clean(text), limit) }

// Lines is text of several lines, each cleaned by itself, of at most limit bytes
// in all.
func Lines(text string, limit int) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, Clean(line))
	}
	return Cut(strings.Join(out, "\n"), limit)
}

// Text is text of several lines, each as wide and as indented as it was.
func Text(text string) string {
	if isASCII(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.Split(line, " ")
		for k, word := range words {
			words[k] = Clean(word)
		}
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, "\n")
}

// isASCII reports whether text is of printable ASCII characters, spaces and line
// breaks alone, as nearly all are.
func isASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && c != '\n' {
			return false
		}
	}
	return true
}

// Clean is Line without a bound.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	var out strings.Builder
	space := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == '\x1b' || r == '\u009b' || r == '\u009d' {
			size += Sequence(text[i+size:], r)
		}
		i += size
		switch {
		case unicode.IsSpace(r) || r == '\x7f' || r < ' ' && r != '\x1b':
			space = true
			continue
		case unicode.IsControl(r) || Hidden(r):
			continue
		}
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteRune(r) // utf8.RuneError for what is no UTF-8
	}
	return out.String()
}

// isClean reports whether Clean would change nothing.
func isClean(text string) bool {
	last := ' '
	for i, r := range text {
		switch {
		case r == ' ' && last == ' ', r != ' ' && unicode.IsSpace(r), unicode.IsControl(r), Hidden(r):
			return false
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return false
			}
		}
		last = r
	}
	return text == "" || last != ' '
}

// Hidden reports whether a character shows nothing and changes how others are
// shown: marks of direction (U+202E turns a name around), tags, byte order
// marks. The joiners of emoji and of Indic scripts stay.
func Hidden(r rune) bool {
	return r > 0x7f && r != '\u200c' && r != '\u200d' && unicode.Is(unicode.Cf, r)
}

// Sequence is how many bytes the rest of a terminal's control sequence is that r has
// begun (ECMA-48).
func Sequence(rest string, r rune) int {
	at, kind := 0, byte('[')
	switch {
	case r == '\u009d':
		kind = ']'
	case r == '\x1b':
		if rest == "" {
			return 0
		}
		at, kind = 1, rest[0]
	}
	switch kind {
	case '[': // parameters, then one final byte
		for n := at; n < len(rest) && n < 64; n++ {
			if c := rest[n]; c >= 0x40 && c <= 0x7e {
				return n + 1
			} else if c < 0x20 || c > 0x7e {
				break
			}
		}
		return at
	case ']', 'P', 'X', '^', '_': // a text up to BEL or ST
		for n := at; n < len(rest) && n < 1024; n++ {
			switch {
			case rest[n] == '\a':
				return n + 1
			case strings.HasPrefix(rest[n:], "\x1b\\"), strings.HasPrefix(rest[n:], "\u009c"):
				return n + 2
			case rest[n] == '\n':
				return at
			}
		}
		return at
	}
	if at == 1 && kind >= 0x30 && kind <= 0x7e {
		return 1
	}
	return 0
}

// Cut is text of at most limit bytes, Limit if 0, with Mark at its end if there
// was more. It never cuts in a character.
func Cut(text string, limit int) string {
	if limit <= 0 {
		limit = Limit
	}
	if len(text) <= limit {
		return text
	}
	n := max(0, limit-len(Mark))
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + Mark
}

// Cell is text for a cell of a CSV file: what a spreadsheet would take for a
// formula gets an apostrophe in front. Numbers stay numbers.
func Cell(text string) string {
	text = Clean(text)
	r, _ := utf8.DecodeRuneInString(text)
	switch r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
	default:
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(strings.TrimSuffix(text, "Inf"), "+-.0123456789eE") == "" {
		return text
	}
	return "'" + text
}
