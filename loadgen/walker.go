package loadgen

import "bytes"

// walker moves over JSON text. Broken structure is remembered and ends every
// loop over members and elements.
type walker struct {
	b      []byte
	i      int
	key    []byte // of the member that member went to
	fresh  bool   // nothing yet inside the innermost bracket
	broken bool
}

func (w *walker) space() {
	for w.i < len(w.b) {
		switch w.b[w.i] {
		case ' ', '\t', '\n', '\r':
			w.i++
		default:
			return
		}
	}
}

// take consumes b after white space and reports whether it was there.
func (w *walker) take(b byte) bool {
	w.space()
	if w.i < len(w.b) && w.b[w.i] == b {
		w.i++
		return true
	}
	return false
}

// peek is the next byte after white space, 0 at the end.
func (w *walker) peek() byte {
	w.space()
	if w.i < len(w.b) {
		return w.b[w.i]
	}
	return 0
}

// enter consumes an opening bracket.
func (w *walker) enter(bracket byte) {
	if !w.take(bracket) {
		w.broken = true
	}
	w.fresh = true
}

// opens enters a value that begins with bracket and consumes any other.
func (w *walker) opens(bracket byte) bool {
	if w.peek() != bracket {
		w.value()
		return false
	}
	w.enter(bracket)
	return true
}

// next goes to what follows inside a bracket, or past its closing.
func (w *walker) next(closing byte) bool {
	switch {
	case w.broken:
		return false
	case w.take(closing):
		w.fresh = false
		return false
	case !w.fresh && !w.take(','):
		w.broken = true
		return false
	}
	w.fresh = false
	return true
}

// member goes to the value of an object's next member, or past the object's
// end: false.
func (w *walker) member() bool {
	if !w.next('}') {
		return false
	}
	if w.peek() != '"' {
		w.broken = true
		return false
	}
	key := w.value()
	if w.broken || !w.take(':') {
		w.broken = true
		return false
	}
	w.key = key[1 : len(key)-1]
	return true
}

// element goes to an array's next element, or past the array's end: false.
func (w *walker) element() bool { return w.next(']') }

// value consumes one value of any kind and returns its text.
func (w *walker) value() []byte {
	w.space()
	start := w.i
	depth := 0
	for w.i < len(w.b) && !w.broken {
		switch w.b[w.i] {
		case '"':
			w.str()
		case '{', '[':
			depth++
			w.i++
			continue
		case '}', ']':
			depth--
			w.i++
			if depth < 0 {
				w.broken = true
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				w.broken = true
			}
			w.i++
			continue
		default:
			w.scalar()
		}
		if depth == 0 {
			return w.b[start:w.i]
		}
	}
	w.broken = true
	return nil
}

// str consumes a string, from its opening quote on.
func (w *walker) str() {
	w.i++
	for {
		n := bytes.IndexByte(w.b[w.i:], '"')
		if n < 0 {
			w.i = len(w.b)
			w.broken = true
			return
		}
		end := w.i + n
		escapes := 0
		for end-1-escapes >= w.i && w.b[end-1-escapes] == '\\' {
			escapes++
		}
		w.i = end + 1
		if escapes%2 == 0 {
			return
		}
	}
}

// scalar consumes a number or a literal.
func (w *walker) scalar() {
	for w.i < len(w.b) {
		switch w.b[w.i] {
		case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\n', '\r':
			return
		}
		w.i++
	}
}
