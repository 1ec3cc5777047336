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
	knotI, floorI, ceilI int // first index after t, by each list
}

// at evaluates the curve at t, which lies in epoch e.
func (c *Curve) at(e epoch, t time.Duration) point {
	cur := cursor{Curve: c, e: e, knotI: -1}
	return cur.at(t)
}

// after returns the first index in ts[e.first:e.last] whose time is beyond t,
// walking on from i if that is near and searching if not.
func after(ts []time.Duration, e epoch, i int, t time.Duration) int {
	if i >= e.first && i <= e.last && (i == e.first || ts[i-1] <= t) {
		for steps := 0; steps < 8; steps++ {
			if i == e.last || ts[i] > t {
				return i
			}
			i++
		}
	}
	return e.first + sort.Search(e.last-e.first, func(k int) bool { return ts[e.first+k] > t })
}

func (c *cursor) at(t time.Duration) point {
	c.knotI = after(c.knot, c.e, c.knotI, t)
	c.floorI = after(c.floorAt, c.e, c.floorI, t)
	c.ceilI = after(c.ceilAt, c.e, c.ceilI, t)
	p := point{energy: c.estimate(t), lo: math.Inf(-1), hi: math.Inf(1)}
	if c.domain.Kind == meter.KindPower {
		return p
	}
	// Lower: never less than the last published value plus the floor since,
	// nor than the next value less what the limit allows until then.
	if i := c.floorI; i > c.e.first {
		p.lo = float64(c.value[i-1]) - c.quantum + c.floor*float64(t-c.floorAt[i-1])
	}
	if i := c.floorI; i < c.e.last && c.limit > 0 {
		p.lo = max(p.lo, float64(c.value[i])-c.quantum-c.limit*float64(c.floorAt[i]-t))
	}
	// Upper: never more than the next published value less the floor until
	// then, nor than the last value plus what the limit allows since.
	if i := c.ceilI; i < c.e.last {
		p.hi = float64(c.value[i]) + c.quantum - c.floor*float64(c.ceilAt[i]-t)
	}
	if i := c.ceilI; i > c.e.first && c.limit > 0 && c.ceilAt[i-1] != never {
		p.hi = min(p.hi, float64(c.value[i-1])+c.quantum+c.limit*float64(t-c.ceilAt[i-1]))
	}
	p.energy = min(max(p.energy, p.lo), p.hi)
	return p
}

// estimate interpolates between knots; beyond the epoch's outer knots it goes
// on at the power of the outermost segment.
func (c *cursor) estimate(t time.Duration) float64 {
	i := c.knotI
	if c.e.last-c.e.first == 1 {
		return float64(c.value[c.e.first])
	}
	i = min(max(i, c.e.first+1), c.e.last-1)
	a, b := c.knot[i-1], c.knot[i]
	va, vb := float64(c.value[i-1]), float64(c.value[i])
	return va + (vb-va)*float64(t-a)/float64(b-a)
}
