package attribution

import (
	"fmt"
	"math"
	"time"

	"cfubench/meter"
)

// Idle is the power of a domain while nothing is asked of it. Nothing is ever
// subtracted with it silently: it splits a total into figures that stand side
// by side.
type Idle struct {
	// Loaded is the power with the server up and its model in memory, Bare the
	// power before there was a server, zero if it was not measured.
	Loaded, Bare meter.Power
	// Known: Loaded was measured. HasBare: Bare was, or needs no measuring.
	Known, HasBare bool
	// Drift is the loaded idle power after the run over that before it, less
	// one; zero if only one was measured, and if the two differ by no more than
	// what the readings leave open.
	Drift float64
	// Uncertainty is Loaded's standard uncertainty as far as the readings show
	// it: without the sensor's gain and offset.
	Uncertainty meter.Power
}

// IdlePower is the power of one idle window.
type IdlePower struct {
	// Window is the stretch that the caller calls idle.
	Window meter.Window
	Power  meter.Power
	// Uncertainty is its standard uncertainty from the times of the edges and,
	// of a gauge, from its scatter.
	Uncertainty meter.Power
	// Swing is the standard deviation of the power over the updates; Wander the
	// part of it that stays from one update to the next, and so does not average
	// out over many.
	Swing, Wander meter.Power
	// Between is the part of the window that was used: from its first to its
	// last edge, after the tail of the load before it.
	Between meter.Window
	// Inner says that no edge outside the window was needed.
	Inner bool
	Known bool
}

const (
	// maxDrift is the idle drift beyond which before and after disagree.
	maxDrift = 0.03
	// driftCoverage is how many standard uncertainties two idle powers are apart
	// that differ: a run has many cells and devices to be wrong about.
	driftCoverage = 3
	// leastTail is how long an idle window's beginning is left out: what a load
	// leaves behind in clocks, thermal filters and averages.
	leastTail = time.Second
	// mostTail is the part of an idle window that may be left out.
	mostTail = 0.6
)

// tail is how long the curve may still show a load that has ended.
func (c *Curve) tail() time.Duration {
	if c.domain.Kind == meter.KindPower && !c.gauge.Known() {
		// It may average over a second, and its figures be a period old.
		return unknownAverage + 2*c.period()
	}
	return max(leastTail, c.gauge.Tail())
}

// IdlePower measures the power of idle window w between the first and the last
// edge inside it, after the tail of whatever ran before. An edge outside the
// window may hold the load beside it: it is used only where the window holds
// fewer than two.
func (c *Curve) IdlePower(w meter.Window) (IdlePower, Interval) {
	p, e := c.idlePower(w)
	p.Window = w
	return p, e
}

func (c *Curve) idlePower(w meter.Window) (IdlePower, Interval) {
	if c.domain.Kind == meter.KindModel || w.Length() <= 0 {
		return c.idleAcross(w)
	}
	quiet := w
	quiet.Start += min(c.tail(), time.Duration(mostTail*float64(w.Length())))
	if c.domain.Kind == meter.KindPower {
		return c.idleByGauge(w, quiet)
	}
	for _, in := range []meter.Window{quiet, w} {
		if p, ok := c.idleBetween(in); ok {
			return p, Interval{Energy: c.Total(p.Between), HasEnergy: true, Method: c.domain.Kind, Flags: c.flagsOver(p.Between)}
		}
	}
	return c.idleAcross(w)
}

// idleAcross is the mean power over w, interpolated at its ends.
func (c *Curve) idleAcross(w meter.Window) (IdlePower, Interval) {
	p, e := c.MeanPower(w)
	out := IdlePower{Power: p, Between: w, Known: e.HasEnergy && w.Length() > 0}
	if out.Known && e.Boundary != meter.Unbounded {
		out.Uncertainty = powerOf(float64(e.Boundary), w)
	}
	return out, e
}

