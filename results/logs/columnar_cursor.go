package logs

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// cursor reads one list.
type cursor struct {
	name string
	d    *jsontext.Decoder
}

// open starts a cursor at a list, nil if the run does not have it.
func (r columnarRun) open(f file, name string) (*cursor, error) {
	at, ok := r.lists[name]
	if !ok {
		return nil, nil
	}
	// The name ends at the offset; a colon and space stand before the list.
	gap := make([]byte, 64)
	n, err := f.ReadAt(gap, at)
	if err != nil && err != io.EOF {
		return nil, err
	}
	i := bytes.IndexByte(gap[:n], '[')
	if i < 0 {
		return nil, fmt.Errorf("%s: the file changed while it was read", name)
	}
	c := &cursor{name, jsontext.NewDecoder(newPlainJSON(io.NewSectionReader(f, at+int64(i), 1<<62)), lenient())}
	_, err = c.d.ReadToken()
	return c, err
}

// more reports whether the list has another entry.
func (c *cursor) more() bool { return c != nil && c.d.PeekKind() != ']' && c.d.PeekKind() != 0 }

// number reads a number; ok is false for what is none, such as null.
func (c *cursor) number() (float64, bool, error) {
	if c == nil {
		return 0, false, nil
	}
	if !c.more() {
		return 0, false, fmt.Errorf("%s has fewer entries than input_lens", c.name)
	}
	if c.d.PeekKind() != '0' {
		if err := c.d.SkipValue(); err != nil {
			return 0, false, jsonError(c.d, err)
		}
		return 0, false, nil
	}
	t, err := c.d.ReadToken()
	if err != nil {
		return 0, false, jsonError(c.d, err)
	}
	v, err := t.Float()
	return v, err == nil, err
}

// text reads a string.
func (c *cursor) text() (string, error) {
	if c == nil {
		return "", nil
	}
	if !c.more() {
		return "", fmt.Errorf("%s has fewer entries than input_lens", c.name)
	}
	if c.d.PeekKind() != '"' {
		return "", c.d.SkipValue()
	}
	t, err := c.d.ReadToken()
	if err != nil {
		return "", jsonError(c.d, err)
	}
	return t.String(), nil
}

// numbers reads a list of numbers, or one number, which is a mean.
func (c *cursor) numbers(into []float64) (all []float64, mean bool, err error) {
	if c == nil {
		return nil, false, nil
	}
	if !c.more() {
		return nil, false, fmt.Errorf("%s has fewer entries than input_lens", c.name)
	}
	if c.d.PeekKind() != '[' {
		v, ok, err := c.number()
		if !ok {
			return nil, false, err
		}
		return append(into, v), true, nil
	}
	if _, err := c.d.ReadToken(); err != nil {
		return nil, false, jsonError(c.d, err)
	}
	for c.more() {
		v, ok, err := c.number()
		if err != nil {
			return nil, false, err
		}
		if ok {
			into = append(into, v)
		}
	}
	if _, err := c.d.ReadToken(); err != nil {
		return nil, false, jsonError(c.d, err)
	}
	return into, false, nil
}
