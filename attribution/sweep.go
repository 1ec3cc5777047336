package attribution

import (
	"cfubench/meter"
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
	// share is the part of the power that goes to one unit of each class.
	share [classes]float64
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

// integral is an energy in µJ, the distances to its bracket, and the time in
// ns that it was used over: what a weight of one unit has gathered by now, or
// a request.
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
	at           time.Duration
	begin, end   weight // of the two phases
	i            uint32
	begun, ended uint8 // phases; ended is phaseDone for none
}

// lookUp fills c from code.
func (s *sweep) lookUp(c *change, code uint32) {
	i := code >> 2
	var stages stages
	s.timeline.stages(int(i), &stages)
	begun := code & 3
	ended := stages.previous(begun)
	c.i, c.begun, c.ended, c.at = i, uint8(begun), uint8(ended), stages[begun]
	if s.basis == ByInstant {
		prefill, decode := s.weights.Of(int(i))
		c.begin, c.end = s.phaseWeight(begun, prefill, decode), s.phaseWeight(ended, prefill, decode)
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
func (s *sweep) run(order []uint32, w meter.Window) {
	s.now, s.here = w.Start, s.bounded(s.cursor.at(w.Start))
	s.idle.open(s.here)
	// group holds the changes of one moment, and after them the next change.
	group := make([]change, 1, 16)
	if len(order) > 0 {
		s.lookUp(&group[0], order[0])
	}
	for k := 1; k <= len(order); k++ {
		if k < len(order) {
			n := len(group)
			group = append(group, change{})
			s.lookUp(&group[n], order[k])
			if group[n].at == group[0].at {
				continue
			}
			s.turn(group[:n])
			group[0] = group[n]
			group = group[:1]
		} else {
			s.turn(group)
		}
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
		for class := range classes {
			s.sum[class].energy += energy * s.share[class]
			s.sum[class].time += length * s.share[class]
		}
	}
	s.now, s.here = at, p
}

// turn goes through the changes of one moment: phases that end are paid before
// the load changes, those that go on through it keep the error that it brings,
// and those that begin are entered after.
func (s *sweep) turn(group []change) {
	s.advance(group[0].at)
	flight, before := s.flight, s.share
	for k := range group {
		c := &group[k]
		if c.end.units > 0 {
			s.tally[c.i].credit(&s.sum[c.end.class], float64(c.end.units))
			if s.split && c.ended == phasePrefill {
				s.prefill[c.i] = s.tally[c.i].energy
			}
		}
		s.load[c.begin.class] += c.begin.units
		s.load[c.end.class] -= c.end.units
		switch {
		case c.begun == phaseDone:
			s.flight--
		case c.ended == phaseDone:
			s.flight++
			if s.basis == ByPeriod {
				s.member = append(s.member, c.i)
			}
		}
	}
	if s.basis == ByInstant {
		s.hand(group, before)
	}
	s.presence(flight, s.now)
}

// hand gives the power to the phases that run now; before is what a unit of
// each class had until now.
func (s *sweep) hand(group []change, before [classes]float64) {
	s.setShare()
	for class := range classes {
		if d := before[class] - s.share[class]; d != 0 {
			above, below := s.here.bracket(d)
			s.sum[class].above += above
			s.sum[class].below += below
		}
	}
	for k := range group {
		c := &group[k]
		coefficient := 0.0
		if c.end.units > 0 {
			coefficient = float64(c.end.units) * before[c.end.class]
		}
		if c.begin.units > 0 {
			s.tally[c.i].credit(&s.sum[c.begin.class], -float64(c.begin.units))
			coefficient -= float64(c.begin.units) * s.share[c.begin.class]
		}
		above, below := s.here.bracket(coefficient)
		s.tally[c.i].above += above
		s.tally[c.i].below += below
	}
}

// setShare works out the part of the power that goes to one unit of each class.
func (s *sweep) setShare() {
	s.share[working], s.share[waiting] = 0, 0
	switch {
	case s.load[working] > 0:
		s.share[working] = 1 / float64(s.load[working])
	case s.load[waiting] > 0:
		s.share[waiting] = 1 / float64(s.load[waiting])
	}
}

// credit adds w times what a unit has gathered by now.
func (t *integral) credit(unit *integral, w float64) {
	t.energy += w * unit.energy
	t.time += w * unit.time
	t.above += w * unit.above
	t.below += w * unit.below
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
			s.give(int(i), s.period, total, len(s.member))
		}
		s.member = s.member[:0]
	}
	s.period = part{}
	s.sum = [classes]integral{} // nothing runs on that has a part in it
}

// divide gives the energy of all busy periods by weight.
func (s *sweep) divide() {
	total, count := 0.0, 0
	for i := range s.requests.Len() {
		if _, _, ok := s.requests.span(i, s.Window); ok {
			total += s.whole(i)
			count++
		}
	}
	for i := range s.requests.Len() {
		if _, _, ok := s.requests.span(i, s.Window); ok {
			s.give(i, s.busy, total, count)
		}
	}
}

// give sets request i's share of p by its part of the total weight, or an equal
// one if none of the count weighs anything.
func (s *sweep) give(i int, p part, total float64, count int) {
	prefill, decode := s.weights.Of(i)
	share := 1 / float64(count)
	if total > 0 {
		share = (prefill + decode) / total
	}
	s.tally[i] = integral{share * p.energy, share * p.time, share * p.above, share * p.below}
}

// whole is the weight of both phases of request i.
func (s *sweep) whole(i int) float64 {
	prefill, decode := s.weights.Of(i)
	return prefill + decode
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
		s.tally[i] = integral{energy: e, above: e * (s.weights.HiRatio - 1), below: e * (1 - s.weights.LoRatio)}
		if s.busy.energy > 0 {
			s.tally[i].time = e / s.busy.energy * s.busy.time
		}
		total += e
	}
	return total
}
