package attribution

import (
	"math"
	"slices"
	"sort"
	"time"

	"cfubench/meter"
)

// Interval is the energy of one domain over one window: an estimate, a hard
// bracket, and the uncertainties that the bracket does not hold.
type Interval struct {
	// Energy is the estimate; it is zero and HasEnergy false where the flags
	// say that there is none or that only the bracket is meaningful.
	Energy    meter.Energy
	HasEnergy bool
	// Lo and Hi bracket the energy that the register accounts for. Hi is
	// Unbounded where nothing bounds it.
	Lo, Hi meter.Energy
	// Boundary is the standard uncertainty of the two ends: each end's
	// bracket width over √12, in quadrature.
	Boundary meter.Energy
	// Sampling is the standard uncertainty of a sensor that looks only part of
	// the time; Scale that of its gain and offset, which no averaging reduces.
	// Both are apart from the bracket.
	Sampling, Scale meter.Energy
	Method          meter.Kind
	Flags           []string
}

// Energy returns the energy of window w. A window that crosses a reset or
// leaves the readings has no energy and no bracket, a window shorter than two
// update periods only a bracket.
func (c *Curve) Energy(w meter.Window) Interval {
	out := Interval{Method: c.domain.Kind, Flags: c.flagsOver(w)}
	e, flag := c.cover(w)
	if flag != "" {
		out.Hi = meter.Unbounded
		out.Flags = append(out.Flags, flag)
		return out
	}
	s, t := c.at(e, w.Start), c.at(e, w.End)
	estimate := max(t.energy-s.energy, 0)
	lo, hi := c.windowBracket(w, s, t)
	out.Lo, out.Hi = roundDown(lo), roundUp(hi)
	if out.Hi == meter.Unbounded {
		out.Flags = append(out.Flags, FlagUnbounded)
	}
	out.Boundary = c.boundary(w, s, t)
	out.Sampling, out.Scale = c.systematic(estimate, w)
	if w.Length() < 2*c.domain.UpdatePeriod {
		out.Flags = append(out.Flags, FlagBelowResolution)
		return out
	}
	out.Energy, out.HasEnergy = meter.Energy(math.Round(estimate)), true
	return out
}

// windowBracket combines the brackets of the ends, and both limits over the
// whole window.
func (c *Curve) windowBracket(w meter.Window, s, t point) (lo, hi float64) {
	length := float64(w.Length())
	estimate := max(t.energy-s.energy, 0)
	lo, hi = min(c.floor*length, estimate), c.most(length)
	if c.domain.Kind == meter.KindPower {
		// A gauge at its limit may read too much or too little by its gain.
		return lo, max(hi, limitTolerance*estimate)
	}
	lo = max(t.lo-s.hi, lo, 0)
	if hi < limitTolerance*estimate {
		// The limit all but cuts off the estimate: it is not what bounds this part.
		hi = math.Inf(1)
	}
	return lo, max(min(t.hi-s.lo, hi), lo)
}

// boundary is the standard uncertainty of both ends: of a register from their
// brackets, of a gauge from what its averaging leaves open.
func (c *Curve) boundary(w meter.Window, s, t point) meter.Energy {
	if c.domain.Kind == meter.KindPower {
		if w.Length() <= 0 {
			return 0
		}
		mean := (t.energy - s.energy) / float64(w.Length())
		return roundUp(math.Hypot(c.smeared(epoch{}, w.Start, 0, mean, "").boundary, c.smeared(epoch{}, w.End, 0, mean, "").boundary))
	}
	return roundUp(math.Hypot(s.hi-s.lo, t.hi-t.lo) / math.Sqrt(12))
}

// systematic is the part of the uncertainty that is a property of the sensor.
// A model has none: its figure is what it says.
func (c *Curve) systematic(energy float64, w meter.Window) (sampling, scale meter.Energy) {
	if c.domain.Kind == meter.KindModel {
		return 0, 0
	}
	unseen, _ := c.sampling(energy, w, w, 0, 0)
	return roundUp(unseen), roundUp(math.Hypot(energy*c.gauge.Gain, rate(c.gauge.Offset)*float64(w.Length())))
}

