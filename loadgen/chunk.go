package loadgen

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// chunk is what one event's JSON says that a load generator wants to know.
// Its slices alias the event.
type chunk struct {
	// text is the length of the answer's text in this event, in bytes as written
	// in the JSON but with an escaped character for three, as most of them have in
	// UTF-8: content, reasoning, refusal, tool arguments. reasoning is the part of it
	// that is no answer.
	text, reasoning int
	// chars is the same text in characters.
	chars int
	// content are the JSON forms of the first choice's own text, each between its
	// quotes.
	content [][]byte
	// finish is the finish_reason, nil while it is null. Of several choices one
	// that went wrong counts.
	finish []byte
	usage  tokenUsage
	// timings is llama.cpp's object, nil if absent.
	timings []byte
	// failure is the JSON value that reports an error in mid-stream, nil if
	// there is none.
	failure []byte
	// message is the first choice's whole message, where it has one in place of a
	// delta.
	message []byte
	// role says that a delta names who speaks, strange that it has text under a name
	// that is not known, which is taken for reasoning.
	role, strange bool
	// data says that there is a list of embeddings.
	data bool
	// choices is how many the event has: a usage without any is the last word.
	choices int
	// spoke and ended are the choices that have text and a finish reason in this
	// event, each a bit.
	spoke, ended choiceSet
	// model is the JSON form of the name of the model that answers, nil where the
	// event has none.
	model []byte
	// known says that the event is one of an answer, whatever is in it.
	known bool
	// end says that the event ends the stream, as response.completed does.
	end bool
}

// errMalformed says that an event is no JSON object.
var errMalformed = errors.New("malformed event")

// parseChunk walks the JSON objects of one event without allocating; servers
// that forget the blank line between events have several in one. It checks the
// structure but not each scalar, and knows field names only when they are
// written without escapes, as every server does.
func parseChunk(b []byte, c *chunk) error {
	*c = chunk{usage: unknownUsage(), content: c.content[:0]}
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
	var kind, delta, message, detail, code []byte
	answers := false
	w.enter('{')
	for w.member() {
		switch string(w.key) {
		case "choices":
			answers, c.known = true, true
			if !w.opens('[') {
				continue
			}
			for w.element() {
				c.choice(w)
			}
		case "data":
			c.data = w.peek() == '['
			w.value()
		case "model":
			if raw := w.value(); isString(raw) {
				c.model = raw
			}
		case "usage", "usageMetadata":
			c.known = true
			c.usage.read(w)
		case "x_groq": // Groq has its usage one level down
			c.within(w)
		case "response": // of the Responses API
			answers, c.known = true, true
			c.response(w)
		case "timings":
			if raw := w.value(); len(raw) > 0 && raw[0] == '{' {
				c.known, c.timings = true, raw
			}
		case "error":
			c.fail(w)
		case "base_resp": // MiniMax, of every event
			c.status(w)
		case "object", "type":
			if raw := w.value(); kind == nil || len(raw) > 0 && string(raw) == `"error"` {
				kind = raw
			}
		case "delta":
			delta = w.value()
		case "message":
			message = w.value()
		case "detail":
			detail = w.value()
		case "code", "status":
			code = w.value()
		default:
			w.value()
		}
	}
	switch {
	case w.broken || c.failure != nil:
	case string(kind) == `"error"`,
		!answers && (len(detail) > 0 && !isNull(detail) || isString(message) && len(code) > 0):
		// A web framework's error, or one of an event with that name.
		c.failure = w.b[start:w.i]
	case isString(kind):
		c.typed(kind[1:len(kind)-1], delta)
	}
}

// status reads MiniMax's report of how a request goes: a code other than 0 is an
// error.
func (c *chunk) status(w *walker) {
	raw := w.value()
	if len(raw) == 0 || raw[0] != '{' {
		return
	}
	in := walker{b: raw}
	in.enter('{')
	for in.member() {
		if v := in.value(); string(in.key) == "status_code" && count(v) > 0 {
			c.failure = raw
		}
	}
}

// within reads a usage one level down.
func (c *chunk) within(w *walker) {
	if !w.opens('{') {
		return
	}
	for w.member() {
		switch string(w.key) {
		case "usage":
			c.usage.read(w)
		case "error":
			c.fail(w)
		default:
			w.value()
		}
	}
}

// choice reads one element of choices, of the chat and of the completions API.
func (c *chunk) choice(w *walker) {
	first := c.choices == 0
	c.choices++
	before := c.text
	index := c.choices - 1
	var text []byte
	if w.peek() == 'n' { // null
		w.value()
		return
	}
	w.enter('{')
	finish := c.finish
	c.finish = nil
	for w.member() {
		switch string(w.key) {
		case "index":
			if i := count(w.value()); i != Unknown {
				index = i
			}
			first = index == 0
		case "message":
			if raw := w.value(); first {
				c.message = raw
			}
		case "delta":
			c.delta(w, first)
		case "text":
			text = w.value()
		case "finish_reason":
			c.finished(w)
		case "usage": // Moonshot
			c.usage.read(w)
		case "error": // OpenRouter
			c.fail(w)
		default:
			w.value()
		}
	}
	if c.text == before { // Together has its text twice
		c.add(text, false)
		c.answer(text, first)
	}
	if c.text > before {
		c.spoke.add(index)
	}
	if c.finish != nil {
		c.ended.add(index)
	}
	if finish != nil && (c.finish == nil || failed(finish)) {
		c.finish = finish
	}
}

