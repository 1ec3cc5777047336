package secret

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"html"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cfubench/internal/outside"
)

// form is a spelling of a value. Beside what it says, each of its bytes may
// stand escaped, in any of the ways of an address (%41), of JSON and program
// text (\u0041, \x41, \101, \/), and of HTML (&#65;), also twice over.
type form struct {
	text string
	fold bool // upper and lower case are one
	word bool // it counts only as a word of its own
}

// least is how much of a form is enough to be hidden, where the rest differs or
// is cut off.
const (
	leastPart = 16 // from its start on, in any spelling; from anywhere in it, as it is
	leastTail = 6  // at the end of the text
)

// parts finds forms in text by any leastPart characters of them: a server may
// cut a value off at its start, too, or show its end alone. The characters are in
// lower case.
type parts struct {
	of     map[[leastPart]byte]partOf
	begins [1 << 16]bool // by begin, of the first characters of those parts
}

// partOf is where in a form a part of it stands.
type partOf struct{ form, at int }

// add makes the parts of the form at index known.
func (p *parts) add(index int, f form) {
	for at := range len(f.text) - leastPart + 1 {
		key := partAt(f.text, at)
		if _, have := p.of[key]; !have {
			p.of[key] = partOf{index, at}
			p.begins[begin(f.text, at)] = true
		}
	}
}

// begin is a hash of three characters.
func begin(text string, at int) uint16 {
	return uint16(lower(text[at]))<<11 ^ uint16(lower(text[at+1]))<<5 ^ uint16(lower(text[at+2]))
}

func partAt(text string, at int) (key [leastPart]byte) {
	for i := range key {
		key[i] = lower(text[at+i])
	}
	return key
}

// end is where the part of a form ends that begins at i of text, 0 if none does.
func (p *parts) end(text string, i int, forms []form) int {
	if p == nil || len(text)-i < leastPart || !p.begins[begin(text, i)] {
		return 0
	}
	at, found := p.of[partAt(text, i)]
	if !found {
		return 0
	}
	n := leastPart
	for rest := forms[at.form].text[at.at:]; n < min(len(rest), len(text)-i) && lower(rest[n]) == lower(text[i+n]); {
		n++
	}
	return i + n
}

// formsOf lists the spellings of a value that are no escapes.
func formsOf(v string) []form {
	forms := []form{{text: v, fold: true, word: len(v) < boundedBelow}}
	if len(v) < boundedBelow || len(v) > longest {
		return forms
	}
	digits := hex.EncodeToString([]byte(v))
	forms = append(forms, form{text: digits, fold: true})
	for _, between := range []string{":", "-"} { // as fingerprints and dumps are written
		var pairs strings.Builder
		for i := 0; i < len(digits); i += 2 {
			if i > 0 {
				pairs.WriteString(between)
			}
			pairs.WriteString(digits[i : i+2])
		}
		forms = append(forms, form{text: pairs.String(), fold: true})
	}
	for _, between := range []string{",", ", ", " "} { // as bytes are printed
		var numbers strings.Builder
		for i := range len(v) {
			if i > 0 {
				numbers.WriteString(between)
			}
			numbers.WriteString(strconv.Itoa(int(v[i])))
		}
		forms = append(forms, form{text: numbers.String(), fold: true})
	}
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
	// In base32 in five ways.
	for shift := range 5 {
		for _, e := range []*base32.Encoding{base32.StdEncoding, base32.HexEncoding} {
			text := e.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			text = text[(shift*8+4)/5:]
			if (shift+len(v))%5 != 0 {
				text = text[:len(text)-1]
			}
			if len(text) >= boundedBelow {
				forms = append(forms, form{text: text, fold: true})
			}
		}
	}
	return forms
}

// escapes are what an escape begins with.
const escapes = `%\&+`

