package attribution

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cfubench/meter"
)

// Errors of gauges at the ends of windows whose neighbourhood is not idle.
const (
	// unseenSwing is the standard deviation, relative to the mean power, that a
	// load is taken to have within an averaging time, where no figure shows it.
	unseenSwing = 0.2
	// lagError is the standard uncertainty of a gauge's lag that was not measured
	// on the card itself: cards of one kind differ by some 30 ms.
	lagError = 30 * time.Millisecond
	// unknownAverage is what a gauge of which nothing is known may average over.
	unknownAverage = time.Second
	// foldError is the uncertainty of what is folded, relative to it: averages
	// are refreshed in steps.
	foldError = 0.05
)

// reach is how far from a change of power the curve still shows it, before and
// after.
func (c *Curve) reach() (before, after time.Duration) {
	if !c.gauge.Known() {
		return 2 * c.period(), unknownAverage + 2*c.period()
	}
	r := c.gauge.Average/2 + 2*c.period() + 2*c.gauge.Lag
	return r, r
}

// folded returns a gauge's curve in which what the averaging has smeared over
// the ends of w is put back inside: beside a window that is idle on both sides
// all that is above idle is its load's, so the mean of a gauge integrated to one
// averaging time past the end, less idle, is exact. Inside, the smear is put back
// mirrored at the end, which makes a step of power of its blurred image.
func (c *Curve) folded(e epoch, w meter.Window, before, afterwards IdlePower, mean float64) (*Curve, [2]end) {
	out := *c
	out.epochs = slices.Clone(c.epochs)
	short, long := c.reach()
	ends := [2]end{c.foldable(e, w.Start, -short, before, mean), c.foldable(e, w.End, long, afterwards, mean)}
	if !ends[0].anchored && !ends[1].anchored {
		ends[0], ends[1] = c.smeared(e, w.Start, -short, mean, ends[0].reason), c.smeared(e, w.End, long, mean, ends[1].reason)
		ends[1].lagError = c.lagBetween(w)
		return c, ends
	}
	times := make([]time.Duration, c.knot.len())
	for k := range times {
		times[k] = c.knot.at(k)
	}
	var folds []fold
	for i, at := range []time.Duration{w.Start, w.End} {
		if !ends[i].anchored {
			ends[i] = c.smeared(e, at, []time.Duration{-short, long}[i], mean, ends[i].reason)
			ends[i].lagError = c.lagBetween(w)
			continue
		}
		f := fold{at: at, reach: short, into: min(short, w.Length()/2), sign: -1, power: rate(before.Power)}
		if i == 1 {
			f = fold{at: at, reach: long, into: min(long, w.Length()/2), sign: 1, power: rate(afterwards.Power)}
		}
		f.energy = func(t time.Duration) float64 { return c.at(e, t).energy }
		folds = append(folds, f)
		times = f.knots(times, &c.knot)
		p := before
		if i == 1 {
			p = afterwards
		}
		ends[i].boundary = math.Hypot(rate(p.Uncertainty)*float64(f.reach), c.counted(w, p))
		ends[i].lagError = foldError * math.Abs(f.smear(f.reach))
	}
	slices.Sort(times)
	times = slices.Compact(times)
	out.knot, out.value = series[time.Duration]{}, series[meter.Energy]{}
	along := newCursor(c, e)
	for _, t := range times {
		energy := along.at(t).energy
		for _, f := range folds {
			energy += f.correction(t)
		}
		out.knot.add(t)
		out.value.add(meter.Energy(math.Round(energy)))
	}
	out.floorAt, out.ceilAt = out.knot, out.knot
	out.epochs[0].first, out.epochs[0].last = 0, len(times)
	return &out, ends
}

// fold is one end at which the smear outside is put back inside.
type fold struct {
	at          time.Duration
	reach, into time.Duration
	sign        time.Duration // −1: outside is before at; +1: after it
	power       float64       // idle, µJ/ns
	energy      func(time.Duration) float64
}

// smear is the energy above idle within x outside the end.
func (f fold) smear(x time.Duration) float64 {
	return math.Abs(f.energy(f.at+f.sign*x)-f.energy(f.at)) - f.power*float64(x)
}

