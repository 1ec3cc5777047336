package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Hash returns the SHA-256, in hex, of all that decides what is sent, in
// order: conversation, turn, prompt, output target, arrival time, system prompt
// and whole body of each request, and the answer where a later turn of the same conversation follows
// (it may be sent as history). Where the trace came from and the prompt counts
// of a tokenizer do not enter: two traces with one hash ask the same.
func (t Trace) Hash() string {
	h := sha256.New()
	var word [8]byte
	number := func(n int64) {
		binary.LittleEndian.PutUint64(word[:], uint64(n))
		h.Write(word[:])
	}
	// Length first, so that no two lists of texts run together alike.
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	for i, r := range t.Requests {
		text(r.Conversation)
		number(int64(r.Turn))
		text(r.Prompt)
		number(int64(r.OutputTokens))
		number(int64(r.At))
		// Numbers that are no lengths of a text, so that a trace without these
		// keeps its hash.
		if r.System != "" {
			number(-1)
			text(r.System)
		}
		if r.Body != nil {
			number(-2)
			text(r.Kind)
			text(string(r.Body))
		}
		if i+1 < len(t.Requests) {
			if next := t.Requests[i+1]; next.Conversation == r.Conversation && next.Turn > r.Turn {
				text(r.Completion)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
