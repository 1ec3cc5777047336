package meter

import (
	"math/bits"
	"time"
)

// stallFloor is the least time without an update that counts as a stall,
// however fast the register is said to be.
const stallFloor = time.Second

// ceiling bounds the power of a part whose limit is not known. It is no
// estimate: it only has to be above any one socket, board or chassis, so that
// the terawatts of a glitching register are caught.
const ceiling = 20_000 * Watt

// Classifier holds what a domain's readings are judged by (docs/meters.md).
// Its method Next is a pure function of the state and the reading, so that
// recorded readings can be judged again with other limits.
type Classifier struct {
	Range   Energy // wraps at, 0: never
	Quantum Energy
	// Limit is the highest power that the part can draw; 0 takes 20 kW.
	Limit Power
	// UpdatePeriod is the register's; Poll the time between two reads.
	UpdatePeriod, Poll time.Duration
	// MayRest is set for registers that may stand still without a fault: a
	// model of processes that do nothing.
	MayRest bool
}

// NewClassifier returns the classifier of d when it is read every poll.
func NewClassifier(d Domain, poll time.Duration) Classifier {
	return Classifier{
		Range: d.Range, Quantum: d.Quantum, Limit: d.Limit,
		UpdatePeriod: d.UpdatePeriod, Poll: poll, MayRest: d.Kind == KindModel,
	}
}

// State is what a classifier keeps between two readings of one domain. The
// zero value is the state before the first.
type State struct {
	good    point // last reading on the curve
	suspect point // reading that left the curve, until the next one settles it
	// Two older readings of this epoch: latest is at most a stallFloor behind
	// good, and earlier (zero if there is none) a stallFloor or more behind latest.
	earlier, latest point
	changed         time.Duration
	powered         time.Duration // last reading of a gauge
	doubtful        bool          // suspect is set
	started         bool          // good is set
	gauged          bool          // powered is set
	lost            bool
}

// point is one register value and the end of its read.
type point struct {
	at     time.Duration
	energy Energy
}

// Verdict is the status of a reading and, where the reading settles it, of the
// doubtful one before it.
type Verdict struct {
	Status Status
	// Held is true if this reading's status depends on the next one; Status
	// is then what it stays if there is none.
	Held bool
	// Before, if not empty, is the final status of the reading that was held.
	Before Status
}

// Next judges reading r after the readings that led to s. The status that the
// source itself gave (lost, transient, stalled) stands; a reading without a
// value is transient unless the source said more.
func (c Classifier) Next(s State, r Reading) (State, Verdict) {
	if s.lost || r.Status == StatusLost {
		before := s.settle()
		s.lost = true
		return s, Verdict{Status: StatusLost, Before: before}
	}
	if !r.HasEnergy && !r.HasPower {
		// The one held is not kept longer: readings stay in their order.
		before := s.settle()
		if r.Status == "" || r.Status == StatusOK {
			return s, Verdict{Status: StatusTransient, Before: before}
		}
		return s, Verdict{Status: r.Status, Before: before}
	}
	if !r.HasEnergy {
		return c.gauge(s, r)
	}
	now := point{at: r.After, energy: r.Energy}
	if !s.started {
		s.started = true
		s.restart(now)
		return s, Verdict{Status: StatusOK}
	}
	if s.doubtful {
		return c.resolve(s, r, now)
	}
	return c.judge(s, r, now)
}

// gauge judges a reading that has a power and no energy: by its time and by what
// the part can draw. In a counter it is a sample of the energy that is missing.
func (c Classifier) gauge(s State, r Reading) (State, Verdict) {
	v := Verdict{Status: StatusOK, Before: s.settle()}
	switch {
	case s.started:
		v.Status = StatusTransient
	case !c.Plausible(r.Power):
		v.Status = StatusGlitch
		return s, v
	case s.gauged && c.late(s.powered, r):
		v.Status = StatusGap
	}
	s.gauged, s.powered = true, r.After
	return s, v
}

// judge compares now with the last good point.
func (c Classifier) judge(s State, r Reading, now point) (State, Verdict) {
	late := c.late(s.good.at, r)
	if late && c.Range > 0 && EnergyOf(c.highest(), now.at-s.good.at) > c.Range/2 {
		// A counter may have wrapped more than once in so long a silence.
		s.restart(now)
		return s, Verdict{Status: StatusReset}
	}
	step, wrapped := c.step(s.good, s.changed, now)
	if step < 0 || step > c.most(now.at-s.changed) {
		s.suspect, s.doubtful = now, true
		if step < 0 {
			return s, Verdict{Status: StatusReset, Held: true}
		}
		return s, Verdict{Status: StatusGlitch, Held: true}
	}
	v := Verdict{Status: StatusOK}
	switch {
	case wrapped:
		v.Status = StatusWrap
		s.earlier.energy -= c.Range + c.Quantum
		s.latest.energy -= c.Range + c.Quantum
	case r.Status == StatusStalled: // the source knows that it is no new sample
		v.Status = StatusStalled
	case late:
		v.Status = StatusGap
	case step == 0 && c.stalled(s.changed, now.at) && !(r.HasPower && r.Power == 0):
		v.Status = StatusStalled
	}
	if step != 0 {
		s.changed = now.at
	}
	s.advance(now)
	return s, v
}

