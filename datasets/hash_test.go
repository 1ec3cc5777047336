package datasets

import (
	"testing"
	"time"
)

// The hash follows all that decides what is sent, and nothing else.
func TestHash(t *testing.T) {
	base := func() Trace {
		return Trace{Source: "sample", Requests: []Request{
			{Index: 3, Conversation: "a", Prompt: "p", Completion: "q", PromptTokens: 1, OutputTokens: 2, At: 0},
			{Index: 3, Conversation: "a", Turn: 1, Prompt: "r", Completion: "s", PromptTokens: 1, OutputTokens: 2, At: 5},
			{Index: 4, Conversation: "b", Prompt: "t", Completion: "u", PromptTokens: 1, OutputTokens: 2, At: 9},
		}}
	}
	want := base().Hash()
	for _, tt := range []struct {
		why    string
		change func(*Trace)
		same   bool
	}{
		{"nothing", func(*Trace) {}, true},
		{"where the trace came from", func(t *Trace) { t.Source, t.Selection, t.Tokenizer, t.Seed = "x", "y", "z", 9 }, true},
		{"doubts", func(t *Trace) { t.Warnings = []string{"w"} }, true},
		{"a prompt count, which is not sent", func(t *Trace) { t.Requests[0].PromptTokens = 9 }, true},
		{"the position in the file", func(t *Trace) { t.Requests[0].Index = 9 }, true},
		{"an answer that no turn follows", func(t *Trace) { t.Requests[1].Completion = "x" }, true},
		{"an answer that is history", func(t *Trace) { t.Requests[0].Completion = "x" }, false},
		{"a prompt", func(t *Trace) { t.Requests[2].Prompt = "x" }, false},
		{"an output target", func(t *Trace) { t.Requests[2].OutputTokens = 9 }, false},
		{"a time", func(t *Trace) { t.Requests[2].At = time.Second }, false},
		{"a conversation", func(t *Trace) { t.Requests[2].Conversation = "c" }, false},
		{"a turn", func(t *Trace) { t.Requests[2].Turn = 1 }, false},
		{"the order", func(t *Trace) { t.Requests[1], t.Requests[2] = t.Requests[2], t.Requests[1] }, false},
		{"the number", func(t *Trace) { t.Requests = t.Requests[:2] }, false},
		{"text moved from one field to the next", func(t *Trace) { t.Requests[2].Conversation, t.Requests[2].Prompt = "bt", "" }, false},
	} {
		got := base()
		tt.change(&got)
		if same := got.Hash() == want; same != tt.same {
			t.Errorf("%s: hash the same: got %v, want %v", tt.why, same, tt.same)
		}
	}
}

// The hash is part of run.json: a change of its meaning is a change of format.
func TestHashOfTheSampleIsFixed(t *testing.T) {
	tr, err := Open(t.Context(), "sample", Options{NumRequests: 8})
	if err != nil {
		t.Fatal(err)
	}
	const want = "2fc0f0926f1abfa59c764bbdf86af09a68579873cc03d2e338c4e29e7d931129"
	if got := tr.Hash(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
