package datasets

import (
	"context"
	"fmt"
	"iter"
)

const (
	// noTime is the arrival time of a request in a trace without times.
	noTime = -1
	// batch is how many texts are counted at a time: enough to keep a tokenizer
	// busy that answers over a network, few enough not to count for nothing.
	batch = 64
	// maxGenerated bounds the generated text that a trace holds, in words of
	// about 5 bytes: about a GiB.
	maxGenerated = 200 << 20
)

// prompts says what becomes of generated prompts.
type prompts int

const (
	held    prompts = iota // they stay in memory and are bounded
	passing                // they are handed on and forgotten
	omitted                // they are not made
)

// collector takes requests from a stream of candidates until there are enough.
type collector struct {
	t    *Trace
	o    Options
	rule rule
	// wordTargets: each completion has a word for each token to ask for.
	wordTargets bool
	prompts     prompts
	sink        func(Request) error

	taken     int
	generated int // words
	inWords   bool
	lowered   int
	cut       int
	estimated int // prompts compared with a context by an estimate
	worded    int // answers counted in words
	partial   int // whole requests with parts that nobody can count here
}

// collect counts candidates in batches, each the requests of one conversation,
// and hands on those that pass, in order.
func (c *collector) collect(ctx context.Context, candidates iter.Seq2[[]candidate, error]) error {
	var pending [][]candidate
	texts := 0
	flush := func() error {
		err := c.take(ctx, pending)
		pending, texts = pending[:0], 0
		return err
	}
	for requests, err := range candidates {
		if err != nil {
			return err
		}
		pending = append(pending, requests)
		texts += 2 * len(requests)
		// Never read ahead of what is still wanted: what is dropped is counted.
		if texts < batch && (c.o.NumRequests == 0 || c.taken+len(pending) < c.o.NumRequests) {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if c.full() {
			break
		}
	}
	return flush()
}

func (c *collector) full() bool {
	return c.o.NumRequests > 0 && c.taken >= c.o.NumRequests
}

// take counts the pending conversations and keeps what passes.
func (c *collector) take(ctx context.Context, pending [][]candidate) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.count(ctx, pending); err != nil {
		return err
	}
	for _, requests := range pending {
		if c.full() {
			break
		}
		if err := c.keep(requests); err != nil {
			return err
		}
	}
	return nil
}

// count sets the token counts that the file did not state.
func (c *collector) count(ctx context.Context, pending [][]candidate) error {
	var texts []string
	var into []*int
	for _, requests := range pending {
		for i := range requests {
			r := &requests[i]
			if r.uncounted() {
				texts, into = append(texts, r.Prompt), append(into, &r.PromptTokens)
			}
			if r.System != "" {
				r.SystemTokens = Unknown
				texts, into = append(texts, r.System), append(into, &r.SystemTokens)
			}
			switch {
			case r.Kind == KindEmbeddings:
			case c.o.OutputTokens > 0:
				r.OutputTokens = c.o.OutputTokens
			case r.OutputTokens != Unknown:
			case c.wordTargets:
				r.OutputTokens = countWords(r.Completion)
			case r.Completion != "" && c.o.Tokenizer == nil && c.o.WordTargets:
				r.OutputTokens = max(1, countWords(r.Completion))
				c.worded++
			case r.Completion != "" || c.rule != nil:
				// A rule about lengths counts an empty answer, and rejects it;
				// elsewhere nobody answered and nothing is known.
				texts, into = append(texts, r.Completion), append(into, &r.OutputTokens)
			}
		}
	}
	if c.o.Tokenizer == nil || len(texts) == 0 {
		return nil
	}
	counts, err := c.o.Tokenizer.Count(ctx, texts)
	if err != nil {
		return fmt.Errorf("count tokens with %s: %w", c.o.Tokenizer.Name(), err)
	}
	if len(counts) != len(texts) {
		return fmt.Errorf("count tokens with %s: %d counts for %d texts", c.o.Tokenizer.Name(), len(counts), len(texts))
	}
	for i, n := range counts {
		*into[i] = n
	}
	return nil
}

