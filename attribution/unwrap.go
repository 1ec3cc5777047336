package attribution

import (
	"time"

	"cfubench/meter"
)

// unwrap turns raw register values into knots and epochs.
func (c *Curve) unwrap(readings []meter.Reading) []Warning {
	u := unwrapper{Curve: c, period: c.domain.UpdatePeriod, continuous: c.domain.Kind == meter.KindModel}
	for _, r := range readings {
		u.add(r)
	}
	u.closeEpoch()
	return u.warnings
}

// unwrapper is the state of one pass over a counter's readings.
type unwrapper struct {
	*Curve
	period time.Duration
	// continuous: the value is computed at the read, so it is exact there.
	continuous bool
	open       bool // an epoch is open
	prev       meter.Reading
	// total is the unwrapped value of prev, offset what wraps have added.
	total, offset meter.Energy
	// flat is the latest read since prev's edge that showed no change.
	flat    meter.Reading
	hasFlat bool
	stalled bool

	warnings []Warning
}

func (u *unwrapper) add(r meter.Reading) {
	last := u.prev
	if u.hasFlat {
		last = u.flat
	}
	switch r.Status {
	case meter.StatusGlitch:
		u.doubt(FlagGlitch, r.Before, r.After)
		return
	case meter.StatusTransient:
		return
	case meter.StatusLost:
		u.closeEpoch()
		return
	case meter.StatusStalled:
		if u.open {
			u.doubt(FlagStalled, last.Before, r.After)
		}
		u.stalled = true
	case meter.StatusGap:
		if u.open {
			u.doubt(FlagGap, last.Before, r.After)
		}
	case meter.StatusClockStep:
		if u.open {
			u.doubt(FlagClockStep, last.Before, r.After)
		}
	}
	if !r.HasEnergy {
		return
	}
	if !u.open {
		u.openEpoch(r)
		return
	}
	total := u.offset + r.Energy
	if r.Status == meter.StatusReset || total < u.total && !u.wrapped(r, last) {
		u.warnings = append(u.warnings, Warning{"reset", u.domain.Name, r.Before, "the register was reset: windows across it have no energy"})
		u.closeEpoch()
		u.openEpoch(r)
		return
	}
	if total < u.total {
		u.offset += u.domain.Range
		total = u.offset + r.Energy
	}
	if total == u.total {
		u.flat, u.hasFlat = r, true
		return
	}
	u.edge(r, last, total)
}

// wrapped reports whether the fall to r is the register passing its range.
func (u *unwrapper) wrapped(r, last meter.Reading) bool {
	if u.domain.Range == 0 {
		return false
	}
	if r.Status == meter.StatusWrap {
		return true
	}
	step := u.domain.Range - (u.total - u.offset) + r.Energy
	if u.limit > 0 {
		// sensors' plausibility rule: half as much again as the limit allows.
		return float64(step) <= 1.5*u.limit*float64(r.After-last.Before+u.period)+u.quantum
	}
	return step < u.domain.Range/2
}

// edge records that the register was seen to change at r; last is the latest
// read before it.
func (u *unwrapper) edge(r, last meter.Reading, total meter.Energy) {
	switch {
	case u.continuous:
		if u.hasFlat {
			u.knotAt(u.flat.At(), u.flat.After, u.flat.Before, u.total)
		}
		u.knotAt(r.At(), r.After, r.Before, total)
	default:
		// A register that showed no change for longer than its period was
		// being published all the same: no energy was used until then.
		if u.hasFlat && !u.stalled {
			if at := u.flat.At() - u.period/2; at > u.knot[len(u.knot)-1]+u.period {
				u.knotAt(at, u.floorAt[len(u.floorAt)-1], u.ceilAt[len(u.ceilAt)-1], u.total)
			}
		}
		// The value was published after the last read that did not show it
		// and, since publications are a period apart, not much longer than
		// one period before the read that did.
		from := last.Before
		if u.period > 0 {
			from = max(from, r.Before-u.period)
		}
		u.knotAt(from+(r.After-from)/2, r.After, last.Before, total)
	}
	u.prev, u.total, u.hasFlat, u.stalled = r, total, false, false
	u.epochs[len(u.epochs)-1].end = r.After
}

func (u *unwrapper) knotAt(knot, floorAt, ceilAt time.Duration, v meter.Energy) {
	if n := len(u.knot); n > u.epochs[len(u.epochs)-1].first && knot <= u.knot[n-1] {
		knot = u.knot[n-1] + 1
	}
	u.knot = append(u.knot, knot)
	u.floorAt = append(u.floorAt, floorAt)
	u.ceilAt = append(u.ceilAt, ceilAt)
	u.value = append(u.value, v)
}

func (u *unwrapper) openEpoch(r meter.Reading) {
	u.epochs = append(u.epochs, epoch{first: len(u.knot), begin: r.After, end: r.After, base: r.Energy})
	u.offset, u.total, u.prev, u.hasFlat, u.stalled, u.open = -r.Energy, 0, r, false, false, true
	if u.continuous {
		u.knotAt(r.At(), r.After, r.Before, 0)
	} else {
		// When this value was published is not known.
		u.knotAt(r.At()-u.period/2, r.After, never, 0)
	}
}

func (u *unwrapper) closeEpoch() {
	if !u.open {
		return
	}
	e := &u.epochs[len(u.epochs)-1]
	if u.hasFlat {
		e.end = u.flat.After
		n := len(u.knot) - 1
		switch at := u.flat.At() - u.period/2; {
		case u.continuous:
			u.knotAt(u.flat.At(), u.flat.After, u.flat.Before, u.total)
		case !u.stalled && at > u.knot[n]+u.period:
			u.knotAt(at, u.floorAt[n], u.ceilAt[n], u.total)
		}
	}
	e.last = len(u.knot)
	u.open = false
}

// doubt records a flagged span, joined to the one before if they touch.
func (u *unwrapper) doubt(flag string, begin, end time.Duration) {
	if n := len(u.doubts); n > 0 && u.doubts[n-1].flag == flag && begin <= u.doubts[n-1].end {
		u.doubts[n-1].end = max(end, u.doubts[n-1].end)
		return
	}
	u.doubts = append(u.doubts, doubt{flag, begin, end})
}

// integrate makes the knots of a power gauge by the trapezoid rule. A gauge
// has no register to be held to: its bracket is its limits alone.
func (c *Curve) integrate(readings []meter.Reading) {
	var energy float64 // µJ
	var prev meter.Reading
	for _, r := range readings {
		if !r.HasPower || r.Status == meter.StatusGlitch || r.Status == meter.StatusTransient || r.Status == meter.StatusLost {
			continue
		}
		n := len(c.knot)
		if n > 0 && r.At() <= c.knot[n-1] {
			continue
		}
		if n > 0 {
			energy += (rate(prev.Power) + rate(r.Power)) / 2 * float64(r.At()-prev.At())
			if r.Status == meter.StatusGap || r.Status == meter.StatusStalled || r.Status == meter.StatusClockStep {
				c.doubts = append(c.doubts, doubt{string(r.Status), prev.Before, r.After})
			}
		}
		c.knot = append(c.knot, r.At())
		c.floorAt = append(c.floorAt, r.After)
		c.ceilAt = append(c.ceilAt, r.Before)
		c.value = append(c.value, meter.Energy(energy+0.5))
		prev = r
	}
	if n := len(c.knot); n > 0 {
		c.epochs = []epoch{{first: 0, last: n, begin: c.knot[0], end: c.knot[n-1]}}
	}
}