// knots adds the moments at which the correction bends.
func (f fold) knots(times []time.Duration, knots *series[time.Duration]) []time.Duration {
	times = append(times, f.at, f.at+f.sign*f.reach, f.at-f.sign*f.into)
	for k := range knots.len() {
		if x := f.sign * (knots.at(k) - f.at); x > 0 && x < f.reach {
			times = append(times, f.at-f.sign*time.Duration(float64(x)*float64(f.into)/float64(f.reach)))
		}
	}
	return times
}

// correction is what folding adds to the curve at t.
func (f fold) correction(t time.Duration) float64 {
	x := f.sign * (t - f.at)
	sign := float64(f.sign)
	switch {
	case x >= f.reach || x <= -f.into:
		return 0
	case x > 0: // outside: idle alone is left between t and the reach
		return sign * (f.smear(f.reach) - f.smear(x))
	}
	inside := time.Duration(float64(-x) * float64(f.reach) / float64(f.into))
	return sign * (f.smear(f.reach) - f.smear(inside))
}

// foldable reports whether the time from at on by reach (negative: before it) is
// idle but for at's own load.
func (c *Curve) foldable(e epoch, at, reach time.Duration, p IdlePower, mean float64) end {
	if reason := p.useless(mean); reason != "" {
		return end{reason: reason}
	}
	edge := at + reach
	if edge < e.begin || edge > e.end {
		return end{reason: "the readings end beside it"}
	}
	// Between the reach and the idle window nothing but idle may have been used.
	gap := meter.Window{Start: edge, End: p.Between.Start}
	if reach < 0 {
		gap = meter.Window{Start: p.Between.End, End: edge}
	}
	if gap.Length() > 2*c.period() {
		power := (c.at(e, gap.End).energy - c.at(e, gap.Start).energy) / float64(gap.Length())
		if off := power - rate(p.Power); math.Abs(off) > 0.1*max(mean-rate(p.Power), 0)+4*rate(p.Uncertainty) {
			return end{reason: fmt.Sprintf("the power between it and its idle window is %.1f W off the idle power", off*1e3)}
		}
	}
	return end{anchored: true}
}

// smeared is an end at which nothing is known to be idle: what the averaging
// leaves open there. reach is how far outside (negative: before the end) the
// gauge may still show what is inside; 0 within a cell, where that is its other
// rows'.
func (c *Curve) smeared(e epoch, t, reach time.Duration, mean float64, reason string) end {
	average, center := c.gauge.Average, c.shift()
	if !c.gauge.Known() {
		average = unknownAverage
	}
	at := t + center
	// Half of a step that an average shows as a ramp may lie on the wrong side.
	ramp := c.swing(at-average/2, at+average/2) * float64(average) / 8
	update := c.swing(at-c.period(), at+c.period()) * float64(c.period()) / 8
	if c.sparse() {
		update = max(c.swing(at-c.period(), at), c.swing(at, at+c.period())) * float64(c.period()) / 8
	}
	unseen := unseenSwing * mean * float64(max(average, c.period())) / math.Sqrt(12)
	// What stands outside above the power further out may be the window's own:
	// all of it, where a load ends there.
	outside := spilled * c.above(e, t, reach)
	return end{reason: reason, boundary: math.Hypot(math.Hypot(ramp, update), math.Hypot(unseen, outside))}
}

// spilled makes a standard uncertainty of what may have been spilled over an
// end: both ends together, at k=2, are the sum of the two.
const spilled = 1 / math.Sqrt2

// above is how far the energy over reach beyond t is from what the power of the
// same time beyond it comes to.
func (c *Curve) above(e epoch, t, reach time.Duration) float64 {
	if reach == 0 {
		return 0
	}
	clamp := func(t time.Duration) time.Duration { return min(max(t, e.begin), e.end) }
	near, far := clamp(t+reach), clamp(t+2*reach)
	if near == t || far == near {
		return 0
	}
	energy := func(from, to time.Duration) float64 { return c.at(e, to).energy - c.at(e, from).energy }
	return math.Abs(energy(t, near) - energy(near, far)*float64(near-t)/float64(far-near))
}

// lagBetween is what a lag that is not known well leaves open over w.
func (c *Curve) lagBetween(w meter.Window) float64 {
	late := lagError
	switch {
	case !c.gauge.Known():
		late = unknownAverage / 3
		if c.gauge.Look == 1 {
			// It averages over that, and a figure may be as old as a period.
			late = max(late, (unknownAverage/2+c.period())/2)
		}
	case c.gauge.Measured:
		late /= 3
	}
	return c.swing(w.Start+c.shift(), w.End+c.shift()) * float64(late)
}
