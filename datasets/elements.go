package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// readSize is how much of a file is asked for at a time.
	readSize = 256 << 10
	// maxElement bounds the memory of one conversation. The longest of the
	// public ShareGPT files are under 2 MiB.
	maxElement = 32 << 20
)

// elements cuts a JSON array of objects or lists, or objects one after another
// (JSON lines), into the bytes of its elements without decoding them: it follows strings and brackets only, so each element must
// still be checked by whoever decodes it. Its buffer grows to the longest
// element and no further.
type elements struct {
	r     io.Reader
	buf   []byte
	pos   int   // next byte of buf to look at
	base  int64 // position in the file of buf[0]
	count int   // elements returned
	begun bool  // the opening bracket, or the first object, was seen
	lines bool  // there is no bracket: one object follows the other
	ended bool  // the closing bracket was seen, and nothing after it
	err   error // what the reader ended with
}

func newElements(r io.Reader) *elements { return &elements{r: r} }

// next returns the bytes of the next element, valid until the next call, and
// its position in the file. After the array's end it returns io.EOF.
func (e *elements) next() (raw []byte, offset int64, err error) {
	if e.ended {
		return nil, 0, io.EOF
	}
	if !e.begun {
		if err := e.begin(); err != nil {
			return nil, 0, err
		}
	}
	b, err := e.skipSpace()
	if e.lines && err == io.EOF {
		e.ended = true
		return nil, 0, io.EOF
	}
	if err != nil {
		return nil, 0, e.truncated(err)
	}
	if b == ']' && !e.lines {
		return nil, 0, e.end()
	}
	if e.count > 0 && !e.lines {
		if b != ',' {
			return nil, 0, e.errorf("want ',' or ']' after element %d, found %s", e.count-1, quoted(b))
		}
		e.pos++
		if b, err = e.skipSpace(); err != nil {
			return nil, 0, e.truncated(err)
		}
	}
	if b != '{' && (b != '[' || e.lines) {
		return nil, 0, e.errorf("element %d starts with %s, want an object", e.count, quoted(b))
	}
	end, err := e.object()
	if err != nil {
		return nil, 0, err
	}
	raw, offset = e.buf[e.pos:e.pos+end], e.base+int64(e.pos)
	e.pos += end
	e.count++
	return raw, offset, nil
}

// begin consumes the opening bracket, if there is one.
func (e *elements) begin() error {
	for len(e.buf) < len("\ufeff") {
		if err := e.fill(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if bytes.HasPrefix(e.buf, []byte("\ufeff")) {
		e.pos = len("\ufeff")
	}
	b, err := e.skipSpace()
	switch {
	case err == io.EOF:
		return errors.New("file is empty, want conversations: a JSON array of them or one a line")
	case err != nil:
		return err
	case b == '{':
		e.begun, e.lines = true, true
		return nil
	case b != '[':
		return e.errorf("not ShareGPT: want conversations, a JSON array of them or one a line, found %s", quoted(b))
	}
	e.pos++
	e.begun = true
	return nil
}

// end consumes the closing bracket and requires nothing but space after it.
func (e *elements) end() error {
	e.pos++
	b, err := e.skipSpace()
	if err == nil {
		return e.errorf("%s after the end of the array", quoted(b))
	}
	e.ended = err == io.EOF
	return err
}

// object returns the length of the object or list that starts at pos.
func (e *elements) object() (int, error) {
	depth := 0
	for i := 0; ; {
		b := e.buf[e.pos:]
		for i < len(b) {
			switch b[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1, nil
				}
			case '"':
				end, err := e.stringEnd(i + 1)
				if err != nil {
					return 0, err
				}
				i, b = end, e.buf[e.pos:]
				continue
			}
			i++
		}
		if err := e.more(); err != nil {
			return 0, err
		}
	}
}

// stringEnd returns the position after the quote that ends the string whose
// content starts at i; both are relative to pos.
func (e *elements) stringEnd(i int) (int, error) {
	start := i
	for {
		b := e.buf[e.pos:]
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			i = len(b)
			if err := e.more(); err != nil {
				return 0, err
			}
			continue
		}
		i += n
		backslashes := 0
		for j := i - 1; j >= start && b[j] == '\\'; j-- {
			backslashes++
		}
		i++
		if backslashes%2 == 0 {
			return i, nil
		}
	}
}

// more reads on within the element at pos.
func (e *elements) more() error {
	if len(e.buf)-e.pos >= maxElement {
		return e.errorf("element %d is longer than %d MiB", e.count, maxElement>>20)
	}
	if err := e.fill(); err != nil {
		return e.truncated(err)
	}
	return nil
}

// truncated names the place where a file ends too early.
func (e *elements) truncated(err error) error {
	if err != io.EOF {
		return err
	}
	e.pos = len(e.buf)
	if e.lines {
		return e.errorf("file ends inside an object, after %s: it is cut short", plural(e.count, "whole element", "whole elements"))
	}
	return e.errorf("file ends inside the array, after %s: it is cut short", plural(e.count, "whole element", "whole elements"))
}

// skipSpace moves to the next byte that is not space and returns it.
func (e *elements) skipSpace() (byte, error) {
	for {
		for ; e.pos < len(e.buf); e.pos++ {
			switch b := e.buf[e.pos]; b {
			case ' ', '\t', '\r', '\n':
			default:
				return b, nil
			}
		}
		e.base += int64(len(e.buf))
		e.buf, e.pos = e.buf[:0], 0
		if err := e.fill(); err != nil {
			return 0, err
		}
	}
}

// fill appends what one read gives; bytes before pos make room. It returns
// io.EOF only if that is nothing.
func (e *elements) fill() error {
	if e.err != nil {
		return e.err
	}
	if cap(e.buf)-len(e.buf) < readSize/4 {
		kept := e.buf[e.pos:]
		into := e.buf[:0]
		if cap(e.buf)-len(kept) < readSize/2 {
			into = make([]byte, 0, max(2*readSize, 2*cap(e.buf)))
		}
		e.base += int64(e.pos)
		e.buf, e.pos = append(into, kept...), 0
	}
	for {
		n, err := e.r.Read(e.buf[len(e.buf):cap(e.buf)])
		e.buf = e.buf[:len(e.buf)+n]
		e.err = err // for the next call, if there is something now
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errorf makes an error at the present position.
func (e *elements) errorf(format string, args ...any) error {
	return &positionError{e.base + int64(e.pos), fmt.Errorf(format, args...)}
}

// positionError is something wrong at a byte of a file.
type positionError struct {
	offset int64
	err    error
}

func (p *positionError) Error() string { return fmt.Sprintf("byte %d: %v", p.offset, p.err) }
func (p *positionError) Unwrap() error { return p.err }

// quoted shows a byte in an error.
func quoted(b byte) string {
	switch b {
	case '"':
		return "a string"
	case '[':
		return "an array"
	case '{':
		return "an object"
	}
	return fmt.Sprintf("%q", string([]byte{b}))
}
