package summary

import (
	"context"
	"math"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// outputIn counts the output tokens within w by reading requests.arrow again: of a
// window that is found from all of its rows, a table of their stamps would be larger
// than all else that is kept of a cell.
func outputIn(ctx context.Context, path string, w meter.Window) (sum float64, err error) {
	for r, err := range runfolder.Requests().Scan(ctx, path) {
		if err != nil {
			return 0, err
		}
		sum += tokensWithin(r.Record, w)
	}
	return sum, nil
}

// tokensWithin counts a request's output tokens within w, each at its stamp. Tokens
// without one count in proportion to the time in which they were decoded: hidden
// reasoning between send and first token; those of a row without stamps, as logs of
// other tools have it, between first and last token; those of a completed request
// that has no first token, such as an embedding, between send and end. They are not a
// number if nobody counted those of a completed request: without them the rest would
// stand beside all of the energy.
func tokensWithin(r loadgen.Record, w meter.Window) float64 {
	if r.OK() && r.Tokens() < 0 && overlap(w, int64(r.Sent), int64(r.Done)) > 0 {
		return math.NaN()
	}
	tokens := float64(max(0, r.Tokens()))
	if r.Sent < 0 || tokens == 0 {
		return 0
	}
	if r.FirstToken < 0 {
		if r.OK() && r.Done >= 0 {
			return tokens * overlap(w, int64(r.Sent), int64(r.Done))
		}
		return 0
	}
	events := min(len(r.TokenAt), len(r.TokenCount))
	all := 0.0
	for _, n := range r.TokenCount[:events] {
		all += float64(n)
	}
	if all == 0 {
		return tokens * overlap(w, int64(r.FirstToken), int64(max(r.FirstToken, r.LastToken)))
	}
	hidden := 0.0
	if n := r.Tokens() - r.Streamed(); n > 0 {
		hidden = min(float64(n), float64(r.TokenCount[0]))
	}
	within := hidden * overlap(w, int64(r.Sent), int64(r.TokenAt[0]))
	for j, at := range r.TokenAt[:events] {
		if at < w.Start || at > w.End {
			continue
		}
		within += float64(r.TokenCount[j])
		if j == 0 {
			within -= hidden
		}
	}
	return tokens * within / all // the events' counts may not sum to the usage
}

// promptsIn counts prompt tokens within w, Unknown if nobody counted those of a
// completed request: a part would stand beside all of the energy. A prompt that
// straddles an edge counts in proportion to the time between send and first token;
// of a completed request without one, between send and end.
func (t *requestTable) promptsIn(w meter.Window) Figure {
	sum := 0.0
	for i := range t.id {
		if t.sent[i] < 0 {
			continue
		}
		if t.ok[i] && t.prompt[i] < 0 && overlap(w, t.sent[i], t.done[i]) > 0 {
			return Unknown()
		}
		prompt := float64(max(0, t.prompt[i]))
		switch {
		case t.first[i] >= 0:
			sum += prompt * overlap(w, t.sent[i], t.first[i])
		case t.ok[i] && t.done[i] >= 0:
			sum += prompt * overlap(w, t.sent[i], t.done[i])
		}
	}
	return Figure(sum)
}

// writtenIn is about how many output tokens were written within w, those of a request
// spread evenly over its decoding. It is no figure of its own: it explains a part of what
// batches of requests cost.
func (t *requestTable) writtenIn(w meter.Window) (sum float64) {
	for i := range t.id {
		if t.first[i] >= 0 && t.output[i] > 0 {
			sum += float64(t.output[i]) * overlap(w, t.first[i], max(t.first[i], t.last[i]))
		}
	}
	return sum
}

// overlap is the share of [from, to] that lies in w; of an instant, all or
// nothing.
func overlap(w meter.Window, from, to int64) float64 {
	lo, hi := max(from, int64(w.Start)), min(to, int64(w.End))
	if to <= from {
		if from >= int64(w.Start) && from <= int64(w.End) {
			return 1
		}
		return 0
	}
	return max(0, float64(hi-lo)) / float64(to-from)
}
