package loadgen

import "bytes"

// typed reads the delta of an event of the Responses API, which carries its
// name as its type.
func (c *chunk) typed(kind, delta []byte) {
	if !bytes.HasPrefix(kind, []byte("response.")) {
		return
	}
	c.known = true
	switch string(kind) {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		c.end = true
		return
	}
	if !bytes.HasSuffix(kind, []byte(".delta")) || !isString(delta) || len(delta) == 2 {
		return
	}
	switch string(kind) {
	case "response.output_text.delta":
		c.spoke.add(0)
		c.add(delta, false)
		c.content = append(c.content, delta[1:len(delta)-1])
	case "response.audio.delta": // the transcript is the text
	default: // reasoning_text, reasoning_summary_text, refusal, function_call_arguments, …
		c.spoke.add(0)
		c.add(delta, bytes.HasPrefix(kind, []byte("response.reasoning")))
	}
}

// response reads the Responses API's object at the beginning and end of a
// stream: only its end has a usage.
func (c *chunk) response(w *walker) {
	if !w.opens('{') {
		return
	}
	for w.member() {
		switch string(w.key) {
		case "usage":
			c.usage.read(w)
		case "error":
			c.fail(w)
		case "status":
			switch raw := w.value(); string(raw) {
			case `"completed"`:
				c.finish = []byte("stop")
				c.ended.add(0)
			case `"failed"`, `"cancelled"`:
				c.finish = raw[1 : len(raw)-1]
				c.ended.add(0)
			}
		case "incomplete_details":
			c.incomplete(w)
		default:
			w.value()
		}
	}
}

// incomplete names why a response was not completed, as the chat API would.
func (c *chunk) incomplete(w *walker) {
	if !w.opens('{') {
		return
	}
	for w.member() {
		raw := w.value()
		if string(w.key) != "reason" || !isString(raw) {
			continue
		}
		c.finish = raw[1 : len(raw)-1]
		c.ended.add(0)
		if string(c.finish) == "max_output_tokens" {
			c.finish = []byte("length")
		}
	}
}