// idleBetween is the power between the first and the last edge that were surely
// published within w, by least squares over all of them: the moment of each is
// known to some milliseconds only.
func (c *Curve) idleBetween(w meter.Window) (IdlePower, bool) {
	e, flag := c.cover(w)
	if flag != "" {
		return IdlePower{}, false
	}
	i := max(after(&c.ceilAt, e, -1, w.Start), e.first+1) // the epoch's first knot has no time
	j := after(&c.floorAt, e, -1, w.End) - 1
	if j-i < 1 {
		return IdlePower{}, false
	}
	p := IdlePower{Between: meter.Window{Start: c.knot.at(i), End: c.knot.at(j)}, Inner: true, Known: true}
	var at, energy, n float64 // means, from knot i on
	for k := i; k <= j; k++ {
		at, energy, n = at+float64(c.knot.at(k)-c.knot.at(i)), energy+float64(c.value.at(k)-c.value.at(i)), n+1
	}
	at, energy = at/n, energy/n
	var tt, te, timing float64
	for k := i; k <= j; k++ {
		t := float64(c.knot.at(k)-c.knot.at(i)) - at
		tt, te = tt+t*t, te+t*(float64(c.value.at(k)-c.value.at(i))-energy)
		timing += c.timing(k) * c.timing(k)
	}
	mean := te / tt
	p.Power = meter.Power(math.Round(mean * 1e9))
	off := math.Hypot(math.Sqrt(timing/n)*mean, c.quantum) / math.Sqrt(tt)
	p.Uncertainty = meter.Power(math.Round(off * 1e9))
	// Power from update to update, on stretches of at least a period.
	var sum, stretches, together, last float64
	for k, from := i+1, i; k <= j; k++ {
		if stretch := c.knot.at(k) - c.knot.at(from); stretch >= max(c.domain.UpdatePeriod/2, 20*time.Millisecond) {
			d := float64(c.value.at(k)-c.value.at(from))/float64(stretch) - mean
			together, last = together+d*last, d
			// What the times of the two edges leave open is no swing.
			d = max(math.Abs(d)-math.Hypot(c.timing(k), c.timing(from))*mean/float64(stretch), 0)
			sum, stretches, from = sum+d*d, stretches+1, k
		}
	}
	if stretches > 1 {
		p.Swing = meter.Power(math.Round(math.Sqrt(sum/(stretches-1)) * 1e9))
		p.Wander = min(p.Swing, meter.Power(math.Round(math.Sqrt(max(together, 0)/(stretches-1))*1e9)))
	}
	return p, true
}

// timing is the standard uncertainty of knot i's time, in ns.
func (c *Curve) timing(i int) float64 {
	return max(float64(c.floorAt.at(i)-c.knot.at(i)), 0) / math.Sqrt(3)
}

// idleByGauge is the mean of a gauge's figures over quiet.
func (c *Curve) idleByGauge(w, quiet meter.Window) (IdlePower, Interval) {
	// A figure counts by when it was published, which the curve has moved. The
	// last update within reaches to the first beyond, which may hold load.
	if quiet.Length() > 2*c.period() {
		quiet.End -= c.period()
	}
	from := meter.Window{Start: quiet.Start - c.shift(), End: quiet.End - c.shift()}
	p, e := c.MeanPower(from)
	if !e.HasEnergy {
		from = w
		if p, e = c.MeanPower(w); !e.HasEnergy {
			return IdlePower{Between: w}, e
		}
	}
	out := IdlePower{Power: p, Between: from, Inner: from != w, Known: true}
	mean := rate(p)
	var sum, n, together, last float64
	for k := range c.published.len() {
		if t := c.published.at(k); t >= quiet.Start && t < quiet.End {
			d := rate(c.figures.at(k)) - mean
			sum, n, together, last = sum+d*d, n+1, together+d*last, d
		}
	}
	if n > 1 {
		out.Wander = meter.Power(math.Round(math.Sqrt(max(together, 0)/(n-1)) * 1e9))
		out.Swing = meter.Power(math.Round(math.Sqrt(sum/(n-1)) * 1e9))
		out.Uncertainty = meter.Power(math.Round(math.Sqrt(sum/(n-1)/n) * 1e9))
	}
	return out, e
}

// shift is how far the curve's knots stand before the publications.
func (c *Curve) shift() time.Duration {
	if c.published.len() == 0 {
		return 0
	}
	return c.published.at(0) - c.knot.at(0)
}

// powerOf is an energy in µJ as a mean power over w.
func powerOf(energy float64, w meter.Window) meter.Power {
	return meter.Power(math.Round(energy / float64(w.Length()) * 1e9))
}

