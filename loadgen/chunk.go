package loadgen

import (
	"bytes"
	"errors"
)

// chunk is what one event's JSON says that a load generator wants to know.
// Its slices alias the event.
type chunk struct {
	// text is the length in bytes of the answer's text in this event, as
	// written in the JSON: content, reasoning, refusal, tool arguments.
	text int
	// content is the JSON form of the answer's own text, between its quotes.
	content []byte
	// finish is the finish_reason, nil while it is null.
	finish []byte
	// prompt, completion and cached are the usage counts, Unknown if absent.
	prompt, completion, cached int
	// timings is llama.cpp's object, nil if absent.
	timings []byte
	// failure is the JSON value that reports an error in mid-stream, nil if
	// there is none.
	failure []byte
}

// errMalformed says that an event is no JSON object.
var errMalformed = errors.New("malformed event")

// parseChunk walks the JSON objects of one event without allocating; servers
// that forget the blank line between events have several in one. It checks the
// structure but not each scalar, and knows field names only when they are
// written without escapes, as every server does.
func parseChunk(b []byte, c *chunk) error {
	*c = chunk{prompt: Unknown, completion: Unknown, cached: Unknown}
	w := walker{b: b}
	for w.peek() != 0 && !w.broken {
		c.event(&w)
	}
	if w.broken || w.i < len(w.b) {
		return errMalformed
	}
	return nil
}

// event reads one object from the top.
func (c *chunk) event(w *walker) {
	start := w.i
	isError := false
	w.enter('{')
	for w.member() {
		switch string(w.key) {
		case "choices":
			if w.peek() != '[' {
				w.value()
				continue
			}
			w.enter('[')
			for w.element() {
				c.choice(w)
			}
		case "usage":
			c.usage(w)
		case "timings":
			if raw := w.value(); len(raw) > 0 && raw[0] == '{' {
				c.timings = raw
			}
		case "error":
			if raw := w.value(); !isNull(raw) {
				c.failure = raw
			}
		case "object":
			isError = string(w.value()) == `"error"`
		default:
			w.value()
		}
	}
	if isError && c.failure == nil && !w.broken {
		c.failure = w.b[start:w.i]
	}
}

// choice reads one element of choices, of the chat and of the completions API.
func (c *chunk) choice(w *walker) {
	w.enter('{')
	for w.member() {
		switch string(w.key) {
		case "delta":
			c.delta(w)
		case "text":
			c.add(w.value(), true)
		case "finish_reason":
			if raw := w.value(); len(raw) > 2 && raw[0] == '"' {
				c.finish = raw[1 : len(raw)-1]
			}
		default:
			w.value()
		}
	}
}

// delta reads a chat delta: a role alone is no token.
func (c *chunk) delta(w *walker) {
	if w.peek() != '{' {
		w.value()
		return
	}
	w.enter('{')
	for w.member() {
		switch string(w.key) {
		case "content":
			c.add(w.value(), true)
		case "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call":
			c.add(w.value(), false)
		default:
			w.value()
		}
	}
}

// add counts a text-bearing value. vLLM sends some deltas under both names of
// reasoning; the size only weighs events against each other, so that is fine.
func (c *chunk) add(raw []byte, answer bool) {
	if len(raw) <= 2 { // "", [], {}
		return
	}
	switch raw[0] {
	case '"', '[', '{':
	default: // null
		return
	}
	c.text += len(raw) - 2
	if answer && raw[0] == '"' {
		c.content = raw[1 : len(raw)-1]
	}
}

// usage reads the counts; the last usage of an event wins.
func (c *chunk) usage(w *walker) {
	if w.peek() != '{' {
		w.value()
		return
	}
	w.enter('{')
	for w.member() {
		switch string(w.key) {
		case "prompt_tokens":
			c.prompt = count(w.value())
		case "completion_tokens":
			c.completion = count(w.value())
		case "prompt_tokens_details":
			if w.peek() != '{' {
				w.value()
				continue
			}
			w.enter('{')
			for w.member() {
				if string(w.key) == "cached_tokens" {
					c.cached = count(w.value())
				} else {
					w.value()
				}
			}
		default:
			w.value()
		}
	}
}

// count reads a non-negative integer, Unknown if raw is none.
func count(raw []byte) int {
	if len(raw) == 0 || len(raw) > 9 {
		return Unknown
	}
	n := 0
	for _, b := range raw {
		if b < '0' || b > '9' {
			return Unknown
		}
		n = n*10 + int(b-'0')
	}
	return n
}

func isNull(raw []byte) bool { return string(raw) == "null" }

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
