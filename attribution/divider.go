package attribution

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cfubench/meter"
)

// Divider divides the energy of one run's domains among its requests. It keeps
// what depends on the requests alone, and the memory of the last allocation.
type Divider struct {
	requests Columns
	window   meter.Window
	order    []uint32
	// ordered is what order was made for, timelines by what they know.
	ordered   *Timeline
	timelines map[timelineKey]*Timeline
	unknown   Server // of which nothing is known
	worked    *work  // nil: not yet asked for
	fits      map[fitKey]stepFit
	phases    map[phaseKey]phaseFit
	last      Allocation
}

// NewDivider returns a divider of the energy over w among reqs, whose columns
// it refers to. An empty window and too many requests are errors.
func NewDivider(reqs Columns, w meter.Window) (*Divider, error) {
	if w.Length() <= 0 {
		return nil, fmt.Errorf("attribute energy: the window %v to %v is empty", w.Start, w.End)
	}
	if reqs.Len() >= maxRequests {
		return nil, fmt.Errorf("attribute energy: %d requests are more than %d", reqs.Len(), maxRequests-1)
	}
	return &Divider{requests: reqs, window: w, timelines: make(map[timelineKey]*Timeline), fits: make(map[fitKey]stepFit), phases: make(map[phaseKey]phaseFit)}, nil
}

// timelineKey tells timelines of the same requests apart. A nil server is one
// for presence alone.
type timelineKey struct {
	window meter.Window
	server *Server
}

func (d *Divider) timeline(w meter.Window, server *Server) *Timeline {
	key := timelineKey{w, server}
	t, ok := d.timelines[key]
	switch {
	case ok:
	case server == nil:
		t = presence(d.requests, w)
	default:
		t = NewTimeline(d.requests, w, *server)
	}
	d.timelines[key] = t
	return t
}

// stepWork works through the requests' stamps, once.
func (d *Divider) stepWork() (*work, error) {
	if d.worked == nil {
		w, err := workOf(d.requests, d.window)
		if err != nil {
			return nil, fmt.Errorf("read token arrivals: %w", err)
		}
		d.worked = w
	}
	return d.worked, nil
}

// Surveyed says that every convention to come has divided every curve to come before,
// as a pass does that writes rows after it has looked at their sums: the work over time
// is let go, 16 MB of hours, which only fitting costs needs.
func (d *Divider) Surveyed() {
	if d.worked != nil {
		d.worked.cumulative = nil
	}
}

// StepCosts fits the costs of the engine's steps in curve's domain, for pooling
// with those of a run's other cells: also from too few intervals to be used
// alone, so their Doubt is not judged then. It is nil where no step is known or
// the curve has no energy over the window.
func (d *Divider) StepCosts(curve *Curve, idle Idle, role Role) (*StepCosts, error) {
	w, err := d.stepWork()
	if err != nil || w.unknown != "" {
		return nil, err
	}
	var in Allocation
	window := in.clip(curve, d.window)
	costs, _ := Scene{Requests: d.requests, Curve: curve, Window: window, Idle: idle, divider: d}.stepCosts(w, role)
	return costs, nil
}

// fitKey tells the fits of a run's step costs apart.
type fitKey struct {
	curve  *Curve
	window meter.Window
	idle   Idle
	role   Role
}

// phaseKey tells the fits of a run's prefill weight apart.
type phaseKey struct {
	fitKey
	timeline *Timeline
}

// stepFit is what fitting came to.
type stepFit struct {
	costs *StepCosts
	why   string
}

// Divide divides the energy of curve by convention c, in O((R + N) log F) for R
// requests, N readings and F requests in flight at once. The allocation is
// valid until the next call. A convention that does not apply, or a curve that
// has no energy over the window, is an allocation with Refused set.
func (d *Divider) Divide(c Convention, curve *Curve, idle Idle) (*Allocation, error) {
	a := &d.last
	a.reset(c.Name(), d.requests, curve, d.window, idle)
	w := a.clip(curve, d.window)
	if a.Refused != "" {
		return a, nil
	}
	weights, err := c.Weigh(Scene{Requests: d.requests, Curve: curve, Window: w, Idle: idle, divider: d})
	if err != nil {
		return nil, fmt.Errorf("attribute energy of %s by %s: %w", curve.domain.Name, c.Name(), err)
	}
	a.Notes, a.Costs, a.fit = weights.Notes, weights.Costs, weights.Fit
	a.common = append(a.common, weights.Flags...)
	a.Warnings = append(a.Warnings, weights.Warnings...)
	if a.Refused = weights.Refused; a.Refused != "" {
		return a, nil
	}
	a.split, a.sharesCache, a.basis, a.timeline, a.of = weights.Split, weights.SharesCache, weights.Basis, weights.Timeline, weights.Of
	if a.split && a.basis == ByInstant {
		a.prefill = slices.Grow(a.prefill, a.Len())[:a.Len()]
		clear(a.prefill)
	}
	if a.timeline == nil {
		a.timeline = d.timeline(w, nil)
	}
	if d.ordered != a.timeline {
		d.order, d.ordered = a.timeline.events(d.order[:0]), a.timeline
	}
	a.divide(curve, weights, d.order)
	return a, nil
}

