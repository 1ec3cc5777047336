package logs

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth bounds how deep a walk looks for what it wants.
	maxDepth = 12
	// maxValue bounds one value that is decoded whole: a request of a log.
	maxValue = 8 << 20
)

// walk follows a JSON file without keeping it. At each object and array, and
// each plain value, want says by the path of names (array positions are "*")
// whether to have the value decoded, walked into or skipped.
type walk struct {
	d    *jsontext.Decoder
	path []string
}

type step int

const (
	skip step = iota
	into
	take
)

func newWalk(r io.Reader) *walk {
	return &walk{d: jsontext.NewDecoder(newPlainJSON(r), lenient())}
}

// run walks the values of the file, one after another, to its end.
func (w *walk) run(want func(path []string) step, have func(path []string, v jsontext.Value) error) error {
	for {
		if w.d.PeekKind() == 0 {
			_, err := w.d.ReadToken()
			if err == io.EOF {
				return nil
			}
			return jsonError(w.d, err)
		}
		w.path = w.path[:0]
		if err := w.value(want, have); err != nil {
			return err
		}
	}
}

func (w *walk) value(want func(path []string) step, have func(path []string, v jsontext.Value) error) error {
	switch want(w.path) {
	case skip:
		if err := w.d.SkipValue(); err != nil {
			return jsonError(w.d, err)
		}
		return nil
	case take:
		v, err := w.d.ReadValue()
		if err != nil {
			return jsonError(w.d, err)
		}
		if len(v) > maxValue {
			return fmt.Errorf("a value of %d MiB at byte %d: more than any request", len(v)>>20, w.d.InputOffset())
		}
		return have(w.path, v)
	}
	kind := w.d.PeekKind()
	if kind != '{' && kind != '[' || len(w.path) >= maxDepth {
		if err := w.d.SkipValue(); err != nil {
			return jsonError(w.d, err)
		}
		return nil
	}
	if _, err := w.d.ReadToken(); err != nil {
		return jsonError(w.d, err)
	}
	for w.d.PeekKind() != '}' && w.d.PeekKind() != ']' {
		name := "*"
		if kind == '{' {
			t, err := w.d.ReadToken()
			if err != nil {
				return jsonError(w.d, err)
			}
			name = t.String()
		}
		w.path = append(w.path, name)
		if err := w.value(want, have); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
		if w.d.PeekKind() == 0 {
			break
		}
	}
	if _, err := w.d.ReadToken(); err != nil {
		return jsonError(w.d, err)
	}
	return nil
}

// jsonError says where JSON is broken, in one line.
func jsonError(d *jsontext.Decoder, err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends inside its JSON, at byte %d: it is cut short", d.InputOffset())
	}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return err
}

// is reports whether a path is of these names; "*" in want is any.
func is(path []string, want ...string) bool {
	if len(path) != len(want) {
		return false
	}
	for i, w := range want {
		if w != "*" && w != path[i] {
			return false
		}
	}
	return true
}

// toward reports whether a path leads to want.
func toward(path []string, want ...string) bool {
	return len(path) < len(want) && is(path, want[:len(path)]...)
}
