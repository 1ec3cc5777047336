package attribution

import (
	"cmp"
	"slices"
	"time"
)

// Columns is a run's requests as a structure of arrays: the form for many.
// All columns have one entry a request; those that say so may be nil. Times
// are negative where the event did not happen.
type Columns struct {
	ID             []int64 // nil: 0, 1, 2, …
	Sent           []time.Duration
	First          []time.Duration // first token
	Done           []time.Duration
	Prompt, Output []int32 // tokens, negative if unknown; nil if all are
	// Prefill and Decode are the server's own times; nil if it gave none.
	Prefill, Decode []time.Duration
	Failed          []bool // nil: none
}

// ColumnsOf returns reqs as columns, in the order of their IDs.
func ColumnsOf(reqs []Request) Columns {
	sorted := slices.Clone(reqs)
	slices.SortStableFunc(sorted, func(a, b Request) int { return cmp.Compare(a.ID, b.ID) })
	n := len(sorted)
	c := Columns{
		ID: make([]int64, n), Sent: make([]time.Duration, n), First: make([]time.Duration, n), Done: make([]time.Duration, n),
		Prompt: make([]int32, n), Output: make([]int32, n),
		Prefill: make([]time.Duration, n), Decode: make([]time.Duration, n), Failed: make([]bool, n),
	}
	for i, r := range sorted {
		c.ID[i], c.Sent[i], c.First[i], c.Done[i] = r.ID, r.Sent, r.FirstToken, r.Done
		c.Prompt[i], c.Output[i] = int32(r.PromptTokens), int32(r.OutputTokens)
		c.Prefill[i], c.Decode[i], c.Failed[i] = r.ServerPrefill, r.ServerDecode, r.Failed
	}
	return c
}

// Len is the number of requests.
func (c *Columns) Len() int { return len(c.Sent) }

func (c *Columns) id(i int) int64 {
	if c.ID == nil {
		return int64(i)
	}
	return c.ID[i]
}

// tokens returns the counts of request i, zero where they are unknown.
func (c *Columns) tokens(i int) (prompt, output float64) {
	if c.Prompt != nil {
		prompt = max(float64(c.Prompt[i]), 0)
	}
	if c.Output != nil {
		output = max(float64(c.Output[i]), 0)
	}
	return prompt, output
}

func (c *Columns) failed(i int) bool { return c.Failed != nil && c.Failed[i] }

// span returns when request i was in flight within w: from sent to done, or
// to the end of w if it never ended. ok is false if it was not in flight.
func (c *Columns) span(i int, w Window) (start, end time.Duration, ok bool) {
	start, end = c.Sent[i], c.Done[i]
	if start < 0 {
		return 0, 0, false
	}
	if end < 0 {
		end = w.End
	}
	start, end = max(start, w.Start), min(end, w.End)
	return start, end, end > start
}

// stages returns the moments of request i within w; begin is when its prefill
// began as far as is known. ok is false if it was not in flight in w.
func (c *Columns) stages(i int, w Window, begin time.Duration) (s stages, ok bool) {
	sent, done, ok := c.span(i, w)
	if !ok {
		return s, false
	}
	first := done
	if f := c.First[i]; f >= 0 {
		first = min(max(f, sent), done)
	}
	return stages{sent, min(max(begin, sent), first), first, done}, true
}
