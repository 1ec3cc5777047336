package datasets

import "fmt"

const (
	// templateTokens is room for what a chat template adds to a prompt. Llama
	// 3.1's adds about 30 (a system header with two dates), Qwen 2.5's about 25.
	templateTokens = 40
	// turnTokens is room for what it adds to each further turn.
	turnTokens = 8
)

// fits reports whether a request and its answer fit the server's context. used
// is what the conversation's history has come to, to which it adds; answer is
// what the request's own answer will add.
func (c *collector) fits(used *int, r Request, answer int) bool {
	if c.o.FitContext == 0 {
		return true
	}
	estimated := false
	length := func(tokens int, text string) int {
		switch {
		case tokens != Unknown:
			return tokens
		case c.wordTargets: // the sample: a word is a token
			return countWords(text)
		}
		estimated = true
		return estimate(text)
	}
	if r.Turn == 0 || *used == 0 {
		*used = templateTokens + length(r.SystemTokens, r.System)
	}
	*used += turnTokens + length(r.PromptTokens, r.Prompt)
	ok := *used+max(1, r.OutputTokens) <= c.o.FitContext
	*used += turnTokens + answer
	if estimated {
		c.estimated++
	}
	return ok
}

// estimate is a count of tokens on the high side for text that nobody counted:
// English has about 1.3 tokens a word and 4 bytes a token, other scripts and
// code up to a token for 2 bytes.
func estimate(text string) int { return max(countWords(text)*3/2, (len(text)+2)/3) }

// tooLong is the reason for which a request is left out.
func tooLong(context int) string {
	return fmt.Sprintf("prompt and answer over the server's context of %d tokens", context)
}

// least returns the smaller of two limits of which 0 is none.
func least(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// history follows what the server has to read, request by request.
type history struct {
	conversation string
	turn, length int
}

// add returns the length of a request's prompt with the history before it, or
// Unknown.
func (h *history) add(r Request) int {
	if r.Turn == 0 || r.Conversation != h.conversation || r.Turn <= h.turn {
		h.length = r.SystemTokens
	}
	h.conversation, h.turn = r.Conversation, r.Turn
	context := Unknown
	if h.length != Unknown && r.PromptTokens != Unknown {
		context = h.length + r.PromptTokens
	}
	if h.length = Unknown; context != Unknown && r.OutputTokens != Unknown {
		h.length = context + r.OutputTokens
	}
	return context
}

// Contexts returns for each request what the server has to read, by the
// trace's counts: system prompt, history and prompt; Unknown where one of them
// is not known. What the server counts differs by its chat template and, where
// the trace's lengths are another model's, by its tokenizer.
func (t Trace) Contexts() []int {
	var h history
	all := make([]int, len(t.Requests))
	for i, r := range t.Requests {
		all[i] = h.add(r)
	}
	return all
}

// Totals is how much a trace asks for, in tokens.
type Totals struct {
	Requests int
	// Prompt is what the server has to read, histories included, and Output
	// what it is asked to write, of the requests of which it is known.
	Prompt, Output int64
	// PromptUnknown and OutputUnknown are the numbers of requests of which it
	// is not. A request with an unknown output has no length to hold an answer
	// to: with end-of-sequence ignored it would run to the server's own limit.
	PromptUnknown, OutputUnknown int
}

// Totals sums what the requests ask for.
func (t Trace) Totals() Totals {
	total := Totals{Requests: len(t.Requests)}
	for i, context := range t.Contexts() {
		if context == Unknown {
			total.PromptUnknown++
		} else {
			total.Prompt += int64(context)
		}
		if n := t.Requests[i].OutputTokens; n == Unknown {
			total.OutputUnknown++
		} else {
			total.Output += int64(n)
		}
	}
	return total
}
