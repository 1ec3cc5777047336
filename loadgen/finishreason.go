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
	if !isString(raw) || c.finish != nil && failed(c.finish) {
		return
	}
	switch raw = raw[1 : len(raw)-1]; string(raw) {
	case "", "null", "NULL", "none", "None": // a text in place of null, as from DashScope
	default:
		c.finish = raw
	}
}

// Parts of the finish reasons of answers that the asked length ended (length,
// max_tokens, MAX_TOKENS, model_length) and that a filter did (content_filter,
// SAFETY, RECITATION, PROHIBITED_CONTENT, sensitive, guardrail_intervened).
var (
	lengthReasons = [][]byte{[]byte("length"), []byte("max_")}
	filterReasons = [][]byte{
		[]byte("filter"), []byte("safety"), []byte("recitation"), []byte("prohibited"), []byte("blocklist"), []byte("sensitive"), []byte("guardrail"),
	}
)

// failures are parts of the finish reasons of answers that the server did not
// finish: abort (vLLM, SGLang), error (OpenRouter), insufficient_system_resource
// (DeepSeek), network_error, cancelled, timeout, …
var failures = [][]byte{
	[]byte("abort"), []byte("error"), []byte("cancel"), []byte("fail"), []byte("timeout"), []byte("interrupt"),
	[]byte("insufficient"), []byte("unavailable"), []byte("killed"), []byte("preempt"), []byte("disconnect"),
}

// failed reports whether a finish reason is that of an answer that the server
// did not finish.
func failed(finish []byte) bool { return named(finish, failures) }

// named reports whether a finish reason has one of the parts in it, in any case.
func named(finish []byte, parts [][]byte) bool {
	if len(finish) > longestReason {
		finish = finish[:longestReason]
	}
	lower := bytes.ToLower(finish)
	for _, part := range parts {
		if bytes.Contains(lower, part) {
			return true
		}
	}
	return false
}
