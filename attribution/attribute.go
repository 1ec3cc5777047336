package attribution

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cfubench/meter"
)

// Result is one domain's energy by one convention, row by row.
type Result struct {
	Convention string
	Domain     string
	// Shares holds the requests in the order of their IDs, then IdleRow, then
	// UnattributedRow. Their energies sum to Counter exactly.
	Shares   []Share
	Counter  meter.Energy
	Reading  Difference // where Counter can be found in the raw readings
	Notes    []string
	Warnings []Warning
	// Refused says why there are no shares, "" if there are.
	Refused string
}

// Attribute divides the energy of curve over w among the requests in flight by
// convention c. Energy used while none was in flight is the idle row. A
// convention that does not apply, or a curve that has no energy over w, is a
// Result with Refused set and no shares; an error is a mistake of the caller.
func Attribute(c Convention, reqs []Request, curve *Curve, w Window, idle Idle) (Result, error) {
	a, err := Allocate(c, ColumnsOf(reqs), curve, w, idle, nil)
	if err != nil {
		return Result{}, err
	}
	r := Result{Convention: c.Name(), Domain: curve.domain.Name, Counter: a.Counter.Energy, Reading: a.Counter, Notes: a.Notes, Warnings: a.Warnings, Refused: a.Refused}
	if a.Refused != "" {
		return r, nil
	}
	common := curve.flagsOver(w)
	share := func(id int64, row Row, flags []string) Share {
		flags = append(flags, common...)
		slices.Sort(flags)
		return Share{
			Request: id, Convention: r.Convention, Domain: r.Domain,
			Energy: row.Energy, Lo: row.Lo, Hi: row.Hi, Prefill: row.Prefill, Decode: row.Decode, Idle: row.Idle,
			Method: curve.domain.Kind, Flags: slices.Compact(flags),
		}
	}
	r.Shares = make([]Share, 0, a.Len()+2)
	for i := range a.Len() {
		r.Shares = append(r.Shares, share(a.requests.id(i), a.Request(i), a.Flags(i)))
	}
	r.Shares = append(r.Shares,
		share(IdleRow, a.IdleRow(), []string{FlagIdle}),
		share(UnattributedRow, a.UnattributedRow(), []string{FlagUnattributed}))
	return r, nil
}

// Allocate is Attribute for many requests: it takes and returns columns, in
// O((R + N) log F) for R requests, N readings and F requests in flight at
// once. If into is not nil its memory is used again, and what it held is lost.
func Allocate(c Convention, reqs Columns, curve *Curve, w Window, idle Idle, into *Allocation) (*Allocation, error) {
	if w.Length() <= 0 {
		return nil, fmt.Errorf("attribute energy of %s: window of %v", curve.domain.Name, w.Length())
	}
	if reqs.Len() >= maxRequests {
		return nil, fmt.Errorf("attribute energy of %s: %d requests are more than %d", curve.domain.Name, reqs.Len(), maxRequests)
	}
	a := into
	if a == nil {
		a = &Allocation{}
	}
	a.reset(c.Name(), reqs, curve, w, idle)
	w = a.clip(curve, w)
	if a.Refused != "" {
		return a, nil
	}
	weights, err := c.Weigh(Scene{Requests: reqs, Curve: curve, Window: w, Idle: idle})
	if err != nil {
		return nil, fmt.Errorf("attribute energy of %s by %s: %w", curve.domain.Name, c.Name(), err)
	}
	a.Notes = weights.Notes
	if a.Refused = weights.Refused; a.Refused != "" {
		return a, nil
	}
	a.divide(curve, weights, w)
	return a, nil
}

// reset prepares a for new columns and curve.
func (a *Allocation) reset(convention string, reqs Columns, curve *Curve, w Window, idle Idle) {
	n := reqs.Len()
	zeroed := func(s []float64) []float64 {
		if cap(s) < n {
			return make([]float64, n)
		}
		s = s[:n]
		clear(s)
		return s
	}
	order := a.order
	*a = Allocation{
		Convention: convention, Domain: curve.domain, Window: w, requests: reqs, idlePower: idle,
		energy: zeroed(a.energy), below: zeroed(a.below), above: zeroed(a.above), prefill: zeroed(a.prefill), time: zeroed(a.time),
		floor: curve.floor, limit: curve.limit, boundedUntil: curve.boundedUntil(), order: order,
	}
}

