package loadgen

import "bytes"

// finished reads a finish_reason: a string, or an object with a type, as
// SGLang's own API has it.
func (c *chunk) finished(w *walker) {
	raw := w.value()
	if len(raw) > 2 && raw[0] == '{' {
		in := walker{b: raw}
		in.enter('{')
		for in.member() {
			if v := in.value(); string(in.key) == "type" {
				raw = v
			}
		}
	}
	if !isString(raw) || len(raw) == 2 || c.finish != nil && failed(c.finish) {
		return
	}
	c.finish = raw[1 : len(raw)-1]
}

// failures are parts of the finish reasons of answers that the server did not
// finish: abort (vLLM, SGLang), error (OpenRouter), insufficient_system_resource
// (DeepSeek), network_error, cancelled, timeout, …
var failures = [][]byte{
	[]byte("abort"), []byte("error"), []byte("cancel"), []byte("fail"), []byte("timeout"), []byte("interrupt"),
	[]byte("insufficient"), []byte("unavailable"), []byte("killed"), []byte("preempt"), []byte("disconnect"),
}

// failed reports whether a finish reason is that of an answer that the server
// did not finish.
func failed(finish []byte) bool {
	if len(finish) > longestReason {
		finish = finish[:longestReason]
	}
	lower := bytes.ToLower(finish)
	for _, f := range failures {
		if bytes.Contains(lower, f) {
			return true
		}
	}
	return false
}
