package attribution

import (
	"fmt"
	"math"
	"sort"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Curve is the cumulative energy E(t) of one domain, with a hard bracket
// around it. It is immutable once made.
//
// Between two publications a register says nothing, so the curve is made of
// the register's edges: the reads at which its value changed. Each edge gives
// three facts: the register had been published with value v at some moment
// inside a known span, the true energy was at most v at the span's start, and
// at least v at its end. The estimate interpolates between the middles of the
// spans; the bracket uses only the two inequalities, and the domain's power
// floor and limit where they are known.
type Curve struct {
	domain meter.Domain
	// One entry a knot, in time order. knot is the estimated moment at which
	// the true energy was value; at floorAt it was at least value, at ceilAt
	// at most value (never if unknown).
	knot, floorAt, ceilAt series[time.Duration]
	value                 series[meter.Energy]
	epochs                []epoch
	doubts                []doubt
	floor                 float64 // µJ/ns
	// limit is the highest power at an instant, sustained that over a time well
	// beyond excursionTime; both in µJ/ns, and 0 if unknown.
	limit, sustained float64
	quantum          float64
	// published are the moments at which a gauge changed, figures what it showed
	// from then on; empty of a register.
	published series[time.Duration]
	figures   series[meter.Power]
	// gauge is what is known of the sensor.
	gauge gauge.Gauge
	// turns and lift are what anchoring the ends of a window has added; see
	// Estimate.
	turns []turn
	lift  lift
	// shape is how a driver's samples spread the energy between updates, nil
	// without them.
	shape   *shape
	shaping Shaping
}

// An enforced power limit is a mean that the card keeps to by steering, not a
// bound of every instant: PCIe CEM 5.0 and ATX 3.0 allow excursions to about
// twice the sustained power for some 10 ms. Over any time L no more passes than
// the limit allows over L and the excess of an excursion over excursionTime.
const (
	excursion     = 2.5
	excursionTime = 100 * time.Millisecond
)

// most is the highest energy that can pass within a time, in µJ; infinite if no
// limit is known.
func (c *Curve) most(length float64) float64 {
	if c.limit <= 0 {
		return math.Inf(1)
	}
	return c.sustained*length + (c.limit-c.sustained)*min(length, float64(excursionTime))
}

// never stands for an unknown ceilAt.
const never time.Duration = math.MinInt64

// epoch is a stretch of knots [first, last) without a reset. The register is
// known from begin to end.
type epoch struct {
	first, last int
	begin, end  time.Duration
	// base is the register at begin; values are counted from it, so that
	// float64 holds them exactly however long the register has been running.
	base meter.Energy
}

// doubt is a span of readings with a status that its windows must carry.
type doubt struct {
	flag       string
	begin, end time.Duration
}

// rate converts a power to µJ per nanosecond.
func rate(p meter.Power) float64 { return float64(p) / 1e9 }

// Domain returns the domain whose curve this is.
func (c *Curve) Domain() meter.Domain { return c.domain }

// Span returns the window that the readings cover, resets or not. It is empty
// if there is no usable reading.
func (c *Curve) Span() meter.Window {
	if len(c.epochs) == 0 {
		return meter.Window{}
	}
	return meter.Window{Start: c.epochs[0].begin, End: c.epochs[len(c.epochs)-1].end}
}

// Gauge returns what is known of the curve's sensor.
func (c *Curve) Gauge() gauge.Gauge { return c.gauge }

// NewCurve makes the curve of domain d from its readings, in time order. See
// Builder for what becomes of each.
func NewCurve(d meter.Domain, readings []meter.Reading) (*Curve, []Warning) {
	b := NewBuilder(d)
	for _, r := range readings {
		b.Add(r)
	}
	return b.Curve()
}

// epochAt returns the epoch that covers t.
func (c *Curve) epochAt(t time.Duration) (epoch, bool) {
	i := sort.Search(len(c.epochs), func(i int) bool { return c.epochs[i].end >= t })
	if i == len(c.epochs) || c.epochs[i].begin > t {
		return epoch{}, false
	}
	return c.epochs[i], true
}

// cover returns the epoch that covers all of w, or the flag that says why
// there is none.
func (c *Curve) cover(w meter.Window) (epoch, string) {
	span := c.Span()
	if len(c.epochs) == 0 || w.Start < span.Start || w.End > span.End {
		return epoch{}, FlagOutside
	}
	a, ok := c.epochAt(w.Start)
	if !ok || w.End > a.end {
		return epoch{}, FlagInvalidReset
	}
	return a, ""
}

// checkSpans are the numbers of edges over which limits are checked: one edge
// shows a short excess, several show one that is small.
var checkSpans = [...]int{1, 5, 15, 50}

// checkLimits drops a power limit or floor that the register itself
// contradicts, because a bracket made with it would not hold.
func (c *Curve) checkLimits() []Warning {
	if c.limit <= 0 && c.floor <= 0 {
		return nil
	}
	const most = 64 // more than the longest span
	var near [most]edge
	var warnings []Warning
	for _, e := range c.epochs {
		for k := e.first; k < e.last; k++ {
			now := edge{c.floorAt.at(k), c.ceilAt.at(k), c.value.at(k)}
			near[k%most] = now
			if k < e.first+2 {
				continue
			}
			for _, span := range checkSpans {
				if k-span > e.first { // the first knot's time is not known
					warnings = append(warnings, c.checkBetween(near[(k-span)%most], now)...)
				}
			}
		}
	}
	return warnings
}

// edge is what is known of a knot beside its most likely time.
type edge struct {
	floorAt, ceilAt time.Duration
	value           meter.Energy
}

// checkBetween holds the limits against what passed between two knots.
func (c *Curve) checkBetween(a, b edge) []Warning {
	var warnings []Warning
	// At least and at most this much passed, in no more and no less than these.
	least := float64(b.value-a.value) - 2*c.quantum
	most := least + 4*c.quantum
	longest, shortest := float64(b.floorAt-a.ceilAt), float64(b.ceilAt-a.floorAt)
	if c.limit > 0 && least > c.most(longest) {
		warnings = append(warnings, Warning{"above_limit", c.domain.Name, b.floorAt,
			fmt.Sprintf("mean power of at least %.1f W exceeds the power limit %v: the limit is not used", least/longest*1e3, c.domain.Limit)})
		c.limit, c.sustained = 0, 0
	}
	if c.floor > 0 && shortest > 0 && most < c.floor*shortest {
		warnings = append(warnings, Warning{"below_floor", c.domain.Name, b.ceilAt,
			fmt.Sprintf("mean power of at most %.1f W is under the floor %v: the floor is not used", most/shortest*1e3, c.domain.Floor)})
		c.floor = 0
	}
	return warnings
}
