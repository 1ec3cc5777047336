package datasets

import "time"

// Unknown stands for a token count that nobody has counted yet.
const Unknown = -1

// Request is one request of a trace, in the order in which it would be sent.
type Request struct {
	Index        int    // position in the file
	Conversation string // identity of the conversation it belongs to
	Turn         int    // 0 for the first turn
	Prompt       string
	// Completion is the trace's own answer, kept to build later turns' history.
	Completion string
	// PromptTokens and OutputTokens are counts by the tokenizer named in the
	// Trace, or as the file states them, or Unknown. PromptTokens is of this
	// turn's Prompt alone, without the history before it. OutputTokens is the
	// length to ask for.
	PromptTokens, OutputTokens int
	// At is the arrival time in a timed trace since its first arrival, or
	// negative where the trace has no times.
	At time.Duration
}

// Trace is a selection of requests and how it came about.
type Trace struct {
	Source    string // "sample", "sharegpt:FILE", …
	Selection string // "first", "vllm", "sglang", "" for timed traces
	Tokenizer string // "endpoint", "words", "tiktoken:NAME", "" if none was used
	Seed      int64
	Requests  []Request
	// Dropped counts rejected conversations by reason.
	Dropped map[string]int
	// Warnings are doubts that do not prevent the run.
	Warnings []string
}
