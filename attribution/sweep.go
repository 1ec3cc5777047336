package attribution

import (
	"math"
	"time"
)

// sweep walks the phase changes of a timeline in time order and the curve with
// them, once, and integrates. It keeps no state per request beside the columns
// of the allocation: a request's share of an integral is the integral at its
// end less that at its start.
type sweep struct {
	*Allocation
	weights Weights
	cursor  cursor

	now  time.Duration
	here point
	// flight is the number of requests in flight.
	flight int
	// load is the sum of the weights of the phases that are running, in whole
	// units: sums of integers do not drift.
	load int64
	// unit is the weight of one unit.
	unit float64
	// Integrals since the window's start for a weight of one unit: of energy
	// over load, of time over load, and the error that the bracket at each
	// change of the load adds and takes.
	sum integral
	// period is the busy period under way and what of the sent order it holds.
	period part
	member []uint32
}

// integral is what a weight of one unit has gathered by now.
type integral struct{ energy, time, above, below float64 }

// part is a stretch of energy with its bracket: all idle, or one busy period,
// or all of them.
type part struct {
	energy, time, above, below float64
	end                        time.Duration
}

func (p *part) add(q part) {
	p.energy += q.energy
	p.time += q.time
	p.above += q.above
	p.below += q.below
	p.end = max(p.end, q.end)
}

// open and close account for the bracket of the two ends of a part: its energy
// is the difference of the curve between them.
func (p *part) open(at point) {
	p.above += at.energy - at.lo
	p.below += at.hi - at.energy
}

func (p *part) close(at point, t time.Duration) {
	p.above += at.hi - at.energy
	p.below += at.energy - at.lo
	p.end = t
}

// largestUnits is the largest weight of a run in whole units.
const largestUnits = 1 << 32

// units is a weight in whole units: at least one, so that a request alone gets all.
func (s *sweep) units(w float64) int64 {
	return max(int64(math.Round(w*s.unit)), 1)
}

// run integrates over the window.
func (s *sweep) run(order []uint32, w Window) {
	s.now, s.here = w.Start, s.bounded(s.cursor.at(w.Start))
	s.idle.open(s.here)
	t := s.timeline
	var codes []uint32
	for k := 0; k < len(order); {
		at := t.when(order[k])
		s.advance(at)
		flightBefore, loadBefore := s.flight, s.load
		codes = codes[:0]
		// Phases that end here are paid before the load changes, those that
		// begin are entered after.
		for ; k < len(order) && t.when(order[k]) == at; k++ {
			code := order[k]
			s.leave(code)
			codes = append(codes, code)
		}
		for _, code := range codes {
			s.change(code)
		}
		s.turn(loadBefore)
		for _, code := range codes {
			s.enter(code, loadBefore)
		}
		s.presence(flightBefore, at)
	}
	s.advance(w.End)
	if s.flight == 0 {
		s.idle.close(s.here, w.End)
	} else {
		s.period.close(s.here, w.End)
		s.settle()
	}
}

// bounded replaces an unknown upper bound by the estimate: whether a row is
// bounded at all is kept apart, as a time.
func (s *sweep) bounded(p point) point {
	if math.IsInf(p.hi, 1) {
		p.hi = p.energy
	}
	if math.IsInf(p.lo, -1) {
		p.lo = p.energy
	}
	return p
}

// advance integrates from now to at.
func (s *sweep) advance(at time.Duration) {
	if at <= s.now {
		return
	}
	p := s.bounded(s.cursor.at(at))
	energy, length := p.energy-s.here.energy, float64(at-s.now)
	if s.flight == 0 {
		s.idle.energy += energy
		s.idle.time += length
	} else {
		s.period.energy += energy
		s.period.time += length
		if s.load > 0 {
			s.sum.energy += energy / float64(s.load)
			s.sum.time += length / float64(s.load)
		}
	}
	s.now, s.here = at, p
}

// phaseWeight is the weight, in units, of the phase that code begins.
func (s *sweep) phaseWeight(i int, kind uint32) int64 {
	if kind == evSent {
		return 1
	}
	prefill, decode := s.weights.Of(i)
	if kind == evPrefill {
		return s.units(prefill)
	}
	return s.units(decode)
}

// endedBy returns the kind whose phase ends with an event of kind, if any.
func (s *sweep) endedBy(i int, kind uint32) (uint32, bool) {
	switch kind {
	case evPrefill:
		sent, prefill, _, _, _ := s.timeline.phases(i)
		return evSent, prefill > sent
	case evFirst:
		return evPrefill, true
	case evDone:
		_, _, first, done, _ := s.timeline.phases(i)
		if first < done {
			return evFirst, true
		}
		return evPrefill, true
	}
	return 0, false
}

