package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// noTime is the arrival time of a request in a trace without times.
const noTime = -1

// batch is how many texts are counted at a time: enough to keep a tokenizer
// busy that answers over a network, few enough not to count for nothing.
const batch = 64

// readShareGPT fills t from a ShareGPT file or the sample.
func readShareGPT(ctx context.Context, t *Trace, r source, name string, o Options) error {
	if o.Select == "" {
		o.Select = First
	}
	t.Selection, t.Seed = o.Select, o.Seed
	c := collector{t: t, o: o, rule: exactRule(o), wordTargets: name == "sample" && o.Tokenizer == nil}
	var found oddities
	var candidates iter.Seq2[[]Request, error]
	if o.Select == First {
		candidates = first(r, o.MultiTurn, t, &found)
	} else {
		places, err := shuffled(ctx, t, r, o)
		if err != nil {
			return inFile(name, r, err)
		}
		candidates = exact(r, places, &found.repaired)
	}
	if err := c.collect(ctx, candidates); err != nil {
		return inFile(name, r, err)
	}
	found.warn(t)
	if len(t.Requests) == 0 {
		return t.none(name)
	}
	if o.Select == VLLM {
		oversample(t, o)
	}
	t.checkCount(o)
	return nil
}

// collector takes requests from a stream of candidates until there are enough.
type collector struct {
	t    *Trace
	o    Options
	rule rule
	// wordTargets: the completion has a word for each token to ask for.
	wordTargets bool
	lowered     int
	cut         int
}

// collect counts candidates in batches, each the requests of one conversation,
// and keeps those that pass, in order.
func (c *collector) collect(ctx context.Context, candidates iter.Seq2[[]Request, error]) error {
	var pending [][]Request
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
		if texts < batch && (c.o.NumRequests == 0 || len(c.t.Requests)+len(pending) < c.o.NumRequests) {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if c.full() {
			break
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if c.lowered > 0 {
		c.t.warnf("%d output targets were lowered to %d tokens", c.lowered, c.o.MaxOutputTokens)
	}
	if c.cut > 0 {
		c.t.warnf("%d conversations end early: with their history the next prompt is over %d tokens", c.cut, c.o.MaxPromptTokens)
	}
	if c.o.MaxPromptTokens > 0 && c.o.Tokenizer == nil {
		c.t.warnf("prompts were held against the limit of %d tokens in words: no tokenizer", c.o.MaxPromptTokens)
	}
	return nil
}

func (c *collector) full() bool {
	return c.o.NumRequests > 0 && len(c.t.Requests) >= c.o.NumRequests
}

// take counts the pending conversations and keeps what passes.
func (c *collector) take(ctx context.Context, pending [][]Request) error {
	if err := c.count(ctx, pending); err != nil {
		return err
	}
	for _, requests := range pending {
		if c.full() {
			break
		}
		c.keep(requests)
	}
	return nil
}

// count sets the token counts of all pending requests.
func (c *collector) count(ctx context.Context, pending [][]Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var texts []string
	for _, requests := range pending {
		for _, r := range requests {
			texts = append(texts, r.Prompt, r.Completion)
		}
	}
	var counts []int
	if c.o.Tokenizer != nil && len(texts) > 0 {
		var err error
		if counts, err = c.o.Tokenizer.Count(ctx, texts); err != nil {
			return fmt.Errorf("count tokens with %s: %w", c.o.Tokenizer.Name(), err)
		}
		if len(counts) != len(texts) {
			return fmt.Errorf("count tokens with %s: %d counts for %d texts", c.o.Tokenizer.Name(), len(counts), len(texts))
		}
	}
	for _, requests := range pending {
		for i := range requests {
			r := &requests[i]
			r.PromptTokens, r.OutputTokens = Unknown, Unknown
			switch {
			case counts != nil:
				r.PromptTokens, r.OutputTokens = counts[0], counts[1]
				counts = counts[2:]
				// First has no completion where nobody answered; the exact
				// rules count an empty one, and reject it.
				if r.Completion == "" && c.o.Select == First {
					r.OutputTokens = Unknown
				}
			case c.wordTargets:
				r.OutputTokens = countWords(r.Completion)
			}
			if c.o.OutputTokens > 0 {
				r.OutputTokens = c.o.OutputTokens
			}
		}
	}
	return nil
}

// keep appends the requests of one conversation as far as they pass.
func (c *collector) keep(requests []Request) {
	history := 0
	for _, r := range requests {
		if c.full() {
			return
		}
		if reason := c.rule(r.PromptTokens, r.OutputTokens); reason != "" {
			c.t.Dropped[reason]++
			return
		}
		if limit := c.o.MaxPromptTokens; limit > 0 && history+promptLength(r) > limit {
			if r.Turn > 0 {
				c.cut++
			} else {
				c.t.Dropped[fmt.Sprintf("prompt over the limit of %d tokens", limit)]++
			}
			return
		}
		if limit := c.o.MaxOutputTokens; limit > 0 && r.OutputTokens > limit {
			r.OutputTokens = limit
			c.lowered++
		}
		history += promptLength(r) + max(r.OutputTokens, 0)
		c.t.Requests = append(c.t.Requests, r)
	}
}

// promptLength is the length that limits apply to: words where nobody counted.
func promptLength(r Request) int {
	if r.PromptTokens != Unknown {
		return r.PromptTokens
	}
	return countWords(r.Prompt)
}

// warnf adds a doubt that does not prevent the run.
func (t *Trace) warnf(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// checkCount warns when fewer requests were found than asked for.
func (t *Trace) checkCount(o Options) {
	if len(t.Requests) < o.NumRequests {
		t.warnf("%d requests were asked for and the trace gives %d", o.NumRequests, len(t.Requests))
	}
}

// none is the error of a trace in which nothing is left to send.
func (t *Trace) none(name string) error {
	return fmt.Errorf("%s: no request can be made of it; %s", name, t.dropList())
}

// inFile names the file of an error and turns a byte into a line and a column.
func inFile(name string, r io.ReaderAt, err error) error {
	p := (*positionError)(nil)
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", name, err)
	}
	line, column := lineAt(r, p.offset)
	return fmt.Errorf("%s:%d:%d: %w", name, line, column, err)
}
