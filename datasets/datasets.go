package datasets

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Unknown stands for a token count that nobody has counted yet.
const Unknown = -1

// Request is one request of a trace, in the order in which it would be sent.
type Request struct {
	Index        int    // position in the file
	Conversation string // identity of the conversation it belongs to
	Turn         int    // 0 for the first turn
	// Kind is what is asked for: KindChat, KindCompletions, KindEmbeddings or
	// KindResponses for a whole request, "" for a prompt, which is sent as the
	// run's own API has it.
	Kind string
	// System is what the conversation's system turn says, "" for none. It stands
	// before the first turn of the history of every request of a conversation.
	System string
	// Prompt is the user's turn. Of a whole request it is the text of all its
	// parts, to be counted and shown: what is sent is Body.
	Prompt string
	// Body is a whole request as an OpenAI-compatible server takes it, nil for a
	// prompt. It is the file's, byte for byte, but for a lowered or overridden
	// output target. The sender sets the model and whether to stream.
	Body jsontext.Value
	// Completion is the trace's own answer, kept to build later turns' history.
	Completion string
	// PromptTokens and OutputTokens are counts by the tokenizer named in the
	// Trace, or as the file states them, or Unknown. PromptTokens is of this
	// turn's Prompt alone, without the history before it. OutputTokens is the
	// length to ask for, 0 where there is no answer of tokens (embeddings).
	PromptTokens, OutputTokens int
	// SystemTokens is the count of System, 0 where there is none.
	SystemTokens int
	// At is the arrival time in a timed trace since its first arrival, or
	// negative where the trace has no times.
	At time.Duration
}

// The kinds of whole requests, named as the APIs that take them.
const (
	KindChat        = "chat"
	KindCompletions = "completions"
	KindEmbeddings  = "embeddings"
	KindResponses   = "responses"
)

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
