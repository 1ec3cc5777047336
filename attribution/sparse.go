package attribution

import (
	"fmt"
	"math"
	"sort"
	"time"

	"cfubench/meter"
)

// Of a gauge whose looks are further apart than a load's phases last nothing is
// known between two looks but what the looks beside say: each is one draw of the
// powers that the load has, and a window that none falls in may have had any.
const (
	// swingDraws is what hiddenSwing counts for beside the looks that a window has
	// of its own: as many draws.
	swingDraws = 2
	// fewLooks are fewer than show how far looks are apart.
	fewLooks = 6
	// hiddenLoad is how many times the least power a load may draw that no look
	// shows and no limit bounds: 700 W of an H100 over the 100 W at which it idles
	// with a model in memory. shown is the ratio of the highest to the lowest
	// figure from which on the readings do show a load.
	hiddenLoad = 7
	shown      = 2
)

// sparse reports whether the curve is of a gauge that looks less often than every
// 100 ms.
func (c *Curve) sparse() bool {
	return c.domain.Kind == meter.KindPower && c.period() > partTimeCycle+partTimeCycle/5
}

// age is how old what a look shows may be: a period of the card's gauge, and of a
// gauge of which nothing is known one of its own.
func (c *Curve) age() time.Duration {
	if c.gauge.Known() || c.domain.Scope == meter.ScopeGPU {
		return partTimeCycle
	}
	return c.period()
}

// looks are the figures of a gauge that stand within a window.
type looks struct {
	n                 int
	sum, square, most float64 // µJ/ns
}

// looksIn are the figures that were published in w.
func (c *Curve) looksIn(w meter.Window) looks {
	var out looks
	shift, n := c.shift(), c.published.len()
	for i := sort.Search(n, func(k int) bool { return c.published.at(k)-shift >= w.Start }); i < n && c.published.at(i)-shift < w.End; i++ {
		figure := rate(c.figures.at(i))
		out.n, out.sum, out.square, out.most = out.n+1, out.sum+figure, out.square+figure*figure, max(out.most, figure)
	}
	return out
}

// draws is the standard uncertainty, in µJ, of a mean over looks of which each is
// a draw. Few do not show how far they are apart: what a load may hide counts
// beside them.
func (c *Curve) draws(energy float64, w, load meter.Window, blind float64) float64 {
	length, apart := float64(w.Length()), c.scatter(load)
	if in := c.looksIn(load); in.n < fewLooks {
		hidden := hiddenSwing * energy / length
		own := swingDraws * hidden * hidden
		if in.n > 0 {
			own += max(in.square-in.sum*in.sum/float64(in.n), 0)
		}
		apart = max(apart, math.Sqrt(own/float64(swingDraws+max(in.n-1, 0))))
	}
	expected := length / float64(c.period())
	u := apart * length * math.Sqrt(blind/max(expected, 1))
	if expected < 1 {
		u = max(u, c.spread(load, 5*c.period())/2*length)
	}
	return u
}

// unseen is the standard uncertainty, in µJ, of a load that ran in w and of which
// no look or one shows something, and a warning where none does; 0 where more do.
// Twice it reaches the highest power that the load may have had throughout.
func (c *Curve) unseen(energy float64, w meter.Window) (float64, []Warning) {
	if !c.sparse() || c.look() == 1 {
		return 0, nil
	}
	in := c.looksIn(meter.Window{Start: w.Start + c.age(), End: w.End})
	length := float64(w.Length())
	off := func(power float64) float64 { return max(power*length-energy, 0) / coverage }
	switch {
	case in.n > 1:
		return 0, nil
	case in.n == 0 || w.Length() < c.period() && in.most < shown*c.lowest():
		ceiling := c.ceiling()
		return off(ceiling), []Warning{{"unseen", c.domain.Name, w.Start,
			fmt.Sprintf("no reading shows the load of %v, one is made every %v: its energy is that of the readings beside it, and up to %.0f W cannot be excluded",
				w.Length().Round(time.Millisecond), c.period().Round(time.Millisecond), ceiling*1e3)}}
	}
	return off((1 + hiddenSwing) * in.most), nil
}

// ceiling is the highest power, in µJ/ns, that a load may have had of which no
// figure is known.
func (c *Curve) ceiling() float64 {
	if c.sustained > 0 {
		return c.sustained
	}
	lo, loaded := c.lowest(), 0
	hi := lo
	for i := range c.figures.len() {
		figure := rate(c.figures.at(i))
		hi = max(hi, figure)
		if figure >= shown*lo {
			loaded++
		}
	}
	if loaded < 2 { // one look may have seen a part of it
		return max(hiddenLoad*lo, hi)
	}
	return (1 + hiddenSwing) * hi
}

// lowest is the lowest figure, in µJ/ns.
func (c *Curve) lowest() float64 {
	lo := math.Inf(1)
	for i := range c.figures.len() {
		lo = min(lo, rate(c.figures.at(i)))
	}
	return lo
}

// counted is the standard uncertainty, in µJ, of one end of a load beside idle
// power p of which looks show every one period: how many fall in it is a matter
// of chance, each stands for a period, and is itself a draw.
func (c *Curve) counted(w meter.Window, p IdlePower) float64 {
	if !c.sparse() {
		return 0
	}
	in := c.looksIn(meter.Window{Start: w.Start, End: w.End + c.gauge.Average + c.age()})
	above := max(in.most-rate(p.Power), 0) * float64(c.period())
	return (1 - c.look()) * above * math.Hypot(1/math.Sqrt(12), hiddenSwing/math.Sqrt(2*float64(max(in.n, 1))))
}
