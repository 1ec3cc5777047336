package attribution

import (
	"math"
	"sort"
	"time"

	"cfubench/meter"
)

// point is the curve at one moment, in µJ since its epoch's register zero.
type point struct{ energy, lo, hi float64 }

// cursor evaluates a curve at times that mostly ascend: amortised O(1) a
// step, O(log N) for a step back.
type cursor struct {
	*Curve
	e                    epoch
	knotI, floorI, ceilI int // first index after the last time, by each list
	// Between from and until the indices, and so the lines below, stay.
	from, until time.Duration
	estimate    line
	lo, hi      [2]line // the bracket is their maximum, and minimum
}

// line is a straight piece of the curve or its bracket, in µJ and µJ/ns.
type line struct {
	at     time.Duration
	value  float64
	rising float64
}

func (l *line) on(t time.Duration) float64 { return l.value + l.rising*float64(t-l.at) }

// newCursor returns a cursor over epoch e.
func newCursor(c *Curve, e epoch) cursor {
	return cursor{Curve: c, e: e, knotI: -1, floorI: -1, ceilI: -1, from: math.MaxInt64}
}

// at evaluates the curve at t, which lies in epoch e.
func (c *Curve) at(e epoch, t time.Duration) point {
	cur := newCursor(c, e)
	return cur.at(t)
}

// after returns the first index in ts[e.first:e.last] whose time is beyond t,
// searching in growing steps on from i if that is before it.
func after(ts *series[time.Duration], e epoch, i int, t time.Duration) int {
	from, to := e.first, e.last
	if i >= from && i <= to && (i == from || ts.at(i-1) <= t) {
		from = i
		for step := 1; from < to; step *= 2 {
			next := min(from+step, to)
			if ts.at(next-1) > t {
				to = next - 1
				break
			}
			from = next
		}
	}
	return from + sort.Search(to-from, func(k int) bool { return ts.at(from+k) > t })
}

func (c *cursor) at(t time.Duration) point {
	if t < c.from || t >= c.until {
		c.seek(t)
	}
	lo, hi := max(c.lo[0].on(t), c.lo[1].on(t)), min(c.hi[0].on(t), c.hi[1].on(t))
	energy := c.estimate.on(t)
	if c.domain.Kind == meter.KindPower {
		// A limit bounds what was used, not what a gauge made of it: it never cuts
		// off the estimate.
		return point{energy: energy, lo: min(lo, energy), hi: max(hi, energy)}
	}
	up := c.lift.at(t)
	return point{energy: min(max(energy, lo), hi) + up, lo: lo, hi: hi + up}
}

// seek sets the lines for the stretch that holds t.
func (c *cursor) seek(t time.Duration) {
	c.knotI = after(&c.knot, c.e, c.knotI, t)
	c.from, c.until = math.MinInt64, math.MaxInt64
	c.within(&c.knot, c.knotI)
	c.estimate = c.segment(t)
	below, above := line{value: math.Inf(-1)}, line{value: math.Inf(1)}
	c.lo, c.hi = [2]line{below, below}, [2]line{above, above}
	if c.domain.Kind == meter.KindPower {
		// A gauge has no register to be held to: from any moment on it bounds
		// what passes by floor and limit alone.
		c.lo[0] = line{c.e.begin, 0, c.floor}
		if c.limit > 0 {
			c.hi[0] = line{c.e.begin, 0, c.limit}
		}
		return
	}
	c.floorI, c.ceilI = after(&c.floorAt, c.e, c.floorI, t), after(&c.ceilAt, c.e, c.ceilI, t)
	// Lower: never less than the last published value plus the floor since,
	// nor than the next value less what the limit allows until then.
	at, next := c.within(&c.floorAt, c.floorI)
	if i := c.floorI; i > c.e.first {
		c.lo[0] = line{at, float64(c.value.at(i-1)) - c.quantum, c.floor}
	}
	if i := c.floorI; i < c.e.last && c.limit > 0 {
		c.lo[1] = line{next, float64(c.value.at(i)) - c.quantum, c.limit}
	}
	// Upper: never more than the next published value less the floor until
	// then, nor than the last value plus what the limit allows since.
	at, next = c.within(&c.ceilAt, c.ceilI)
	if i := c.ceilI; i < c.e.last {
		c.hi[0] = line{next, float64(c.value.at(i)) + c.quantum, c.floor}
	}
	if i := c.ceilI; i > c.e.first && c.limit > 0 && at != never {
		c.hi[1] = line{at, float64(c.value.at(i-1)) + c.quantum, c.limit}
	}
}

// within narrows the stretch to the times before and at index i of ts, which it
// returns: those of them that lie in the epoch.
func (c *cursor) within(ts *series[time.Duration], i int) (at, next time.Duration) {
	if i > c.e.first {
		at = ts.at(i - 1)
		c.from = max(c.from, at)
	}
	if i < c.e.last {
		next = ts.at(i)
		c.until = min(c.until, next)
	}
	return at, next
}

// segment is the estimate's line at t: between the knots about it, and beyond
// the epoch's outer knots on at the power of the outermost segment. Where a
// window was anchored its end takes the place of the knots that it hides.
func (c *cursor) segment(t time.Duration) line {
	if c.e.last-c.e.first == 1 {
		return line{c.knot.at(c.e.first), float64(c.value.at(c.e.first)), 0}
	}
	if s := c.shape; s != nil && t >= s.over.Start && t < s.over.End {
		if bent, ok := c.bent(s.over.Start, s.over.End, s.from, s.to, opening, closing, t); ok {
			return bent
		}
	}
	i := min(max(c.knotI, c.e.first+1), c.e.last-1)
	a, b := c.knot.at(i-1), c.knot.at(i)
	va, vb := float64(c.value.at(i-1)), float64(c.value.at(i))
	as, bs := amid, amid
	for _, u := range c.turns {
		if t >= u.from && t < u.to { // within what the turn hides
			if t < u.at {
				a, va, b, vb, bs = u.from, u.fromEnergy, u.at, u.energy, closing
				c.from, c.until = max(c.from, u.from), min(c.until, u.at)
			} else {
				a, va, b, vb, as = u.at, u.energy, u.to, u.toEnergy, opening
				c.from, c.until = max(c.from, u.at), min(c.until, u.to)
			}
			break
		}
		if t < u.from {
			c.until = min(c.until, u.from)
		} else {
			c.from = max(c.from, u.to)
		}
	}
	if c.shape != nil && c.domain.Kind != meter.KindPower && t >= a && t < b {
		if bent, ok := c.bent(a, b, va, vb, as, bs, t); ok {
			return bent
		}
	}
	return line{a, va, (vb - va) / float64(b-a)}
}

// bent is the line at t as the driver's samples bend the segment from a to b.
func (c *cursor) bent(a, b time.Duration, va, vb float64, as, bs side, t time.Duration) (line, bool) {
	l, from, until, ok := c.shape.bend(a, b, va, vb, as, bs, t)
	if ok {
		c.from, c.until = max(c.from, from), min(c.until, until)
	}
	return l, ok
}