// choiceSet is a set of the numbers of choices; those from 63 on are one.
type choiceSet uint64

func (s *choiceSet) add(i int) { *s |= 1 << min(i, 63) }

// whole takes the text of a message that came in place of deltas, as from a
// server that does not really stream.
func (c *chunk) whole() {
	if c.text == 0 && len(c.message) > 0 {
		c.delta(&walker{b: c.message}, true)
	}
}

// delta reads a chat delta: a role alone is no token.
func (c *chunk) delta(w *walker, first bool) {
	if !w.opens('{') {
		return
	}
	before := c.text
	var strange []byte
	for w.member() {
		switch string(w.key) {
		case "content", "text":
			if w.peek() == '[' || w.peek() == '{' { // Mistral: a list of typed parts
				c.parts(w, first, false, 0)
				continue
			}
			raw := w.value()
			c.add(raw, false)
			c.answer(raw, first)
		case "reasoning_content", "reasoning", "reasoning_text", "reasoning_details", "thinking", "thinking_blocks", "thought":
			c.parts(w, first, true, 0)
		case "refusal", "tool_calls", "function_call", "audio", "provider_specific_fields":
			c.parts(w, false, false, 0)
		case "role":
			c.role = true
			w.value()
		case "id", "tool_call_id", "name", "type", "object", "model", "channel", "recipient", "author", "phase", "status", "language",
			"signature", "encrypted_content", "stop_reason", "finish_reason", "service_tier":
			w.value() // words about the text
		default:
			if raw := w.value(); isString(raw) && len(raw) > 2 {
				strange = raw
			}
		}
	}
	if strange != nil && c.text == before {
		c.strange = true
		c.add(strange, true)
	}
}

// deepest bounds how far down typed parts are followed; servers nest two.
const deepest = 8

// parts counts the text in a value of any shape: a string, a list of typed
// parts, an object with its text under one of the names that servers use. A
// text of type thinking or reasoning is no answer.
func (c *chunk) parts(w *walker, first, reasoning bool, depth int) {
	switch b := w.peek(); {
	case depth > deepest:
		w.value()
	case b == '[':
		w.enter('[')
		for w.element() {
			c.parts(w, first, reasoning, depth+1)
		}
	case b == '{':
		w.enter('{')
		for w.member() {
			switch string(w.key) {
			case "type":
				raw := w.value()
				reasoning = reasoning || bytes.Contains(raw, []byte("thinking")) || bytes.Contains(raw, []byte("reasoning"))
			case "text", "content", "summary", "refusal", "transcript", "arguments", "name", "function", "custom", "input":
				c.parts(w, first, reasoning, depth+1)
			case "thinking", "reasoning", "reasoning_content", "reasoning_text":
				c.parts(w, false, true, depth+1)
			default:
				w.value()
			}
		}
	default:
		raw := w.value()
		c.add(raw, reasoning)
		if !reasoning {
			c.answer(raw, first)
		}
	}
}

// add counts a text-bearing value. vLLM sends some deltas under both names of
// reasoning; the size only weighs events against each other, so that is fine.
func (c *chunk) add(raw []byte, reasoning bool) {
	if !isString(raw) || len(raw) == 2 {
		return
	}
	n, chars := len(raw)-2, utf8.RuneCount(raw)-2
	if bytes.IndexByte(raw, '\\') >= 0 {
		escapes := bytes.Count(raw, []byte(`\u`))
		n, chars = max(1, n-3*escapes), max(1, chars-5*escapes)
	}
	c.text += n
	c.chars += chars
	if reasoning {
		c.reasoning += n
	}
}

// answer keeps a piece of the first choice's own text.
func (c *chunk) answer(raw []byte, first bool) {
	if first && isString(raw) && len(raw) > 2 {
		c.content = append(c.content, raw[1:len(raw)-1])
	}
}

// count reads a non-negative integer, otherwise def.
func (w *walker) count(def int) int {
	if n := count(w.value()); n != Unknown {
		return n
	}
	return def
}

// count reads a non-negative integer, also one that is written 7.0, Unknown if raw
// is none.
func count(raw []byte) int {
	if i := bytes.IndexByte(raw, '.'); i > 0 && len(bytes.Trim(raw[i+1:], "0")) == 0 {
		raw = raw[:i]
	}
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

// fail reads the value of a member that holds the server's error, if there is one.
func (c *chunk) fail(w *walker) {
	if raw := w.value(); !isNothing(raw) {
		c.failure = raw
	}
}

// isNothing reports whether the value of a member that holds errors says that
// there is none: some servers send the member with every event.
func isNothing(raw []byte) bool {
	switch string(raw) {
	case "null", "false", "0", `""`, "{}", "[]":
		return true
	}
	return false
}

func isString(raw []byte) bool { return len(raw) >= 2 && raw[0] == '"' }