// reset prepares a for another curve or convention.
func (a *Allocation) reset(convention string, reqs Columns, curve *Curve, w meter.Window, idle Idle) {
	n := reqs.Len()
	tally := slices.Grow(a.tally[:0], n)[:n]
	clear(tally)
	*a = Allocation{
		Convention: convention, Domain: curve.domain, Window: w, requests: reqs, idlePower: idle,
		tally: tally, prefill: a.prefill[:0],
		floor: curve.floor, limit: curve.limit, boundedUntil: curve.boundedUntil(),
	}
}

// HasEnergy reports whether the curve has energy over the window: a convention
// may refuse to divide what there is.
func (a *Allocation) HasEnergy() bool {
	return a.Counter.Flag != FlagInvalidReset && a.Counter.Flag != FlagOutside
}

// clip cuts w to the readings where they end a little early, and refuses it
// where the curve has no energy.
func (a *Allocation) clip(curve *Curve, w meter.Window) meter.Window {
	span := curve.Span()
	slack := max(2*curve.domain.UpdatePeriod, 5*curve.spacing())
	in := meter.Window{Start: max(w.Start, span.Start), End: min(w.End, span.End)}
	if missing := w.Length() - in.Length(); missing > 0 && missing <= slack && in.Length() > 0 {
		a.Warnings = append(a.Warnings, Warning{FlagOutside, curve.domain.Name, in.End,
			fmt.Sprintf("readings cover all of the window but %v: what was used then is in no row", missing)})
		w = in
	}
	a.Counter = curve.Closing(w)
	switch a.Counter.Flag {
	case FlagInvalidReset:
		a.Refused = "the register was reset inside the window"
	case FlagOutside:
		a.Refused = fmt.Sprintf("readings cover %.3f to %.3f s of the window %.3f to %.3f s", span.Start.Seconds(), span.End.Seconds(), w.Start.Seconds(), w.End.Seconds())
	}
	a.Window = w
	a.common = curve.flagsOver(w)
	return w
}

// spacing is the mean time between knots.
func (c *Curve) spacing() time.Duration {
	if c.knot.len() < 2 {
		return 0
	}
	return c.Span().Length() / time.Duration(c.knot.len()-1)
}

// boundedUntil is the time after which nothing bounds the curve from above.
func (c *Curve) boundedUntil() time.Duration {
	if c.limit > 0 || len(c.epochs) == 0 {
		return math.MaxInt64
	}
	return c.ceilAt.last()
}

// divide runs the sweep and rounds.
func (a *Allocation) divide(curve *Curve, weights Weights, order []uint32) {
	e, _ := curve.cover(a.Window)
	s := sweep{Allocation: a, weights: weights, cursor: newCursor(curve, e)}
	if a.basis == ByInstant {
		s.unit, s.least = scaleOf(weights, a.Len())
	}
	s.run(order, a.Window)
	total := a.busy.energy
	switch a.basis {
	case ByRun:
		s.divide()
	case Fixed:
		total = s.charge()
	}
	a.requestTotal = meter.Energy(math.Round(max(total, 0)))
	a.scale()
	a.rule = newRounding(a.Len(), func(i int) float64 { return a.tally[i].energy }, int64(a.requestTotal))
	a.idleTotal = meter.Energy(math.Round(max(a.idle.energy, 0)))
	a.closeResidual(curve, e)
}

// scaleOf returns how many units a weight of one has, so that all of them
// together fit, and the least weight that is told from none.
func scaleOf(w Weights, n int) (unit, least float64) {
	largest := 0.0
	for i := range n {
		prefill, decode := w.Of(i)
		largest = max(largest, prefill, decode)
	}
	least = largest / weightRange
	sum := 0.0
	for i := range n {
		prefill, decode := w.Of(i)
		sum += max(prefill, decode, least)
	}
	if sum <= 0 {
		return 1, 1
	}
	return largestLoad / sum, least
}

// scale takes out of the shares what summing them in float64 has added.
func (a *Allocation) scale() {
	sum := 0.0
	for i := range a.tally {
		a.tally[i].energy = max(a.tally[i].energy, 0)
		sum += a.tally[i].energy
	}
	if sum <= 0 {
		return
	}
	scale := float64(a.requestTotal) / sum
	for i := range a.tally {
		a.tally[i].energy *= scale
	}
}

// closeResidual brackets what is left to the unattributed row.
func (a *Allocation) closeResidual(curve *Curve, e epoch) {
	w := a.Window
	left := a.Counter.Energy - a.requestTotal - a.idleTotal
	a.residualLo, a.residualHi = left, left
	lo, hi := curve.windowBracket(w, curve.at(e, w.Start), curve.at(e, w.End))
	if a.Domain.Kind == meter.KindPower {
		return
	}
	if a.basis != Fixed {
		a.residualHi = a.Counter.Energy - roundDown(lo)
		if h := roundUp(hi); h != meter.Unbounded {
			a.residualLo = a.Counter.Energy - h
		}
	}
}