// Reading is one end of a Difference: the register's unwrapped value, and the
// end of the read that showed it first.
type Reading struct {
	At    time.Duration
	Value meter.Energy
}

// Difference is what the counter itself said over a window.
type Difference struct {
	Energy meter.Energy
	// From and To are the reads that Energy lies between.
	From, To Reading
	// Flag says why there is no difference, "" if there is one.
	Flag string
}

// Counter returns the register's own difference over w: its value at the last
// read that ended by w.End less that at the last read that ended by w.Start,
// wraps undone. Whoever has the raw table can find it there. It differs from
// Energy by what was used but not yet published at either end. A power gauge
// has no register: its difference is the integral over w.
func (c *Curve) Counter(w meter.Window) Difference {
	e, flag := c.cover(w)
	if flag != "" {
		return Difference{Flag: flag}
	}
	if c.domain.Kind == meter.KindPower {
		s, t := c.at(e, w.Start), c.at(e, w.End)
		from := Reading{w.Start, meter.Energy(math.Round(s.energy))}
		to := Reading{w.End, meter.Energy(math.Round(t.energy))}
		return Difference{Energy: to.Value - from.Value, From: from, To: to}
	}
	from, to := c.held(e, w.Start), c.held(e, w.End)
	return Difference{Energy: to.Value - from.Value, From: from, To: to}
}

// held is the register as last read at t.
func (c *Curve) held(e epoch, t time.Duration) Reading {
	i := max(after(&c.floorAt, e, -1, t)-1, e.first)
	return Reading{c.floorAt.at(i), e.base + c.value.at(i)}
}

// Total is the curve's own difference over w, which the totals of parts of w add
// up to: it has no limit of resolution. It is zero where w is not covered.
func (c *Curve) Total(w meter.Window) meter.Energy {
	e, flag := c.cover(w)
	if flag != "" {
		return 0
	}
	return meter.Energy(math.Round(c.at(e, w.End).energy)) - meter.Energy(math.Round(c.at(e, w.Start).energy))
}

// Closing is the difference that the rows of w close to: the curve's, anchored at its
// ends or interpolated, since two plain reads of a register miss up to an update at
// either end. From and To are the register's.
func (c *Curve) Closing(w meter.Window) Difference {
	d := c.Counter(w)
	if d.Flag == "" {
		d.Energy = c.Total(w)
	}
	return d
}

// Moved reports whether the register showed more after w than before it: what was used
// within may be published later. A power gauge has moved where its integral has.
func (c *Curve) Moved(w meter.Window) bool {
	e, flag := c.cover(w)
	if flag != "" {
		return false
	}
	if c.domain.Kind == meter.KindPower {
		return c.Counter(w).Energy > 0
	}
	i := min(after(&c.ceilAt, e, -1, w.End-1), e.last-1)
	return e.base+c.value.at(i) > c.held(e, w.Start).Value
}

// MeanPower returns the mean power over w, and the energy it comes from. The
// power is zero where the interval has no energy.
func (c *Curve) MeanPower(w meter.Window) (meter.Power, Interval) {
	e := c.Energy(w)
	if !e.HasEnergy || w.Length() <= 0 {
		return 0, e
	}
	return meter.Power(math.Round(float64(e.Energy) / w.Length().Seconds())), e
}

// flagsOver lists the doubts whose spans w touches.
func (c *Curve) flagsOver(w meter.Window) []string {
	var flags []string
	if c.domain.Coarse {
		flags = append(flags, FlagCoarse)
	}
	for i := sort.Search(len(c.doubts), func(i int) bool { return c.doubts[i].begin >= w.End }) - 1; i >= 0; i-- {
		if d := c.doubts[i]; d.end > w.Start && !slices.Contains(flags, d.flag) {
			flags = append(flags, d.flag)
		}
	}
	sort.Strings(flags)
	return flags
}

// roundDown and roundUp keep a bracket a bracket in whole µJ.
func roundDown(e float64) meter.Energy {
	if e <= 0 || math.IsInf(e, 0) {
		return 0
	}
	return meter.Energy(math.Floor(e))
}

func roundUp(e float64) meter.Energy {
	if e >= math.MaxInt64/2 {
		return meter.Unbounded
	}
	return meter.Energy(math.Ceil(max(e, 0)))
}
