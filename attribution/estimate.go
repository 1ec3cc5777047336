package attribution

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Surroundings are what is known of the time about a window, and of the sensor
// and the work in it.
type Surroundings struct {
	// IdleBefore and IdleAfter are the idle windows before and after; empty:
	// there was none, and nothing is known to be idle on that side.
	IdleBefore, IdleAfter meter.Window
	// Gauge is the sensor. Its zero value is what the domain alone tells of it.
	Gauge gauge.Gauge
	// Step is the time between two steps of the engine's work (the median
	// inter-token latency), by which a part-time sensor may be fooled; 0 if
	// unknown.
	Step time.Duration
}

// Method says how the ends of a window were found.
type Method string

// Methods. Reason says why a window was not anchored at both ends.
const (
	// Anchored: at both ends the register was taken from beyond the window, less
	// what idle power used until there.
	Anchored Method = "anchored"
	// PartAnchored: at one end only.
	PartAnchored Method = "part_anchored"
	// Interpolated: by linear interpolation between updates.
	Interpolated Method = "interpolated"
)

// Estimate is the energy of one domain over one window with all that is known
// of its error.
type Estimate struct {
	Domain meter.Domain
	Window meter.Window
	// Energy is the estimate; HasEnergy is false where the flags say that there
	// is none.
	Energy    meter.Energy
	HasEnergy bool
	// Lo and Hi are the hard bracket of what the sensor accounts for; Hi is
	// Unbounded where nothing bounds it. Uncertainty is what the bracket cannot
	// hold as well.
	Lo, Hi      meter.Energy
	Uncertainty Uncertainty
	// Idle is the loaded idle power, from Before and After.
	Idle          Idle
	Before, After IdlePower
	// Counter is the register's own difference over the window.
	Counter  Difference
	Method   Method
	Reason   string
	Flags    []string
	Warnings []Warning
	// Shaping is whether a driver's own samples of power shape Curve; zero without any.
	Shaping Shaping
	// Curve is the curve whose windows inside this one add up to Energy: rows
	// are to be made from it.
	Curve *Curve
}

// Interval is the estimate as an interval: its Scale is the common part of the
// uncertainty, its Boundary holds the lag.
func (e Estimate) Interval() Interval {
	return Interval{Energy: e.Energy, HasEnergy: e.HasEnergy, Lo: e.Lo, Hi: e.Hi, Method: e.Domain.Kind, Flags: e.Flags,
		Boundary: quadrature(e.Uncertainty.Boundary, e.Uncertainty.Lag), Sampling: e.Uncertainty.Sampling, Scale: e.Uncertainty.Common()}
}

// endsMatter is the uncertainty of a window's ends, relative to its energy, from
// which on it is warned of ends that are interpolated: a register of a
// millisecond loses nothing by it.
const endsMatter = 0.002

// end is one end of a window: how it was found, what it leaves open in µJ, and
// what the sensor shows too late.
type end struct {
	anchored bool
	reason   string
	turn     turn
	boundary float64
	lag      float64 // energy shown after the window's end
	lagError float64
}

// Estimate returns the energy of window w. Where the time about w is known to be
// idle, the load begins and ends at w's edges and the energy there follows from
// the nearest updates outside and the idle power; elsewhere the curve is
// interpolated and Reason says why.
func (c *Curve) Estimate(w meter.Window, s Surroundings) Estimate {
	if s.Gauge != (gauge.Gauge{}) {
		c = c.With(s.Gauge)
	}
	out := Estimate{Domain: c.domain, Window: w, Curve: c, Shaping: c.shaping, Counter: c.Counter(w), Method: Interpolated, Flags: c.flagsOver(w), Hi: meter.Unbounded}
	out.Idle, out.Warnings = MeasureIdle(c, s.IdleBefore, s.IdleAfter)
	e, flag := c.cover(w)
	if flag != "" || w.Length() <= 0 {
		out.Flags = append(out.Flags, cmpOr(flag, FlagBelowResolution))
		return out
	}
	out.Before, _ = c.IdlePower(s.IdleBefore)
	out.After, _ = c.IdlePower(s.IdleAfter)
	plain := c.Energy(w)
	mean := (c.at(e, w.End).energy - c.at(e, w.Start).energy) / float64(w.Length())

	var ends [2]end
	switch c.domain.Kind {
	case meter.KindModel:
		ends[0], ends[1] = c.asIs(e, w.Start, ""), c.asIs(e, w.End, "")
	case meter.KindPower:
		out.Curve, ends = c.folded(e, w, out.Before, out.After, mean)
		out.Curve = out.Curve.shapedOver(w)
	default:
		ends[0], ends[1] = c.anchorStart(e, w, out.Before, mean), c.anchorEnd(e, w, out.After, mean)
		out.Curve = c.anchoredBy(e, w, &ends)
	}
	out.take(ends)

	f, _ := out.Curve.cover(w)
	from, to := out.Curve.at(f, w.Start), out.Curve.at(f, w.End)
	energy := max(to.energy-from.energy, 0)
	lo, hi := c.windowBracket(w, c.at(e, w.Start), c.at(e, w.End))
	// Its two ends are rounded each.
	out.Lo, out.Hi = roundDown(min(lo, energy-1)), roundUp(max(hi+out.Curve.lift.energy, energy+1))
	if out.Hi == meter.Unbounded {
		out.Flags = append(out.Flags, FlagUnbounded)
	}
	out.HasEnergy = plain.HasEnergy || out.Method == Anchored
	if !out.HasEnergy {
		out.Flags = append(out.Flags, FlagBelowResolution)
	} else {
		out.Energy = max(out.Curve.Total(w), 0) // as its rows will sum
	}
	out.doubt(c, energy, ends, s)
	slices.Sort(out.Flags)
	return out
}