// MeasureIdle takes the loaded idle power from the idle windows before and
// after a run; an empty window is one that was not measured. With both, the
// power is their mean (one that is badly known counts less), and a drift beyond 3 % and beyond what the two readings
// leave open is a warning, but for a model.
func MeasureIdle(c *Curve, before, after meter.Window) (Idle, []Warning) {
	var idle Idle
	var warnings []Warning
	var powers []IdlePower
	for _, w := range []meter.Window{before, after} {
		if w.Length() <= 0 {
			continue
		}
		p, e := c.IdlePower(w)
		if !p.Known {
			warnings = append(warnings, Warning{"idle", c.domain.Name, w.Start, fmt.Sprintf("idle window without energy %v", e.Flags)})
			continue
		}
		powers = append(powers, p)
	}
	switch len(powers) {
	case 0:
		return idle, warnings
	case 1:
		idle.Loaded, idle.Uncertainty = powers[0].Power, powers[0].Uncertainty
	case 2:
		a, b := powers[0], powers[1]
		idle.Loaded, idle.Uncertainty = meanIdle(a, b)
		u := math.Hypot(float64(a.Uncertainty), float64(b.Uncertainty))
		if apart := math.Abs(float64(b.Power - a.Power)); a.Power > 0 && apart > driftCoverage*u {
			idle.Drift = float64(b.Power)/float64(a.Power) - 1
		}
		// A model of CPU time has no temperature that could drift: near
		// zero, its idle power is noise.
		if math.Abs(idle.Drift) > maxDrift && c.domain.Kind != meter.KindModel {
			warnings = append(warnings, Warning{"idle_drift", c.domain.Name, after.Start,
				fmt.Sprintf("idle power went from %v to %v (%+.1f %%): the machine was not in a steady state", a.Power, b.Power, 100*idle.Drift)})
		}
	}
	idle.Known = true
	return idle, warnings
}

// meanIdle is the mean of two idle powers, each by the inverse of its variance, with its
// standard uncertainty. Either may be idleTolerance off by a drift that is its own, so
// that two powers that are known well count alike.
func meanIdle(a, b IdlePower) (power, uncertainty meter.Power) {
	own := idleTolerance * float64(a.Power+b.Power) / 2
	weight := func(p IdlePower) float64 { return 1 / (float64(p.Uncertainty)*float64(p.Uncertainty) + own*own) }
	if own == 0 {
		return (a.Power + b.Power) / 2, meter.Power(math.Round(math.Hypot(float64(a.Uncertainty), float64(b.Uncertainty)) / 2))
	}
	w, v := weight(a), weight(b)
	return meter.Power(math.Round((w*float64(a.Power) + v*float64(b.Power)) / (w + v))),
		meter.Power(math.Round(math.Hypot(w*float64(a.Uncertainty), v*float64(b.Uncertainty)) / (w + v)))
}

// MeasureBare takes the bare idle power from bare, the curve over window w in
// which no server ran; nil is none. A model of the server's own processes
// counts nothing without them: its bare idle is zero and known without one.
func (i *Idle) MeasureBare(d meter.Domain, bare *Curve, w meter.Window) []Warning {
	i.Bare, i.HasBare = 0, d.Scope == meter.ScopeProcess
	if i.HasBare || bare == nil || w.Length() <= 0 {
		return nil
	}
	p, e := bare.IdlePower(w)
	if !p.Known {
		return []Warning{{"bare_idle", d.Name, w.Start, fmt.Sprintf("bare idle window without energy %v", e.Flags)}}
	}
	i.Bare, i.HasBare = p.Power, true
	return nil
}

// Figures are the three readings of one energy: all of it, what is above
// loaded idle, and what is above bare idle.
type Figures struct {
	Total, AboveLoaded, AboveBare meter.Energy
	HasLoaded, HasBare            bool
}

// Figures splits energy e used over a time of length w. A figure above idle
// may be negative where the power was under the idle power.
func (i Idle) Figures(e meter.Energy, w meter.Window) Figures {
	f := Figures{Total: e, HasLoaded: i.Known, HasBare: i.HasBare}
	if i.Known {
		f.AboveLoaded = e - over(i.Loaded, w)
	}
	if i.HasBare {
		f.AboveBare = e - over(i.Bare, w)
	}
	return f
}

// over is the energy of a constant power over w.
func over(p meter.Power, w meter.Window) meter.Energy {
	return meter.Energy(math.Round(rate(p) * float64(w.Length())))
}
