package summary

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"cfubench/internal/stats"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// keptGaps is how many gaps between tokens of one cell are kept for exact
// quantiles (128 MiB); beyond, they go to a histogram and the figure says so.
const keptGaps = 1 << 24

// requestTable is requests.arrow as a structure of arrays, without the lists.
// Times are nanoseconds, negative where the event did not happen.
type requestTable struct {
	id                             []int64
	due, sent, first, last, done   []int64
	prompt, output, cached, target []int32
	streamed                       []int32 // output without hidden reasoning
	ok                             []bool
	held                           []bool // by the limit on requests in flight
	// gaps are the times between tokens of row i, gaps[gapEnd[i-1]:gapEnd[i]]:
	// a chunk of k tokens that came g after the one before is k gaps of g/k.
	gaps     []int64
	gapEnd   []int
	overflow *hdrhistogram.Histogram // of all gaps, once there are too many
	multiple int                     // chunks of more than one token
	uneven   int                     // completed requests whose counts do not sum to the usage
	flags    map[string]int
	window   meter.Window // of the cell
	decoded  float64      // output tokens within it
}

// readRequestTable reads requests.arrow of a cell whose window is w, in one pass.
func readRequestTable(ctx context.Context, path string, w meter.Window) (*requestTable, error) {
	t := &requestTable{flags: map[string]int{}, window: w}
	for r, err := range runfolder.Requests().Scan(ctx, path) {
		if err != nil {
			return nil, err
		}
		t.add(r)
	}
	return t, nil
}

func (t *requestTable) add(r *runfolder.Request) {
	t.id = append(t.id, int64(r.Record.Request))
	t.due, t.sent = append(t.due, int64(r.Due)), append(t.sent, int64(r.Sent))
	t.first, t.last = append(t.first, int64(r.FirstToken)), append(t.last, int64(r.LastToken))
	t.done = append(t.done, int64(r.Done))
	t.prompt, t.output = append(t.prompt, int32(r.PromptTokens)), append(t.output, int32(r.Tokens()))
	t.cached, t.target = append(t.cached, int32(r.CachedTokens)), append(t.target, int32(r.TargetOutputTokens))
	t.streamed = append(t.streamed, int32(r.Streamed()))
	t.ok = append(t.ok, r.OK())
	held := false
	for _, f := range r.Flags {
		t.flags[f]++
		held = held || f == loadgen.FlagHeld
	}
	t.held = append(t.held, held)
	t.decoded += tokensWithin(r.Record, t.window)
	if r.OK() {
		t.addGaps(r)
	}
	t.gapEnd = append(t.gapEnd, len(t.gaps))
}

// addGaps takes the gaps between the tokens of a request. Tokens that came with
// the first event have no gap before them.
func (t *requestTable) addGaps(r *runfolder.Request) {
	at := r.TokenAt
	apart := !r.InOnePiece() // else their times mean nothing
	var sum int64
	since := 0 // the last event that had tokens, or the first
	for j, n := range r.TokenCount {
		sum += int64(n)
		if n > 1 {
			t.multiple++
		}
		if j == 0 || n <= 0 || j >= len(at) || !apart {
			continue
		}
		gap := int64(max(0, at[j]-at[since])) / int64(n)
		since = j
		if t.overflow != nil || int64(n) > int64(keptGaps-len(t.gaps)) {
			t.spill(gap, int64(n))
			continue
		}
		for range n {
			t.gaps = append(t.gaps, gap)
		}
	}
	// Rows without stamped tokens have no counts to hold against the usage.
	if len(r.TokenCount) > 0 && r.OutputTokens >= 0 && sum != int64(r.OutputTokens) {
		t.uneven++
	}
}

// duplicates is how many rows have the number of another.
func (t *requestTable) duplicates() int {
	sorted := slices.Sorted(slices.Values(t.id))
	return len(sorted) - len(slices.Compact(sorted))
}

// spill puts n gaps into the histogram, after all those that were kept.
func (t *requestTable) spill(gap, n int64) {
	if t.overflow == nil {
		t.overflow = hdrhistogram.New(1, int64(time.Hour), 3)
		for _, g := range t.gaps {
			t.overflow.RecordValue(g)
		}
	}
	t.overflow.RecordValues(min(gap, int64(time.Hour)), n)
}

// in yields the completed requests that ended within w, in the order of rows.
func (t *requestTable) in(w meter.Window, do func(i int)) {
	for i, ok := range t.ok {
		if ok && t.done[i] >= int64(w.Start) && t.done[i] <= int64(w.End) {
			do(i)
		}
	}
}

// timePerToken is loadgen's of row i.
func (t *requestTable) timePerToken(i int) (time.Duration, bool) {
	return loadgen.TimePerToken(time.Duration(t.sent[i]), time.Duration(t.first[i]), time.Duration(t.last[i]), int(t.streamed[i]))
}