// clip cuts w to the readings where they end a little early, and refuses it
// where the curve has no energy.
func (a *Allocation) clip(curve *Curve, w Window) Window {
	span := curve.Span()
	slack := max(2*curve.domain.UpdatePeriod, 5*curve.spacing())
	in := Window{max(w.Start, span.Start), min(w.End, span.End)}
	if missing := w.Length() - in.Length(); missing > 0 && missing <= slack && in.Length() > 0 {
		a.Warnings = append(a.Warnings, Warning{FlagOutside, curve.domain.Name, in.End,
			fmt.Sprintf("readings cover all of the window but %v: what was used then is in no row", missing)})
		w = in
	}
	a.Counter = curve.Counter(w)
	switch a.Counter.Flag {
	case FlagInvalidReset:
		a.Refused = "the register was reset inside the window"
	case FlagOutside:
		a.Refused = fmt.Sprintf("readings cover %.3f to %.3f s of the window %.3f to %.3f s", span.Start.Seconds(), span.End.Seconds(), w.Start.Seconds(), w.End.Seconds())
	}
	a.Window = w
	return w
}

// spacing is the mean time between knots.
func (c *Curve) spacing() time.Duration {
	if len(c.knot) < 2 {
		return 0
	}
	return c.Span().Length() / time.Duration(len(c.knot)-1)
}

// boundedUntil is the time after which nothing bounds the curve from above.
func (c *Curve) boundedUntil() time.Duration {
	if c.limit > 0 || len(c.epochs) == 0 {
		return math.MaxInt64
	}
	return c.ceilAt[len(c.ceilAt)-1]
}

// divide runs the sweep and rounds.
func (a *Allocation) divide(curve *Curve, weights Weights, w Window) {
	a.split, a.basis, a.timeline = weights.Split, weights.Basis, weights.Timeline
	if a.timeline == nil {
		a.timeline = presence(a.requests, w)
	}
	e, _ := curve.cover(w)
	s := sweep{Allocation: a, weights: weights, cursor: cursor{Curve: curve, e: e, knotI: -1, floorI: -1, ceilI: -1}}
	largest := 0.0
	for i := range a.requests.Len() {
		prefill, decode := weights.Of(i)
		largest = max(largest, prefill, decode)
	}
	s.unit = 1
	if largest > 0 {
		s.unit = largestUnits / largest
	}
	a.order = a.timeline.events(a.order[:0])
	s.run(a.order, w)
	total := a.busy.energy
	switch a.basis {
	case ByRun:
		s.divide(a.busy)
	case Fixed:
		total = s.charge()
	}
	a.requestTotal = meter.Energy(math.Round(total))
	if total > 0 {
		exact := 0.0
		for _, x := range a.energy {
			exact += max(x, 0)
		}
		if exact > 0 {
			scale := float64(a.requestTotal) / exact
			for i := range a.energy {
				a.energy[i] = max(a.energy[i], 0) * scale
			}
		}
	}
	a.rule = newRounding(a.energy, int64(a.requestTotal))
	a.idleTotal = meter.Energy(math.Round(max(a.idle.energy, 0)))
	a.closeResidual(curve, w, e)
}

// charge takes Fixed weights for energies, and returns their sum.
func (s *sweep) charge() float64 {
	total := 0.0
	for _, i := range s.member {
		prefill, decode := s.weights.Of(int(i))
		e := prefill + decode
		s.energy[i], s.prefill[i] = e, prefill
		s.below[i], s.above[i] = e*(1-s.weights.LoRatio), e*(s.weights.HiRatio-1)
		if s.busy.energy > 0 {
			s.time[i] = e / s.busy.energy * s.busy.time
		}
		total += e
	}
	return total
}

// closeResidual brackets what is left to the unattributed row.
func (a *Allocation) closeResidual(curve *Curve, w Window, e epoch) {
	left := a.Counter.Energy - a.requestTotal - a.idleTotal
	a.residualLo, a.residualHi = left, left
	lo, hi := curve.windowBracket(w, curve.at(e, w.Start), curve.at(e, w.End))
	if a.Domain.Kind == meter.KindPower {
		return
	}
	if a.basis != Fixed {
		a.residualHi = a.Counter.Energy - roundDown(lo)
		if h := roundUp(hi); h != Unbounded {
			a.residualLo = a.Counter.Energy - h
		}
	}
}