// restart begins an epoch at p.
func (s *State) restart(p point) {
	s.good, s.changed, s.earlier, s.latest = p, p.at, p, p
}

// advance goes on to p, which is on the curve.
func (s *State) advance(p point) {
	s.good = p
	if p.at-s.latest.at >= stallFloor {
		s.earlier, s.latest = s.latest, p
	}
}

// resolve settles the held suspect: a glitch if r is back on the old line, a
// reset if r goes on from the suspect (or nothing, if the register had only been
// late), and a glitch again if it does neither.
func (c Classifier) resolve(s State, r Reading, now point) (State, Verdict) {
	if step, _ := c.step(s.good, s.changed, now); step >= 0 && step <= c.most(now.at-s.changed) {
		s.doubtful = false
		s, v := c.judge(s, r, now)
		v.Before = StatusGlitch
		return s, v
	}
	if step, _ := c.step(s.suspect, s.suspect.at, now); step >= 0 && step <= c.most(now.at-s.suspect.at) {
		before := StatusReset
		s.doubtful = false
		if c.catchesUp(s) {
			before, s.changed = StatusOK, s.suspect.at
			s.advance(s.suspect)
		} else {
			s.restart(s.suspect)
		}
		s, v := c.judge(s, r, now)
		v.Before = before
		return s, v
	}
	s.suspect = now
	v := Verdict{Status: StatusGlitch, Held: true, Before: StatusGlitch}
	if now.energy < s.good.energy {
		v.Status = StatusReset
	}
	return s, v
}

// catchesUp reports whether the suspect is what the register had not yet published:
// over the last seconds it advanced by no more than the part can draw. The time since
// the last change does not show that if the register moved once while it was behind.
func (c Classifier) catchesUp(s State) bool {
	step := s.suspect.energy - s.earlier.energy
	return c.Limit > 0 && step >= 0 && s.suspect.energy >= s.good.energy &&
		step <= EnergyOf(c.Limit, s.suspect.at-s.earlier.at)+c.Quantum
}

// settle is the status of a held reading that no later one will settle: an
// epoch that nothing went on from is not to be measured across.
func (s *State) settle() Status {
	if !s.doubtful {
		return ""
	}
	s.doubtful = false
	if s.suspect.energy < s.good.energy {
		return StatusReset
	}
	return StatusGlitch
}

// step is the energy from a to b, through one wrap where the range allows a
// plausible one, and −1 if the counter fell otherwise. The register holds a's
// value since the time since: what was used from then on it may publish at once.
func (c Classifier) step(a point, since time.Duration, b point) (d Energy, wrapped bool) {
	if b.energy >= a.energy {
		return b.energy - a.energy, false
	}
	if c.Range <= 0 || a.energy > c.Range {
		return -1, false
	}
	d = c.Range - a.energy + b.energy + c.Quantum
	most := c.most(b.at - since)
	if c.Limit == 0 {
		// The ceiling alone would call every reset of a socket's counter a wrap
		// after some seconds; no wrap steps over half a range between two reads.
		most = min(most, c.Range/2)
	}
	if d > most {
		return -1, false
	}
	return d, true
}

// most is the highest plausible change of a register that last changed so long
// before: half as much again as the power limit over the time and, since a
// register publishes whole periods at once, two update periods more.
func (c Classifier) most(apart time.Duration) Energy {
	return EnergyOf(c.highest()+c.highest()/2, apart+2*c.UpdatePeriod) + c.Quantum
}

// Plausible reports whether a gauge may show p: no negative power, and at most
// twice the limit, which boards pass for some milliseconds (PCIe CEM 5.0 and ATX
// 3.0 allow up to 1.8 times for 10 ms) and no average over a gauge's window does.
func (c Classifier) Plausible(p Power) bool {
	return p >= 0 && (p <= c.highest() || p/2 <= c.highest())
}

// highest is the power limit, or what stands in for it.
func (c Classifier) highest() Power {
	if c.Limit == 0 {
		return ceiling
	}
	return c.Limit
}

// late reports whether r came so long after the last reading that it is a gap.
// A gauge may be read less often than its source is polled: at its own period.
func (c Classifier) late(last time.Duration, r Reading) bool {
	poll := c.Poll
	if !r.HasEnergy {
		poll = max(poll, c.UpdatePeriod)
	}
	return c.Poll > 0 && r.Before-last > 5*poll
}

func (c Classifier) stalled(changed, now time.Duration) bool {
	return !c.MayRest && now-changed > max(5*c.UpdatePeriod, stallFloor)
}

// EnergyOf is the energy of power p held for d, in whole microjoules rounded
// down, without overflow on the way; 0 where either is not positive.
func EnergyOf(p Power, d time.Duration) Energy {
	if p <= 0 || d <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(p), uint64(d))
	if hi >= uint64(time.Second) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(time.Second))
	return Energy(min(q, 1<<63-1))
}