// keep hands on the requests of one conversation as far as they pass.
func (c *collector) keep(requests []candidate) error {
	history, fit := 0, 0
	for i, r := range requests {
		if c.full() {
			return nil
		}
		if c.rule != nil {
			if reason := c.rule(r.PromptTokens, r.OutputTokens); reason != "" {
				c.t.drop(reason)
				return nil
			}
		}
		answer := c.answerLength(r.Request)
		if limit := c.o.MaxPromptTokens; limit > 0 {
			history += c.promptLength(r)
			if history > limit {
				if i > 0 {
					c.cut++
				} else {
					c.t.drop(fmt.Sprintf("prompt over the limit of %d tokens", limit))
				}
				return nil
			}
			history += answer
		}
		lowered := c.o.MaxOutputTokens > 0 && r.OutputTokens > c.o.MaxOutputTokens
		if lowered {
			r.OutputTokens = c.o.MaxOutputTokens
		}
		if !c.fits(&fit, r.Request, answer) {
			if i > 0 {
				c.cut++
			} else {
				c.t.drop(tooLong(c.o.FitContext))
			}
			return nil
		}
		if r.Body != nil && r.OutputTokens > 0 && (c.o.OutputTokens > 0 || c.o.MaxOutputTokens > 0) {
			r.Body = withLimit(r.Body, r.Kind, r.OutputTokens)
		}
		if r.partial {
			c.partial++
		}
		if r.text != nil && c.prompts != omitted {
			if c.generated += r.PromptTokens; c.generated > maxGenerated && c.prompts == held {
				return fmt.Errorf("the prompts of the first %d requests would be over a GiB of generated text; take fewer requests", c.taken+1)
			}
			r.Prompt = r.text()
		}
		if err := c.sink(r.Request); err != nil {
			return err
		}
		c.taken++
		if lowered { // of those that are sent
			c.lowered++
		}
	}
	return nil
}

// promptLength is what the limit applies to: words where nobody counted.
// A system prompt belongs to the first turn.
func (c *collector) promptLength(r candidate) int {
	if r.PromptTokens != Unknown && r.SystemTokens != Unknown {
		if r.Turn == 0 {
			return r.SystemTokens + r.PromptTokens
		}
		return r.PromptTokens
	}
	c.inWords = true
	words := countWords(r.Prompt)
	if r.Turn == 0 {
		words += countWords(r.System)
	}
	return words
}

// answerLength is what an answer adds to the history, be it the trace's own or
// one of the length asked for: the longer of the two.
func (c *collector) answerLength(r Request) int {
	if r.OutputTokens != Unknown && c.o.OutputTokens == 0 {
		return r.OutputTokens
	}
	return max(r.OutputTokens, countWords(r.Completion))
}

// finish puts what was done to the requests on the trace.
func (c *collector) finish() {
	if c.lowered > 0 {
		c.t.warnf("%s lowered to %d tokens", plural(c.lowered, "output target was", "output targets were"), c.o.MaxOutputTokens)
	}
	if c.cut > 0 {
		c.t.warnf("%s early: with the history the next prompt is over %d tokens", plural(c.cut, "conversation ends", "conversations end"), least(c.o.MaxPromptTokens, c.o.FitContext))
	}
	if c.estimated > 0 {
		c.t.warnf("cfu compared %s with the server's context of %d tokens by an estimate: their tokens are not counted", plural(c.estimated, "request", "requests"), c.o.FitContext)
	}
	if c.worded > 0 {
		c.t.warnf("the answers' lengths, which are asked for, are counted in words and not in the model's tokens: no tokenizer counted them")
	}
	if c.partial > 0 {
		c.t.warnf("%s parts that are no text (images, audio): the length of the prompt is not known before the server counts it", plural(c.partial, "request has", "requests have"))
	}
	if c.inWords {
		c.t.warnf("prompt limit of %d tokens was applied to word counts, because no tokenizer is set", c.o.MaxPromptTokens)
	}
	if c.o.FitContext > 0 && c.rule != nil && c.t.Dropped[tooLong(c.o.FitContext)] > 0 {
		c.t.warnf("requests that do not fit the server's context were left out after %s's selection: it is no longer identical to that tool's", c.o.Select)
	}
	if c.o.MaxPromptTokens > 0 && c.rule != nil {
		c.t.warnf("the limit of %d prompt tokens changes %s's selection: it is no longer identical to that tool's", c.o.MaxPromptTokens, c.o.Select)
	}
	if c.taken < c.o.NumRequests && (c.o.Select != VLLM || c.o.NoOversample) {
		c.t.warnf("%d requests were asked for and the trace gives %d", c.o.NumRequests, c.taken)
	}
	if c.generated > 0 {
		c.t.warnf("the trace has lengths and no text: prompts are generated, one word for each token of the trace; what they come to in the model's tokens is in the server's usage")
	}
}

// warnf adds a doubt that does not prevent the run.
func (t *Trace) warnf(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// plural puts a number before the form that goes with it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