// tokenTime is the median time between tokens, 0 where there is none.
func (t *requestTable) tokenTime() time.Duration {
	if len(t.gaps) == 0 {
		return 0
	}
	gaps := slices.Clone(t.gaps)
	slices.Sort(gaps)
	return time.Duration(gaps[len(gaps)/2])
}

// latencies are the distributions of one window.
type latencies struct {
	ttft, ttftIntended, tpot, itl, e2e, e2eIntended Distribution
	lateness                                        Distribution
}

// latenciesIn measures the requests that completed within w.
func (t *requestTable) latenciesIn(w meter.Window) latencies {
	var ttft, ttftDue, tpot, e2e, e2eDue, late, gaps []int64
	t.in(w, func(i int) {
		if t.first[i] >= 0 {
			ttft = append(ttft, max(0, t.first[i]-t.sent[i]))
			ttftDue = append(ttftDue, max(0, t.first[i]-t.due[i]))
			if gap, ok := t.timePerToken(i); ok {
				tpot = append(tpot, int64(gap))
			}
		}
		e2e = append(e2e, max(0, t.done[i]-t.sent[i]))
		e2eDue = append(e2eDue, max(0, t.done[i]-t.due[i]))
		if !t.held[i] { // that wait was asked for, and is flagged
			late = append(late, max(0, t.sent[i]-t.due[i]))
		}
		if t.overflow == nil {
			gaps = append(gaps, t.gaps[t.gapStart(i):t.gapEnd[i]]...)
		}
	})
	ns := func(values []int64) Distribution { return distributionOf(values, 1e-9) }
	l := latencies{ns(ttft), ns(ttftDue), ns(tpot), ns(gaps), ns(e2e), ns(e2eDue), ns(late)}
	if t.overflow != nil {
		l.itl = approximate(t.overflow)
	}
	return l
}

func (t *requestTable) gapStart(i int) int {
	if i == 0 {
		return 0
	}
	return t.gapEnd[i-1]
}

// approximate reads a distribution off the histogram of all gaps.
func approximate(h *hdrhistogram.Histogram) Distribution {
	q := func(p float64) Figure { return Figure(float64(h.ValueAtQuantile(p)) * 1e-9) }
	return Distribution{
		N: int(h.TotalCount()), Mean: Figure(h.Mean() * 1e-9), Min: Figure(float64(h.Min()) * 1e-9), Max: Figure(float64(h.Max()) * 1e-9),
		P50: q(50), P90: q(90), P95: q(95), P99: q(99), P99Bound: Unknown(), Approximate: true,
	}
}

// slo counts the completed requests within w that met the objective.
func (t *requestTable) slo(slo loadgen.SLO, w meter.Window) int {
	n := 0
	t.in(w, func(i int) {
		if slo.Kept(time.Duration(t.due[i]), time.Duration(t.sent[i]), time.Duration(t.first[i]), time.Duration(t.last[i]), time.Duration(t.done[i]), int(t.streamed[i])) {
			n++
		}
	})
	return n
}

// byCompletion are the rows that completed within w in the order of their ends.
func (t *requestTable) byCompletion(w meter.Window) []int {
	var rows []int
	t.in(w, func(i int) { rows = append(rows, i) })
	slices.SortStableFunc(rows, func(a, b int) int {
		switch {
		case t.done[a] < t.done[b]:
			return -1
		case t.done[a] > t.done[b]:
			return 1
		}
		return 0
	})
	return rows
}

// cached is the share of completed requests' prompt tokens that the server says
// it had cached, unknown where it does not say.
func (t *requestTable) cachedShare() Figure {
	var cached, prompt float64
	known := false
	for i, ok := range t.ok {
		if ok && t.cached[i] >= 0 && t.prompt[i] > 0 {
			known = true
			cached += float64(t.cached[i])
			prompt += float64(t.prompt[i])
		}
	}
	if !known {
		return Unknown()
	}
	return per(cached, prompt)
}

// outputShare is the output tokens of completed requests over those asked for.
func (t *requestTable) outputShare() Figure {
	var output, target float64
	for i, ok := range t.ok {
		if ok && t.output[i] >= 0 && t.target[i] > 0 {
			output += float64(t.output[i])
			target += float64(t.target[i])
		}
	}
	return per(output, target)
}

// trend is the relative change of latency over w, unknown where a straight line
// is no better than none at the level of 1 %.
func (t *requestTable) trend(w meter.Window) Figure {
	rows := t.byCompletion(w)
	series := make([]float64, len(rows))
	for k, i := range rows {
		series[k] = float64(t.done[i]-t.sent[i]) / float64(max(1, t.output[i]))
	}
	relative, p := stats.Trend(series)
	if math.IsNaN(p) || p > 0.01 {
		return Unknown()
	}
	return Figure(relative)
}