// cmpOr is a, or b if a is empty.
func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// take notes how the ends were found.
func (e *Estimate) take(ends [2]end) {
	var reasons []string
	n := 0
	for i, side := range []string{"start", "end"} {
		switch {
		case ends[i].anchored:
			n++
		case ends[i].reason != "":
			reasons = append(reasons, side+": "+ends[i].reason)
		}
	}
	e.Method = []Method{Interpolated, PartAnchored, Anchored}[n]
	e.Reason = strings.Join(reasons, "; ")
	if ends[1].lag > 0 && ends[1].lagError > 0 {
		e.Warnings = append(e.Warnings, Warning{"sensor_lag", e.Domain.Name, e.Window.End,
			fmt.Sprintf("%.2f J more than idle were shown after the window's end: the sensor is late, or the work went on; half of it is counted", 2e-6*ends[1].lag)})
	}
}

// doubt fills in the uncertainty.
func (e *Estimate) doubt(c *Curve, energy float64, ends [2]end, s Surroundings) {
	g := c.gauge
	u := &e.Uncertainty
	u.Boundary = roundUp(math.Hypot(ends[0].boundary, ends[1].boundary))
	u.Lag = roundUp(math.Hypot(ends[0].lagError, ends[1].lagError))
	if e.Reason != "" && float64(u.Boundary) > endsMatter*energy && e.loaded(energy) {
		e.Warnings = append(e.Warnings, Warning{"not_anchored", e.Domain.Name, e.Window.Start,
			"the window's ends are interpolated, which may put load into the idle time beside it: " + e.Reason})
	}
	u.Gain = roundUp(energy * g.Gain)
	u.Offset = roundUp(rate(g.Offset) * float64(e.Window.Length()))
	sampling, aliased := c.sampling(energy, e.Window, s.load(e.Window), s.Step, c.unrest(e.Window, e.Before, e.After))
	hidden, warnings := c.unseen(energy, e.Window)
	e.Warnings = append(e.Warnings, warnings...)
	u.Sampling = roundUp(max(sampling, hidden))
	if aliased > aliasingWarned && energy > 0 {
		e.Warnings = append(e.Warnings, Warning{"aliasing", e.Domain.Name, e.Window.Start,
			fmt.Sprintf("the sensor looks %.0f %% of each %v and the work repeats every %v: they beat against each other, and up to %.0f %% of the power may be missed or counted twice",
				100*c.look(), c.period().Round(time.Millisecond), s.Step.Round(100*time.Microsecond), 100*sampling/energy)})
	}
}

// loaded reports whether the window used more than idle power, as far as that is
// known: what used no more, a card that only stands by, has no load that its ends
// could put elsewhere.
func (e *Estimate) loaded(energy float64) bool {
	for _, p := range []IdlePower{e.Before, e.After} {
		if p.Known && energy <= (1+idleTolerance)*rate(p.Power)*float64(e.Window.Length()) {
			return false
		}
	}
	return true
}

// asIs is an end that is interpolated: its bracket is all that is known.
func (c *Curve) asIs(e epoch, t time.Duration, reason string) end {
	p := c.at(e, t)
	return end{reason: reason, boundary: (p.hi - p.lo) / math.Sqrt(12)}
}
