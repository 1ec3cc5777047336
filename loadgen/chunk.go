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
	for w.space(); w.i < len(w.b); w.space() {
		start := w.i
		isError := false
		if err := w.object(func(w *walker, key []byte) error {
			switch string(key) {
			case "choices":
				return w.array(func(w *walker) error { return w.object(c.choice) })
			case "usage":
				return w.objectOrNull(c.usage)
			case "timings":
				raw, err := w.value()
				if len(raw) > 0 && raw[0] == '{' {
					c.timings = raw
				}
				return err
			case "error":
				raw, err := w.value()
				if !isNull(raw) {
					c.failure = raw
				}
				return err
			case "object":
				raw, err := w.value()
				isError = string(raw) == `"error"`
				return err
			}
			_, err := w.value()
			return err
		}); err != nil {
			return err
		}
		if isError && c.failure == nil {
			c.failure = w.b[start:w.i]
		}
	}
	return nil
}

// choice reads one element of choices, of the chat and of the completions API.
func (c *chunk) choice(w *walker, key []byte) error {
	switch string(key) {
	case "delta":
		return w.objectOrNull(c.delta)
	case "text":
		raw, err := w.value()
		c.add(raw, true)
		return err
	case "finish_reason":
		raw, err := w.value()
		if len(raw) > 2 && raw[0] == '"' {
			c.finish = raw[1 : len(raw)-1]
		}
		return err
	}
	_, err := w.value()
	return err
}

// delta reads a chat delta: a role alone is no token.
func (c *chunk) delta(w *walker, key []byte) error {
	raw, err := w.value()
	switch string(key) {
	case "content":
		c.add(raw, true)
	case "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call":
		c.add(raw, false)
	}
	return err
}

// add counts a text-bearing value. vLLM sends some deltas under both names of
// reasoning; the size only weighs events against each other, so that is fine.
func (c *chunk) add(raw []byte, answer bool) {
	if len(raw) <= 2 || isNull(raw) { // "", [], {}
		return
	}
	c.text += len(raw) - 2
	if answer && raw[0] == '"' {
		c.content = raw[1 : len(raw)-1]
	}
}

// usage reads the counts; the last usage of an event wins.
func (c *chunk) usage(w *walker, key []byte) error {
	switch string(key) {
	case "prompt_tokens_details":
		return w.objectOrNull(func(w *walker, key []byte) error {
			raw, err := w.value()
			if string(key) == "cached_tokens" {
				c.cached = count(raw)
			}
			return err
		})
	}
	raw, err := w.value()
	switch string(key) {
	case "prompt_tokens":
		c.prompt = count(raw)
	case "completion_tokens":
		c.completion = count(raw)
	}
	return err
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

// walker moves over JSON text.
type walker struct {
	b []byte
	i int
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

// object calls field for each member with the walker before its value, which
// field must consume.
func (w *walker) object(field func(w *walker, key []byte) error) error {
	if !w.take('{') {
		return errMalformed
	}
	if w.take('}') {
		return nil
	}
	for {
		if w.peek() != '"' {
			return errMalformed
		}
		key, err := w.value()
		if err != nil {
			return err
		}
		if !w.take(':') {
			return errMalformed
		}
		if err := field(w, key[1:len(key)-1]); err != nil {
			return err
		}
		if w.take('}') {
			return nil
		}
		if !w.take(',') {
			return errMalformed
		}
	}
}

// objectOrNull is object, and skips a value of another kind.
func (w *walker) objectOrNull(field func(w *walker, key []byte) error) error {
	if w.peek() == '{' {
		return w.object(field)
	}
	_, err := w.value()
	return err
}

// array calls element with the walker before each element, and skips a value
// of another kind.
func (w *walker) array(element func(w *walker) error) error {
	if w.peek() != '[' {
		_, err := w.value()
		return err
	}
	w.i++
	if w.take(']') {
		return nil
	}
	for {
		if err := element(w); err != nil {
			return err
		}
		if w.take(']') {
			return nil
		}
		if !w.take(',') {
			return errMalformed
		}
	}
}

// value consumes one value of any kind and returns its text.
func (w *walker) value() ([]byte, error) {
	w.space()
	start := w.i
	depth := 0
	for w.i < len(w.b) {
		switch b := w.b[w.i]; b {
		case '"':
			if err := w.str(); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
			w.i++
			continue
		case '}', ']':
			if depth == 0 {
				return nil, errMalformed
			}
			depth--
			w.i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return nil, errMalformed
			}
			w.i++
			continue
		default:
			w.scalar()
		}
		if depth == 0 {
			return w.b[start:w.i], nil
		}
	}
	return nil, errMalformed
}

// str consumes a string, from its opening quote on.
func (w *walker) str() error {
	w.i++
	for {
		n := bytes.IndexByte(w.b[w.i:], '"')
		if n < 0 {
			return errMalformed
		}
		end := w.i + n
		escapes := 0
		for end-1-escapes >= w.i && w.b[end-1-escapes] == '\\' {
			escapes++
		}
		w.i = end + 1
		if escapes%2 == 0 {
			return nil
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