// index notes by which bytes the form may begin where it is no escape.
func (r *Redactor) index(f form) {
	first := []byte{f.text[0]}
	if f.fold && lower(first[0]) != upper(first[0]) {
		first = []byte{lower(first[0]), upper(first[0])}
	}
	for _, c := range first {
		r.byFirst[c] = append(r.byFirst[c], f)
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
		end := r.parts.end(text, i, r.forms)
		c := text[i]
		escape := strings.IndexByte(escapes, c) >= 0
		forms := r.byFirst[c]
		if escape {
			forms = r.forms
		}
		for _, f := range forms {
			if !escape && !f.mayGoOn(text[i+1:]) {
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

// mayGoOn reports whether the second character of the form may come first in rest,
// or nothing does.
func (f form) mayGoOn(rest string) bool {
	if rest == "" {
		return true
	}
	c := rest[0]
	return c == f.text[1] || f.fold && lower(c) == lower(f.text[1]) || c <= ' ' || c >= 0x7f || strings.IndexByte(escapes, c) >= 0
}

// at is where the form ends that begins at i of text, 0 if none does.
func (f form) at(text string, i int, whole bool) int {
	matched, end := f.match(text, i)
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

// match says how many bytes of the form stand at i of text, and where they end.
// What stands there may read in several ways (%2500 is the %00 of an address, or
// a zero byte escaped twice), so that match follows all of them, byte by byte of
// the form.
func (f form) match(text string, i int) (matched, end int) {
	var room [2][8]int
	ends, next := append(room[0][:0], i), room[1][:0]
	for matched < len(f.text) {
		next = next[:0]
		for _, at := range ends {
			next = f.step(next, text, at, f.text[matched])
			if gap := breaks(text[at:]); gap > 0 && matched > 0 && len(f.text) >= leastPart {
				next = f.step(next, text, at+gap, f.text[matched])
			}
		}
		if len(next) == 0 {
			break
		}
		ends, next = next, ends
		matched++
	}
	return matched, slices.Max(ends)
}

// step adds to ends where the character c ends if it stands at i of text.
func (f form) step(ends []int, text string, i int, c byte) []int {
	for read, size := range readings(text[i:], nested) {
		same := read == c || f.fold && lower(read) == lower(c)
		if same && !slices.Contains(ends, i+size) {
			ends = append(ends, i+size)
		}
	}
	return ends
}

// breaks is how many bytes s begins with of what nobody sees or a terminal takes
// for a command, plain or escaped: a long value may be wrapped, spaced out, of two
// bytes a character, or have characters without width or colours between its own.
func breaks(s string) int {
	n := 0
	for n < min(len(s), longestBreak) {
		c, size := character(s[n:])
		switch {
		case c == '\x1b' || c == '\u009b':
			size += outside.Sequence(s[n+size:], c)
		case c != utf8.RuneError && !unicode.IsSpace(c) && !unicode.IsControl(c) && !unicode.Is(unicode.Cf, c):
			return n
		}
		n += size
	}
	return n
}

// character is the first character of s, or the one of an escape in JSON, Go, an
// address or HTML that s begins with.
func character(s string) (c rune, size int) {
	switch s[0] {
	case '\\':
		n := 1
		for n < min(len(s), slashes) && s[n] == '\\' {
			n++
		}
		if n < len(s) && s[n] == '0' {
			return 0, n + 1
		}
		if c, _, tail, err := strconv.UnquoteChar(s[n-1:], '"'); err == nil && n < len(s) {
			return c, len(s) - len(tail)
		}
	case '%':
		for c, n := range readings(s, 0) {
			if n > 1 && c < ' ' {
				return rune(c), n
			}
		}
	case '&':
		if end := strings.IndexByte(s[:min(len(s), 12)], ';'); end > 0 {
			if plain := []rune(html.UnescapeString(s[:end+1])); len(plain) == 1 {
				return plain[0], end + 1
			}
		}
	}
	return utf8.DecodeRuneInString(s)
}

const (
	// longestBreak is the most bytes that may part two characters of a value.
	longestBreak = 24
	// nested is how often an escape of HTML may be escaped again.
	nested = 2
	// slashes is how many backslashes may escape one character: 15 are those of
	// one that was escaped four times.
	slashes = 16
)

// readings yields what the first bytes of s may stand for, and how many they
// are: the first for itself, an escape for the byte it means, also where the
// escape was escaped again.
func readings(s string, depth int) iter.Seq2[byte, int] {
	return func(yield func(byte, int) bool) {
		if s == "" || !yield(s[0], 1) {
			return
		}
		switch s[0] {
		case '+':
			yield(' ', 1)
		case '%':
			percent(s, yield)
		case '\\':
			backslash(s, yield)
		case '&':
			entity(s, depth, yield)
		}
	}
}

// percent reads %41, %2541, %252541 …
func percent(s string, yield func(byte, int) bool) {
	for at := 1; ; at += 2 {
		c, ok := hexByte(s[at:])
		if !ok || !yield(c, at+2) || c != '%' {
			return
		}
	}
}

// backslash reads \", \\, \n, \101, \x41 and \u0041 behind any number of backslashes.
func backslash(s string, yield func(byte, int) bool) {
	n := 1
	for ; n < min(len(s), slashes) && s[n] == '\\'; n++ {
		if !yield('\\', n+1) {
			return
		}
	}
	rest := s[n:]
	if rest == "" || rest[0] >= utf8.RuneSelf {
		return
	}
	if c, ok := hexByte(strings.TrimPrefix(rest, "u00")); ok && strings.HasPrefix(rest, "u00") && !yield(c, n+5) {
		return
	}
	if c, err := strconv.ParseUint(rest[:min(len(rest), 3)], 8, 8); err == nil && len(rest) >= 3 && !yield(byte(c), n+3) {
		return
	}
	if c, ok := hexByte(strings.TrimPrefix(rest, "x")); ok && rest[0] == 'x' && !yield(c, n+3) {
		return
	}
	yield(rest[0], n+1)
}

// entity reads &#39;, &quot;, &amp;#39; …
func entity(s string, depth int, yield func(byte, int) bool) {
	end := strings.IndexByte(s[:min(len(s), 12)], ';')
	if end < 0 {
		return
	}
	plain := html.UnescapeString(s[:end+1])
	if len(plain) != 1 || !yield(plain[0], end+1) || plain != "&" || depth == 0 {
		return
	}
	for c, size := range readings("&"+s[end+1:], depth-1) {
		if size > 1 && !yield(c, end+size) {
			return
		}
	}
}

// hexByte reads the two hexadecimal digits at the start of s.
func hexByte(s string) (byte, bool) {
	if len(s) < 2 || !isHex(s[0]) || !isHex(s[1]) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:2], 16, 8)
	return byte(n), err == nil
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
