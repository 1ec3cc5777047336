package secret

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is a spelling of a value. Beside what it says, each of its bytes may
// stand escaped, in any of the ways of an address (%41), of JSON and program
// text (\u0041, \x41, \/), and of HTML (&#65;), also twice over.
type form struct {
	text string
	fold bool // upper and lower case are one
	word bool // it counts only as a word of its own
}

// least is how much of a form is enough to be hidden, where the rest differs or
// is cut off.
const (
	leastPart = 16
	leastTail = 6 // at the end of the text
)

// formsOf lists the spellings of a value that are no escapes.
func formsOf(v string) []form {
	forms := []form{{text: v, fold: true, word: len(v) < boundedBelow}}
	if len(v) < boundedBelow || len(v) > longest {
		return forms
	}
	forms = append(forms, form{text: hex.EncodeToString([]byte(v)), fold: true})
	// In base64 a value looks in three ways, by where it begins; the first and
	// the last characters depend on what stands beside it.
	for shift := range 3 {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			text = text[(shift*8+5)/6:]
			if (shift+len(v))%3 != 0 {
				text = text[:len(text)-1]
			}
			if len(text) >= boundedBelow {
				forms = append(forms, form{text: text})
			}
		}
	}
	return forms
}

// mark notes the bytes that the form may begin with.
func (f form) mark(starts *[256]bool) {
	c := f.text[0]
	starts[c], starts[lower(c)], starts[upper(c)] = true, true, true
	for _, c := range `%\&+` {
		starts[c] = true
	}
}

// known finds the values in text.
func (r *Redactor) known(text string, whole bool) (spans []span) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.forms) == 0 {
		return nil
	}
	for i := 0; i < len(text); {
		if !r.starts[text[i]] {
			i++
			continue
		}
		end := 0
		c := text[i]
		escape := c == '%' || c == '\\' || c == '&'
		for _, f := range r.forms {
			if !escape && c != '+' && c != f.text[0] && !(f.fold && lower(c) == lower(f.text[0])) {
				continue
			}
			if e := f.at(text, i, whole); e > end {
				end = e
			}
		}
		if end == 0 {
			i++
			continue
		}
		spans = append(spans, span{i, i, end})
		i = end
	}
	return spans
}

// at is where the form ends that begins at i of text, 0 if none does.
func (f form) at(text string, i int, whole bool) int {
	matched, end := f.match(text, i, 0)
	switch {
	case matched == len(f.text):
		if f.word && (i > 0 && isWord(text[i-1]) || end < len(text) && isWord(text[end])) {
			return 0
		}
		return end
	case matched >= leastPart:
		return end
	case whole && end == len(text) && matched >= min(leastTail, len(f.text)) && !f.word:
		return end
	}
	return 0
}

// match says how many bytes of the form, from its byte from on, stand at i of
// text, and where they end.
func (f form) match(text string, i, from int) (matched, end int) {
	n, at := from, i
	for n < len(f.text) && at < len(text) {
		want, got := f.text[n], text[at]
		plain := got == want || f.fold && lower(got) == lower(want)
		if plain && (got == '%' || got == '\\' || got == '&') {
			// It may be itself or begin an escape of itself.
			if c, size := unescape(text[at:], 0); size > 0 && c == want {
				if m, e := f.match(text, at+size, n+1); m > n+1 || n+1 == len(f.text) {
					return m, e
				}
			}
		}
		if plain {
			n, at = n+1, at+1
			continue
		}
		c, size := unescape(text[at:], 0)
		if size == 0 && got == '+' && want == ' ' {
			c, size = ' ', 1
		}
		if size == 0 || c != want && !(f.fold && lower(c) == lower(want)) {
			break
		}
		n, at = n+1, at+size
	}
	return n, at
}

// unescape reads one escaped byte at the start of s; size is 0 if there is none.
func unescape(s string, depth int) (c byte, size int) {
	if len(s) < 2 || depth > 2 {
		return 0, 0
	}
	number := func(digits string, base int) (byte, bool) {
		n, err := strconv.ParseUint(digits, base, 8)
		return byte(n), err == nil
	}
	switch s[0] {
	case '%':
		at := 1
		for strings.HasPrefix(s[at:], "25") && len(s) >= at+4 && isHex(s[at+2]) && isHex(s[at+3]) {
			at += 2 // %2541 is %41
		}
		if len(s) >= at+2 {
			if c, ok := number(s[at:at+2], 16); ok {
				return c, at + 2
			}
		}
	case '\\':
		at := 1
		for at < len(s)-1 && s[at] == '\\' {
			at++ // escaped again and again
		}
		rest := s[at:]
		switch {
		case strings.HasPrefix(rest, "u00") && len(rest) >= 5:
			if c, ok := number(rest[3:5], 16); ok {
				return c, at + 5
			}
		case rest[0] == 'x' && len(rest) >= 3:
			if c, ok := number(rest[1:3], 16); ok {
				return c, at + 3
			}
		case at > 1 && (rest[0] == '"' || rest[0] == '\'' || rest[0] == '/'):
			return rest[0], at + 1
		case at > 1:
			return '\\', at
		}
		if rest[0] < utf8.RuneSelf {
			return rest[0], at + 1
		}
	case '&':
		end := strings.IndexByte(s[:min(len(s), 12)], ';')
		if end < 0 {
			return 0, 0
		}
		if plain := html.UnescapeString(s[:end+1]); len(plain) == 1 {
			if plain == "&" { // &amp;#39; is &#39;
				if c, n := unescape("&"+s[end+1:], depth+1); n > 0 {
					return c, end + n
				}
			}
			return plain[0], end + 1
		}
	}
	return 0, 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'f'
}

func isWord(c byte) bool {
	return c == '_' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'z'
}
