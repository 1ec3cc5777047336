package loadgen

import (
	"slices"
	"time"
)

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
	// Kind is the API that it went to, one of APIs.
	Kind string
	// Due is when the schedule wanted it sent, Sent when its bytes were handed
	// to the connection. In closed loop Due is when its worker became free.
	Due, Sent, FirstToken, LastToken, Done time.Duration
	// Counts from the server's usage, Unknown where it sent none or what cannot
	// be. OutputTokens are all that were decoded, ReasoningTokens those of them
	// that are no answer; CachedTokens those of PromptTokens not computed.
	PromptTokens, OutputTokens    int
	CachedTokens, ReasoningTokens int
	// PrefixOf is the earlier request of the run whose prompt has the longest
	// beginning in common with the first prompt of this conversation, Unknown if
	// there is none, and PrefixShare how much of this prompt's text that is.
	PrefixOf           int
	PrefixShare        float64
	TargetOutputTokens int
	// TokenAt and TokenCount are the arrival of each token-bearing event and
	// the number of tokens it carried. Σ TokenCount = OutputTokens.
	TokenAt    []time.Duration
	TokenCount []int32
	// FinishReason is the server's: "stop", "length"; bounded, without secrets.
	FinishReason string
	// AnsweredModel is the name under which the server answered where that is not
	// the model that was asked for, else ""; bounded, without secrets.
	AnsweredModel string
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
	// Flags are doubts about this record, by the names of the Flag constants.
	Flags []string
}

// OK reports whether the request completed.
func (r Record) OK() bool { return r.Err == "" }

// Tokens is the number of output tokens: the server's count or, where it sent
// none that counts, one for each event with text; Unknown without either.
func (r Record) Tokens() int {
	if r.OutputTokens != Unknown || len(r.TokenCount) == 0 {
		return r.OutputTokens
	}
	n := 0
	for _, tokens := range r.TokenCount {
		n += int(tokens)
	}
	return n
}

// promptCut is the share of the trace's count below which the server's says
// that it did not take the whole prompt. Two tokenizers differ by less.
const promptCut = 0.6

// A prompt of more than longPrompt bytes is told to be cut without a count, by
// bytesAToken.
const longPrompt = 400

// hold compares what came with what was asked for, and flags what differs.
func (r *Record) hold(a asked, exact bool) {
	flag := func(is bool, name string) {
		if is {
			r.Flags = append(r.Flags, name)
		}
	}
	flag(r.PromptTokens > 0 && (float64(r.PromptTokens) < promptCut*float64(a.prompt) ||
		a.text > longPrompt && a.text > bytesAToken*r.PromptTokens), FlagPromptCut)
	if !r.OK() || r.Kind == APIEmbeddings {
		return
	}
	tokens, target := r.Tokens(), r.TargetOutputTokens
	flag(r.InOnePiece(), FlagOnePiece)
	flag(target > 0 && tokens > target+1, FlagLonger) // one for an end of sequence
	flag(target > 0 && tokens != Unknown && tokens < target && (exact || named([]byte(r.FinishReason), lengthReasons)), FlagShorter)
}

// InOnePiece reports whether several tokens came together: then no time between
// them means anything.
func (r Record) InOnePiece() bool {
	n := r.Streamed()
	_, apart := TimePerToken(r.Sent, r.FirstToken, r.LastToken, n)
	return r.FirstToken != Never && n > 1 && !apart
}

// Streamed is the number of tokens but for hidden reasoning, which was decoded
// before the first of them came.
func (r Record) Streamed() int {
	if slices.Contains(r.Flags, FlagHidden) {
		return r.Tokens() - r.ReasoningTokens
	}
	return r.Tokens()
}
