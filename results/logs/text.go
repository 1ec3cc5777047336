package logs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// errUTF16 refuses a request log in UTF-16, which is read in several places at
// once.
var errUTF16 = errors.New("the file is in UTF-16, as PowerShell's > writes it: make it UTF-8 first (iconv -f UTF-16 -t UTF-8 FILE)")

// utf16Order returns the byte order of text in UTF-16, told by its mark or by
// the zeros beside its first letters; ok is false for other text.
func utf16Order(head []byte) (big, ok bool) {
	if len(head) < 4 {
		return false, false
	}
	switch {
	case head[0] == 0xff && head[1] == 0xfe:
		return false, true
	case head[0] == 0xfe && head[1] == 0xff:
		return true, true
	case head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		return false, true
	case head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		return true, true
	}
	return false, false
}

// utf16Text reads UTF-16 as UTF-8. Letters beyond 16 bits, of which logs of
// sensors have none, become two replacements.
type utf16Text struct {
	r    *bufio.Reader
	big  bool
	held []byte
}

func (u *utf16Text) Read(p []byte) (int, error) {
	for len(u.held) < len(p) {
		var unit [2]byte
		if _, err := io.ReadFull(u.r, unit[:]); err != nil {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF // half a letter, of a file that was cut
			}
			if len(u.held) > 0 {
				break
			}
			return 0, err
		}
		letter := rune(unit[0]) | rune(unit[1])<<8
		if u.big {
			letter = rune(unit[1]) | rune(unit[0])<<8
		}
		u.held = utf8.AppendRune(u.held, letter)
	}
	n := copy(p, u.held)
	u.held = append(u.held[:0], u.held[n:]...)
	return n, nil
}

// plainJSON reads JSON as Python writes it: the words NaN, Infinity and
// -Infinity outside of strings become values that are no numbers, and a byte
// order mark becomes space. What is read keeps its place in the file: every byte
// stands for one.
type plainJSON struct {
	r       io.Reader
	err     error
	buffer  []byte
	ready   []byte // of buffer, to be handed out
	rest    []byte // of buffer, the begin of what may be a word
	started bool
	text    bool // within a string
	escaped bool
}

func newPlainJSON(r io.Reader) *plainJSON { return &plainJSON{r: r, buffer: make([]byte, 64<<10)} }

// bareWords are the words that Python writes for numbers that JSON does not
// have, and what stands for each, as long as it. NaN is too short for null.
var bareWords = []struct{ word, value string }{
	{"-Infinity", "null     "}, {"Infinity", "null    "}, {"NaN", `"" `},
}

func (j *plainJSON) Read(p []byte) (int, error) {
	for len(j.ready) == 0 {
		if j.err != nil {
			return 0, j.err
		}
		kept := copy(j.buffer, j.rest)
		var n int
		n, j.err = j.r.Read(j.buffer[kept:])
		b := j.buffer[:kept+n]
		if !j.started {
			if len(b) < 3 && j.err == nil {
				j.rest = b
				continue
			}
			j.started = true
			if bytes.HasPrefix(b, []byte("\ufeff")) {
				copy(b, "   ")
			}
		}
		done := j.replace(b, j.err != nil)
		j.ready, j.rest = b[:done], b[done:]
	}
	n := copy(p, j.ready)
	j.ready = j.ready[n:]
	return n, nil
}

// replace goes through b and returns how much of it is done: a word at its end
// may go on, unless b is the last.
func (j *plainJSON) replace(b []byte, last bool) int {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case j.escaped:
			j.escaped = false
		case c == '"':
			j.text = !j.text
		case j.text:
			j.escaped = c == '\\'
		case c == 'N' || c == 'I' || c == '-':
			for _, w := range bareWords {
				if rest := b[i:]; len(rest) >= len(w.word) && string(rest[:len(w.word)]) == w.word {
					copy(rest, w.value)
					i += len(w.word) - 1
					break
				} else if !last && len(rest) < len(w.word) && w.word[:len(rest)] == string(rest) {
					return i
				}
			}
		}
	}
	return len(b)
}
