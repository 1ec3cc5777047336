package attribution

import (
	"cfubench/meter"
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
	Refused         []bool // see Request; nil: none
	// Cached are the prompt tokens that were not computed; nil: none.
	Cached []int32
	// Moved is what ShareCache adds to the prompt tokens that a request pays
	// for: positive for who uses a cache, negative for who filled it; nil: none.
	Moved []float32
	// Tokens streams the arrivals of tokens; nil where they are not known.
	Tokens TokenStream
}

// TokenStream passes every request's token arrivals to yield, in any order
// (about that of sending or ending needs the least memory), until it returns
// false: the arrivals in time order, and the tokens in each, nil for one each.
// Both are only lent for the call. No arrivals: they are not known.
type TokenStream func(yield func(id int64, at []time.Duration, count []int32) bool) error

// ColumnsOf returns reqs as columns, in the order of their IDs.
func ColumnsOf(reqs []Request) Columns {
	var c Columns
	for _, r := range reqs {
		c.Append(r)
	}
	c.SortByID()
	if slices.ContainsFunc(reqs, func(r Request) bool { return len(r.Tokens) > 0 }) {
		c.Tokens = func(yield func(int64, []time.Duration, []int32) bool) error {
			for _, r := range slices.SortedFunc(slices.Values(reqs), func(a, b Request) int { return cmp.Compare(a.ID, b.ID) }) {
				if !yield(r.ID, r.Tokens, r.TokenCounts) {
					break
				}
			}
			return nil
		}
	}
	return c
}

// Append adds a request to columns that were made by Append alone.
func (c *Columns) Append(r Request) {
	c.ID = append(c.ID, r.ID)
	c.Sent, c.First, c.Done = append(c.Sent, r.Sent), append(c.First, r.FirstToken), append(c.Done, r.Done)
	c.Prompt, c.Output = append(c.Prompt, int32(r.PromptTokens)), append(c.Output, int32(r.OutputTokens))
	c.Prefill, c.Decode = append(c.Prefill, r.ServerPrefill), append(c.Decode, r.ServerDecode)
	c.Failed = append(c.Failed, r.Failed)
	c.Cached = appendRare(c.Cached, len(c.Sent), int32(max(r.CachedTokens, 0)))
	c.Refused = appendRare(c.Refused, len(c.Sent), r.Refused)
}

// appendRare makes x n long with v last. It stays nil while all are zero, so
// that what hardly any run has costs no memory in the others.
func appendRare[T comparable](x []T, n int, v T) []T {
	var zero T
	if x == nil && v == zero {
		return nil
	}
	for len(x) < n-1 {
		x = append(x, zero)
	}
	return append(x, v)
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
	c.Failed, c.Refused, c.Cached, c.Moved = permuted(c.Failed, order), permuted(c.Refused, order), permuted(c.Cached, order), permuted(c.Moved, order)
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

// row returns the row of request id, -1 if it has none; near is where it is
// looked for first.
func (c *Columns) row(id int64, near int) int {
	if c.ID == nil {
		if id < 0 || id >= int64(c.Len()) {
			return -1
		}
		return int(id)
	}
	if near < len(c.ID) && c.ID[near] == id {
		return near
	}
	if i, ok := slices.BinarySearch(c.ID, id); ok {
		return i
	}
	return -1
}

// tokens returns the prompt tokens that were computed for request i and its
// output tokens, zero where they are unknown.
func (c *Columns) tokens(i int) (prompt, output float64) {
	if c.Output != nil {
		output = max(float64(c.Output[i]), 0)
	}
	return c.computed(i), output
}

// paid is the number of prompt tokens that request i pays for of so many that
// were computed for it: with its part of a shared cache's.
func (c *Columns) paid(i int, computed float64) float64 {
	if c.Moved == nil {
		return computed
	}
	return max(computed+float64(c.Moved[i]), 0)
}

// sharesCache reports whether request i pays for another's prompt, or another
// for its.
func (c *Columns) sharesCache(i int) bool { return c.Moved != nil && c.Moved[i] != 0 }

// context is the prompt's length, computed or not, zero if unknown.
func (c *Columns) context(i int) float64 {
	if c.Prompt == nil {
		return 0
	}
	return max(float64(c.Prompt[i]), 0)
}

// computed is the number of prompt tokens that were computed for request i,
// zero if unknown. What a cache held was not.
func (c *Columns) computed(i int) float64 {
	if c.Cached == nil {
		return c.context(i)
	}
	return max(c.context(i)-float64(c.Cached[i]), 0)
}

func (c *Columns) failed(i int) bool { return c.Failed != nil && c.Failed[i] }

func (c *Columns) refused(i int) bool { return c.Refused != nil && c.Refused[i] }

// span returns when request i was in flight within w: from sent to done, or
// to the end of w if it never ended. ok is false if it was not in flight: one
// that was refused never was.
func (c *Columns) span(i int, w meter.Window) (start, end time.Duration, ok bool) {
	start, end = c.Sent[i], c.Done[i]
	if start < 0 || c.refused(i) {
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
func (c *Columns) stages(i int, w meter.Window, begin time.Duration, s *stages) bool {
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
