package loadgen

import (
	"math"
	"sync/atomic"
	"time"

	"cfubench/datasets"
)

// flight is a request from its admission to its end.
type flight struct {
	run    *run
	order  int
	due    time.Duration
	tokens int // most that are asked for, 0 for the server's own limit
	// first is when the first sign of a token was read, on the run's clock and Never
	// before; events are those with tokens that were read.
	first, events atomic.Int64
	// last is when anything of its answer was read last, before that when it was due.
	last atomic.Int64
}

// depart notes a request that was admitted.
func (r *run) depart(order int, due time.Duration, request datasets.Request) *flight {
	f := &flight{run: r, order: order, due: due, tokens: r.load.MaxTokens}
	if n := request.OutputTokens; n > 0 && (f.tokens == 0 || n < f.tokens) {
		f.tokens = n
	}
	f.first.Store(int64(Never))
	f.last.Store(int64(due))
	if r.load.Missed != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.flights == nil {
			r.flights = map[*flight]struct{}{}
		}
		r.flights[f] = struct{}{}
	}
	return f
}

// land forgets a request that has ended.
func (r *run) land(f *flight) {
	if r.load.Missed != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.flights, f)
	}
}

// saw counts events as they are read.
func (f *flight) saw(n int) {
	f.run.load.Live.Tokens.Add(int64(n))
	f.events.Add(int64(n))
	now := int64(f.run.clock())
	f.first.CompareAndSwap(int64(Never), now)
	f.last.Store(now)
}

// tellMissed tells of the requests that have missed the objective though they have not
// ended, or of which nothing comes. What the client has not read yet may have come
// earlier by as long as the starvation watch takes to find that the client itself is
// late.
func (r *run) tellMissed(now time.Duration) {
	for f := range r.flights {
		if now-StarvationPeriod > min(r.load.Objective.lastChance(f), r.standsFrom(f)) {
			delete(r.flights, f)
			r.load.Missed(f.order)
		}
	}
}

// standsFrom is when a request of which nothing comes is taken for one that is never
// answered to its end, and so for a failure: where others have been answered, after ten
// seconds and twice as long as the slowest of them took, whichever is longer.
func (r *run) standsFrom(f *flight) time.Duration {
	if r.slowest == 0 {
		return math.MaxInt64
	}
	return time.Duration(f.last.Load()) + max(unknownPatience, r.patience())
}

// lastChance is the time after which a request that has not ended misses the objective,
// far off where none is known. The time per token is that of all tokens: it is missed
// for certain when so many as were asked for took longer, and is taken to be so at twice
// that, since reasoning and further choices may come on top of them.
func (s SLO) lastChance(f *flight) time.Duration {
	at := time.Duration(math.MaxInt64)
	first := time.Duration(f.first.Load())
	if s.E2E > 0 {
		at = f.due + s.E2E
	}
	if s.TTFT > 0 && (first == Never || first > f.due+s.TTFT+StarvationPeriod) {
		at = min(at, f.due+s.TTFT)
	}
	if s.TPOT > 0 && first != Never && f.tokens > 1 && f.events.Load() < int64(f.tokens) {
		at = min(at, first+2*time.Duration(f.tokens)*s.TPOT)
	}
	return at
}