// leave pays the phase that ends with code.
func (s *sweep) leave(code uint32) {
	if s.basis != ByInstant {
		return
	}
	i, kind := int(code>>2), code&3
	ended, ok := s.endedBy(i, kind)
	if !ok {
		return
	}
	w := float64(s.phaseWeight(i, ended))
	s.energy[i] += w * s.sum.energy
	s.time[i] += w * s.sum.time
	s.above[i] += w * s.sum.above
	s.below[i] += w * s.sum.below
	if s.split && (kind == evFirst || kind == evDone && ended == evPrefill) {
		s.prefill[i] = s.energy[i]
	}
}

// change updates the load and the flight for code.
func (s *sweep) change(code uint32) {
	i, kind := int(code>>2), code&3
	sent, prefill, _, _, _ := s.timeline.phases(i)
	switch {
	case kind == evSent, kind == evPrefill && prefill == sent:
		s.flight++
	case kind == evDone:
		s.flight--
	}
	if s.basis != ByInstant {
		return
	}
	if ended, ok := s.endedBy(i, kind); ok {
		s.load -= s.phaseWeight(i, ended)
	}
	if kind != evDone {
		s.load += s.phaseWeight(i, kind)
	}
}

// turn adds what the bracket at this change of load means for the phases that
// go on through it: their share of the energy before it and after it differ.
func (s *sweep) turn(loadBefore int64) {
	if s.basis != ByInstant || loadBefore <= 0 || s.load <= 0 {
		return
	}
	above, below := s.here.bracket(1/float64(loadBefore) - 1/float64(s.load))
	s.sum.above += above
	s.sum.below += below
}

// enter starts the phase that begins with code, and accounts for the bracket
// of the curve where it meets the one that ended.
func (s *sweep) enter(code uint32, loadBefore int64) {
	i, kind := int(code>>2), code&3
	if s.basis != ByInstant {
		sent, prefill, _, _, _ := s.timeline.phases(i)
		if kind == evSent || kind == evPrefill && prefill == sent {
			s.member = append(s.member, uint32(i))
		}
		return
	}
	// c is the coefficient of the curve here in the request's share.
	c := 0.0
	if ended, ok := s.endedBy(i, kind); ok {
		c = float64(s.phaseWeight(i, ended)) / float64(loadBefore)
	}
	if kind != evDone {
		w := float64(s.phaseWeight(i, kind))
		c -= w / float64(s.load)
		s.energy[i] -= w * s.sum.energy
		s.time[i] -= w * s.sum.time
		s.above[i] -= w * s.sum.above
		s.below[i] -= w * s.sum.below
	}
	above, below := s.here.bracket(c)
	s.above[i] += above
	s.below[i] += below
}

// bracket returns how far c times the curve can lie above and below c times
// its estimate.
func (p point) bracket(c float64) (above, below float64) {
	if c < 0 {
		return -c * (p.energy - p.lo), -c * (p.hi - p.energy)
	}
	return c * (p.hi - p.energy), c * (p.energy - p.lo)
}

// presence opens and closes idle and busy stretches.
func (s *sweep) presence(before int, at time.Duration) {
	switch {
	case before == 0 && s.flight > 0:
		s.idle.close(s.here, at)
		s.period.open(s.here)
	case before > 0 && s.flight == 0:
		s.period.close(s.here, at)
		s.settle()
		s.idle.open(s.here)
	}
}

// settle ends a busy period.
func (s *sweep) settle() {
	s.busy.add(s.period)
	if s.basis == ByPeriod {
		s.divide(s.period)
	}
	s.period = part{}
}

// divide gives a part's energy to its members by their weights.
func (s *sweep) divide(p part) {
	total := 0.0
	for _, i := range s.member {
		total += s.whole(int(i))
	}
	for _, i := range s.member {
		prefill, _ := s.weights.Of(int(i))
		share := s.whole(int(i)) / total
		s.energy[i] = share * p.energy
		s.time[i] = share * p.time
		s.above[i] = share * p.above
		s.below[i] = share * p.below
		if s.split {
			s.prefill[i] = min(prefill/total, share) * p.energy
		}
	}
	s.member = s.member[:0]
}

// whole is the weight of both phases of request i, never zero.
func (s *sweep) whole(i int) float64 {
	prefill, decode := s.weights.Of(i)
	return max(prefill+decode, 1/s.unit)
}
