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
	var c Columns
	for _, r := range reqs {
		c.Append(r)
	}
	c.SortByID()
	return c
}

// Append adds a request to columns that were made by Append alone.
func (c *Columns) Append(r Request) {
	c.ID = append(c.ID, r.ID)
	c.Sent, c.First, c.Done = append(c.Sent, r.Sent), append(c.First, r.FirstToken), append(c.Done, r.Done)
	c.Prompt, c.Output = append(c.Prompt, int32(r.PromptTokens)), append(c.Output, int32(r.OutputTokens))
	c.Prefill, c.Decode = append(c.Prefill, r.ServerPrefill), append(c.Decode, r.ServerDecode)
	c.Failed = append(c.Failed, r.Failed)
}

// SortByID puts the requests in the order of their IDs, which is the order in
// which shares are rounded and written.
func (c *Columns) SortByID() {
	if slices.IsSorted(c.ID) {
		return
	}
	order := make([]int, c.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.ID[a], c.ID[b]) })
	c.ID = permuted(c.ID, order)
	c.Sent, c.First, c.Done = permuted(c.Sent, order), permuted(c.First, order), permuted(c.Done, order)
	c.Prompt, c.Output = permuted(c.Prompt, order), permuted(c.Output, order)
	c.Prefill, c.Decode = permuted(c.Prefill, order), permuted(c.Decode, order)
	c.Failed = permuted(c.Failed, order)
}

// permuted returns x in the given order, nil if x is.
func permuted[T any](x []T, order []int) []T {
	if x == nil {
		return nil
	}
	out := make([]T, len(order))
	for i, k := range order {
		out[i] = x[k]
	}
	return out
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

// stages fills s with the moments of request i within w; begin is when its
// prefill began as far as is known. It reports false if the request was not in
// flight in w. (It fills rather than returns for the sake of the inner loop.)
func (c *Columns) stages(i int, w Window, begin time.Duration, s *stages) bool {
	sent, done, ok := c.span(i, w)
	if !ok {
		return false
	}
	first := done
	if f := c.First[i]; f >= 0 {
		first = min(max(f, sent), done)
	}
	s[phaseQueue], s[phasePrefill], s[phaseDecode], s[phaseDone] = sent, min(max(begin, sent), first), first, done
	return true
}
