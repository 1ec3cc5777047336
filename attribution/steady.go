package attribution

import (
	"cfubench/meter"
	"fmt"
	"slices"
	"time"
)

// Steady is ML.ENERGY's convention (arXiv 2505.06371 eq. 2, and the window of
// its benchmark's code): with N requests and a server that works on B at once,
// the steady state lasts from the B'th first token to the end of request
// N−B−1; its energy per output token, times a request's output tokens, is the
// request's. Prompts are free. What that leaves of the run's energy (ramp-up,
// drain) is unattributed, which can be negative if the steady state was dearer
// than the rest. Output tokens are taken to come evenly between first token
// and end. A failed request counts with the tokens it got.
//
// Unlike the benchmark, which then divides by nothing, it is refused where the
// limit is unknown, the window is empty, or the batch was not full in it.
type Steady struct{ BatchLimit int }

// minSaturation is the mean number in flight, relative to the batch limit,
// below which a window does not count as saturated. Under one because a
// closed-loop client needs a moment to send the next request.
const minSaturation = 0.95

// Name is "steady".
func (Steady) Name() string { return "steady" }

// Weigh measures the steady state's energy per output token.
func (p Steady) Weigh(s Scene) (Weights, error) {
	w := Weights{Basis: Fixed, Split: true}
	if p.BatchLimit <= 0 {
		w.Refused = "the server's batch limit is unknown"
		return w, nil
	}
	c := s.Requests
	steady, n, refused := steadyWindow(c, s.Window, p.BatchLimit)
	if w.Refused = refused; refused != "" {
		return w, nil
	}
	var tokens, presence float64
	for i := range c.Len() {
		var at stages
		if !c.stages(i, s.Window, 0, &at) {
			continue
		}
		first, done := at[phaseDecode], at[phaseDone]
		presence += overlap(at[phaseQueue], done, steady)
		if _, output := c.tokens(i); done > first {
			tokens += output * overlap(first, done, steady) / float64(done-first)
		}
	}
	occupancy := presence / float64(steady.Length())
	e := s.Curve.Energy(steady)
	switch {
	case occupancy < minSaturation*float64(p.BatchLimit):
		w.Refused = fmt.Sprintf("no saturated window: %.2f requests in flight on average where the server takes %d", occupancy, p.BatchLimit)
	case !e.HasEnergy:
		w.Refused = fmt.Sprintf("the steady state of %v has no energy: %v", steady.Length(), e.Flags)
	case tokens < 1 || e.Energy <= 0:
		w.Refused = "no output token counted in the steady state"
	}
	if w.Refused != "" {
		return w, nil
	}
	perToken := float64(e.Energy) / tokens
	w.LoRatio, w.HiRatio = float64(e.Lo)/float64(e.Energy), float64(e.Hi)/float64(e.Energy)
	w.Of = func(i int) (float64, float64) {
		_, output := c.tokens(i)
		return 0, perToken * output
	}
	w.Notes = []string{fmt.Sprintf("steady state %.3f to %.3f s of %d requests, batch limit %d: %.4g J over %.0f output tokens",
		steady.Start.Seconds(), steady.End.Seconds(), n, p.BatchLimit, e.Energy.Joules(), tokens)}
	return w, nil
}

// steadyWindow returns ML.ENERGY's window of n requests.
func steadyWindow(c Columns, w meter.Window, limit int) (steady meter.Window, n int, refused string) {
	var firsts, ends []time.Duration
	for i := range c.Len() {
		if _, _, ok := c.span(i, w); !ok {
			continue
		}
		n++
		if c.First[i] >= 0 {
			firsts = append(firsts, c.First[i])
		}
		if c.Done[i] >= 0 {
			ends = append(ends, c.Done[i])
		}
	}
	slices.Sort(firsts)
	slices.Sort(ends)
	last := n - limit - 1 // the benchmark's own count, one earlier than its prose
	if len(firsts) < limit || last < 1 || len(ends) < last {
		return meter.Window{}, n, fmt.Sprintf("%d requests are too few for a steady state at batch limit %d", n, limit)
	}
	steady = meter.Window{Start: max(firsts[limit-1], w.Start), End: min(ends[last-1], w.End)}
	if steady.Length() <= 0 {
		return meter.Window{}, n, fmt.Sprintf("no saturated window: %d requests had ended before %d had begun", last, limit)
	}
	return steady, n, ""
}

// overlap is how long [from, to) lies in w, in ns.
func overlap(from, to time.Duration, w meter.Window) float64 {
	return float64(max(min(to, w.End)-max(from, w.Start), 0))
}
