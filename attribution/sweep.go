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
	// load is the sum of the weights of the phases that are running, by class,
	// in whole units: sums of integers do not drift.
	load [classes]int64
	// unit is how many units a weight of one has, least the least weight.
	unit, least float64
	// Integrals since the busy period's start for a weight of one unit, by class: of
	// energy over load, of time over load, and the error that the bracket at
	// each change of the load adds.
	sum [classes]integral
	// period is the busy period under way, member its requests, for ByPeriod.
	period part
	member []uint32
}

// integral is what a weight of one unit has gathered by now.
type integral struct{ energy, time, above, below float64 }

// Classes of weight. A phase that waits weighs nothing while any other works.
const (
	working = iota
	waiting
	classes
)

// weight is a phase's weight in whole units of a class, none if zero.
type weight struct {
	class int
	units int64
}

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

// largestLoad bounds the load if all requests were in flight at once.
const largestLoad = 1 << 62

// weightRange is the largest ratio of two weights of a run. Larger ones would
// cost the lighter request its digits, since its share is the difference of
// two integrals.
const weightRange = 1 << 24

// weigh turns a weight into units; one of zero waits.
func (s *sweep) weigh(w float64) weight {
	if w <= 0 {
		return weight{waiting, 1}
	}
	return weight{working, int64(max(w, s.least) * s.unit)}
}

// change is one event of the order, looked up.
type change struct {
	i            int
	at           time.Duration
	begun, ended uint32 // phases; phaseDone for none
	begin, end   weight
}

// lookUp fills c from code.
func (s *sweep) lookUp(c *change, code uint32) {
	i := int(code >> 2)
	stages, _ := s.timeline.stages(i)
	c.i, c.begun = i, code&3
	c.at = stages[c.begun]
	c.ended = stages.previous(c.begun)
	c.begin, c.end = weight{}, weight{}
	if s.basis == ByInstant {
		prefill, decode := s.weights.Of(i)
		c.begin, c.end = s.phaseWeight(c.begun, prefill, decode), s.phaseWeight(c.ended, prefill, decode)
	}
}

func (s *sweep) phaseWeight(phase uint32, prefill, decode float64) weight {
	switch phase {
	case phaseQueue:
		return s.weigh(0)
	case phasePrefill:
		return s.weigh(prefill)
	case phaseDecode:
		return s.weigh(decode)
	}
	return weight{}
}

// run integrates over the window.
func (s *sweep) run(order []uint32, w Window) {
	s.now, s.here = w.Start, s.bounded(s.cursor.at(w.Start))
	s.idle.open(s.here)
	var group []change
	var ahead change
	if len(order) > 0 {
		s.lookUp(&ahead, order[0])
	}
	for k := 0; k < len(order); {
		group = group[:0]
		for at := ahead.at; ahead.at == at; {
			group = append(group, ahead)
			if k++; k == len(order) {
				break
			}
			s.lookUp(&ahead, order[k])
		}
		s.turn(group)
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
		class := working
		if s.load[working] == 0 {
			class = waiting
		}
		if load := float64(s.load[class]); load > 0 {
			s.sum[class].energy += energy / load
			s.sum[class].time += length / load
		}
	}
	s.now, s.here = at, p
}

// turn goes through the changes of one moment: phases that end are paid before
// the load changes, those that go on through it keep the error that it brings,
// and those that begin are entered after.
func (s *sweep) turn(group []change) {
	s.advance(group[0].at)
	flight, load := s.flight, s.load
	for k := range group {
		c := &group[k]
		if c.end.units > 0 {
			s.credit(c.i, c.end.class, float64(c.end.units))
		}
		if s.split && c.ended == phasePrefill && s.basis == ByInstant {
			s.prefill[c.i] = s.energy[c.i]
		}
		s.load[c.begin.class] += c.begin.units
		s.load[c.end.class] -= c.end.units
		switch {
		case c.begun == phaseDone:
			s.flight--
		case c.ended == phaseDone:
			s.flight++
			if s.basis == ByPeriod {
				s.member = append(s.member, uint32(c.i))
			}
		}
	}
	before, now := shares(load), shares(s.load)
	for class := range classes {
		above, below := s.here.bracket(before[class] - now[class])
		s.sum[class].above += above
		s.sum[class].below += below
	}
	for k := range group {
		c := &group[k]
		coefficient := 0.0
		if c.end.units > 0 {
			coefficient = float64(c.end.units) * before[c.end.class]
		}
		if c.begin.units > 0 {
			s.credit(c.i, c.begin.class, -float64(c.begin.units))
			coefficient -= float64(c.begin.units) * now[c.begin.class]
		}
		above, below := s.here.bracket(coefficient)
		s.above[c.i] += above
		s.below[c.i] += below
	}
	s.presence(flight, s.now)
}

// shares returns the part of the power that goes to one unit of each class.
func shares(load [classes]int64) (share [classes]float64) {
	switch {
	case load[working] > 0:
		share[working] = 1 / float64(load[working])
	case load[waiting] > 0:
		share[waiting] = 1 / float64(load[waiting])
	}
	return share
}

// credit adds w times what a unit of class has gathered by now to request i.
func (s *sweep) credit(i, class int, w float64) {
	sum := &s.sum[class]
	s.energy[i] += w * sum.energy
	s.time[i] += w * sum.time
	s.above[i] += w * sum.above
	s.below[i] += w * sum.below
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
		total := 0.0
		for _, i := range s.member {
			total += s.whole(int(i))
		}
		for _, i := range s.member {
			s.give(int(i), s.period, total)
		}
		s.member = s.member[:0]
	}
	s.period = part{}
	s.sum = [classes]integral{} // nothing runs on that has a part in it
}

// divide gives the energy of all busy periods by weight.
func (s *sweep) divide() {
	total := 0.0
	for i := range s.requests.Len() {
		if _, _, ok := s.requests.span(i, s.Window); ok {
			total += s.whole(i)
		}
	}
	for i := range s.requests.Len() {
		if _, _, ok := s.requests.span(i, s.Window); ok {
			s.give(i, s.busy, total)
		}
	}
}

// give sets request i's share of p by its part of the total weight.
func (s *sweep) give(i int, p part, total float64) {
	prefill, _ := s.weights.Of(i)
	share := s.whole(i) / total
	s.energy[i] = share * p.energy
	s.time[i] = share * p.time
	s.above[i] = share * p.above
	s.below[i] = share * p.below
	if s.split {
		s.prefill[i] = min(prefill/total, share) * p.energy
	}
}

// whole is the weight of both phases of request i, never zero.
func (s *sweep) whole(i int) float64 {
	prefill, decode := s.weights.Of(i)
	return max(prefill+decode, s.least)
}

// charge takes Fixed weights for energies, and returns their sum.
func (s *sweep) charge() float64 {
	total := 0.0
	for i := range s.requests.Len() {
		if _, _, ok := s.requests.span(i, s.Window); !ok {
			continue
		}
		prefill, decode := s.weights.Of(i)
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
