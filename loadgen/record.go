package loadgen

import "time"

// Never is the time of an event that did not happen.
const Never time.Duration = -1

// Unknown is a count that nobody reported.
const Unknown = -1

// Record is what happened to one request. Times are on the run's monotonic
// clock, since its origin; Never where the event did not happen.
type Record struct {
	Request int
	// Order is the request's place among those that the run started, from 0.
	Order        int
	Conversation string
	Turn         int
	// Due is when the schedule wanted it sent, Sent when its bytes were handed
	// to the connection. In closed loop Due is when its worker became free.
	Due, Sent, FirstToken, LastToken, Done time.Duration
	// Counts from the server's usage, Unknown if it sent none.
	PromptTokens, OutputTokens, CachedTokens int
	TargetOutputTokens                       int
	// TokenAt and TokenCount are the arrival of each token-bearing event and
	// the number of tokens it carried. Σ TokenCount = OutputTokens.
	TokenAt    []time.Duration
	TokenCount []int32
	// FinishReason is the server's: "stop", "length".
	FinishReason string
	// Status is the HTTP status, 0 if there was no response.
	Status int
	// Err is why the request failed, in one line without secrets; "" if it
	// succeeded.
	Err              string
	ConnectionReused bool
	// ReadLag is the longest that bytes of the answer lay in the kernel before
	// the client read them, 0 where the kernel does not say. Tokens that lay
	// there together have one stamp, that of the last.
	ReadLag time.Duration
	// ServerPrefill and ServerDecode are the server's own truth where it gives
	// one (llama.cpp's timings object), else Never.
	ServerPrefill, ServerDecode time.Duration
	// Flags are doubts about this record: "client_starved", "late", …
	Flags []string
}

// OK reports whether the request completed.
func (r Record) OK() bool { return r.Err == "" }
