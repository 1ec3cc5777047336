package attribution

import (
	"cfubench/meter"
	"fmt"
	"math"
	"time"
)

// turn is a moment at which the power is known to change, the end of a window's
// load: the estimate goes from the knot before it to energy at it, and from
// there to the knot after it. The knots strictly between from and to are
// hidden: what they show straddles the change.
type turn struct {
	from, at, to                 time.Duration
	fromEnergy, energy, toEnergy float64
}

// lift is the energy that a late sensor shows only after a window's end, spread
// over the window.
type lift struct {
	energy float64
	over   meter.Window
}

func (l lift) at(t time.Duration) float64 {
	switch {
	case l.energy == 0 || t <= l.over.Start:
		return 0
	case t >= l.over.End:
		return l.energy
	}
	return l.energy * float64(t-l.over.Start) / float64(l.over.Length())
}

// Limits of anchoring.
const (
	// anchorReach is how far beyond two updates the nearest one may be, where the
	// time until it was not said to be idle.
	anchorReach = 500 * time.Millisecond
	// unsteady is the swing of idle power, relative to what the window used above
	// it, beyond which idle power says nothing of the ends.
	unsteady = 0.5
	// idleTolerance is how much idle power may differ from itself.
	idleTolerance = 0.05
	// seenLag is the energy after a window's end, relative to what the window
	// used above idle, from which on the sensor is late; maxLag the time of that
	// power beyond which it is no lag but work that went on.
	seenLag = 0.003
	maxLag  = time.Second
)

// useless says why idle power p cannot anchor an end of a window whose mean is
// mean µJ/ns, "" if it can.
func (p IdlePower) useless(mean float64) string {
	switch {
	case p.Between.Length() <= 0:
		return "no idle window beside it"
	case !p.Known || !p.Inner:
		return "its idle window holds no two updates"
	case rate(p.Swing) > unsteady*max(mean-rate(p.Power), 0):
		return fmt.Sprintf("the idle power %v swings by %v", p.Power, p.Swing)
	}
	return ""
}

// apart is the standard uncertainty, in µJ, of idle energy between knot i and
// knot or moment at.
func (c *Curve) apart(p IdlePower, length time.Duration, timing float64) float64 {
	t := float64(max(length, 0))
	// Power that swings from update to update averages out over many.
	swing := rate(p.Swing) * math.Sqrt(t*float64(max(c.domain.UpdatePeriod, time.Millisecond)))
	return math.Hypot(math.Hypot(rate(p.Uncertainty)*t, rate(p.Power)*timing), swing)
}

// near reports whether idle power can be trusted from a window's end until an
// update: over a short time, or where an idle window holds nearly all of it.
func (c *Curve) near(end, update time.Duration, idle meter.Window) bool {
	reach := 2*c.domain.UpdatePeriod + anchorReach
	if (update - end).Abs() <= reach {
		return true
	}
	from, to := min(end, update), max(end, update)
	return idle.Start-from <= reach && to-idle.End <= reach && min(idle.End, to) > max(idle.Start, from)
}

// anchorStart finds the energy at w's start from the last update that was surely
// before it.
func (c *Curve) anchorStart(e epoch, w meter.Window, p IdlePower, mean float64) end {
	reason := p.useless(mean)
	if reason != "" {
		return c.asIs(e, w.Start, reason)
	}
	i := after(&c.floorAt, e, -1, w.Start) - 1
	if i <= e.first || !c.near(w.Start, c.knot.at(i), p.Window) {
		return c.asIs(e, w.Start, "no update shortly before it")
	}
	power, value := rate(p.Power), float64(c.value.at(i))
	if since := c.knot.at(i) - p.Between.End; since > 0 {
		used := power * float64(since)
		excess := value - c.at(e, p.Between.End).energy - used
		if math.Abs(excess) > 4*c.apart(p, since, 2*c.timing(i))+idleTolerance*used+c.quantum {
			return c.asIs(e, w.Start, fmt.Sprintf("%.2f J beside idle were used between its idle window and it", excess/1e6))
		}
	}
	dt := w.Start - c.knot.at(i)
	return end{anchored: true, boundary: c.apart(p, dt, c.timing(i)),
		turn: turn{from: c.knot.at(i), fromEnergy: value, at: w.Start, energy: value + power*float64(dt)}}
}

// anchorEnd finds the energy at w's end from the first update that was surely
// after it. What the register shows later still is lag, if it is little, and
// else work that went on.
func (c *Curve) anchorEnd(e epoch, w meter.Window, p IdlePower, mean float64) end {
	reason := p.useless(mean)
	if reason != "" {
		return c.asIs(e, w.End, reason)
	}
	j := after(&c.ceilAt, e, -1, w.End-1)
	if j >= e.last || !c.near(w.End, c.knot.at(j), p.Window) {
		return c.asIs(e, w.End, "no update shortly after it")
	}
	power, value := rate(p.Power), float64(c.value.at(j))
	dt := c.knot.at(j) - w.End
	out := end{anchored: true, boundary: c.apart(p, dt, c.timing(j)),
		turn: turn{at: w.End, energy: value - power*float64(dt), to: c.knot.at(j), toEnergy: value}}
	until := p.Between.Start - c.knot.at(j)
	if until <= 0 {
		return out
	}
	late := c.at(e, p.Between.Start).energy - power*float64(until) - value
	above := max(mean-power, 0)
	switch {
	case late <= max(4*c.apart(p, until, 2*c.timing(j)), seenLag*above*float64(w.Length())):
	case late > above*float64(maxLag):
		return c.asIs(e, w.End, fmt.Sprintf("%.2f J more than idle were used between it and its idle window", late/1e6))
	case c.gauge.Measured:
		out.lag = late
	default:
		// A late sensor and a part that calms down slowly look the same: the truth
		// lies between all of it and nothing.
		out.lag, out.lagError = late/2, late/math.Sqrt(12)
	}
	return out
}

// anchoredBy returns the curve with its ends anchored.
func (c *Curve) anchoredBy(e epoch, w meter.Window, ends *[2]end) *Curve {
	start, stop := &ends[0], &ends[1]
	if !start.anchored && !stop.anchored {
		return c
	}
	out := *c
	next := after(&c.knot, e, -1, w.Start)     // the first knot inside
	last := after(&c.knot, e, -1, w.End-1) - 1 // the last one
	inside := next <= last
	if start.anchored {
		t := &start.turn
		switch {
		case inside || !stop.anchored:
			t.to, t.toEnergy = c.knot.at(next), float64(c.value.at(next))
			t.energy = min(t.energy, t.toEnergy)
		default:
			t.to, t.toEnergy = w.End, stop.turn.energy
		}
		out.turns = append(out.turns, *t)
	}
	if stop.anchored {
		t := &stop.turn
		switch {
		case inside || !start.anchored:
			t.from, t.fromEnergy = c.knot.at(last), float64(c.value.at(last))
			t.energy = max(t.energy, t.fromEnergy)
		default:
			t.from, t.fromEnergy = w.End, t.energy
		}
		out.turns = append(out.turns, *t)
		out.lift = lift{stop.lag, w}
	}
	return &out
}
