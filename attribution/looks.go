package attribution

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

// sample is one reading of a gauge.
type sample struct {
	before, after time.Duration
	power         meter.Power
	status        meter.Status // "" for one that doubts nothing
}

func (s sample) at() time.Duration { return s.before + (s.after-s.before)/2 }

// samples are the readings of a gauge, packed.
type samples struct {
	before, after series[time.Duration]
	power         series[meter.Power]
	doubted       series[doubtful]
}

// doubtful is a place in doubts, the statuses that doubt a sample that counts.
type doubtful int64

var doubts = [...]meter.Status{"", meter.StatusGap, meter.StatusStalled, meter.StatusClockStep}

func (s *samples) len() int { return s.before.len() }

func (s *samples) at(i int) sample {
	return sample{s.before.at(i), s.after.at(i), s.power.at(i), doubts[s.doubted.at(i)]}
}

func (s *samples) add(one sample) {
	s.doubted.add(doubtful(max(slices.Index(doubts[:], one.status), 0)))
	s.before.add(one.before)
	s.after.add(one.after)
	s.power.add(one.power)
}

const (
	// glitchRatio is how far over the enforced limit a gauge's figure is no
	// power: excursions of a card stay below.
	glitchRatio = 2.5
	// highestPower is above any board or chassis.
	highestPower = 20_000 * meter.Watt
	// maxGlitches is the part of a gauge's readings beyond which it is the limit
	// that is wrong and not they.
	maxGlitches = 0.1
	// limitTolerance is the gain that a gauge may have before a mean over the
	// limit contradicts the limit.
	limitTolerance = 1.1
)

// look takes a reading of a gauge. A failed look is unknown and not zero, and
// so is zero itself from what always draws something. What is too much for the part's
// limit is judged when all readings are there: it may be the limit that is wrong.
func (b *Builder) look(r meter.Reading) {
	b.looks++
	switch {
	case r.Status == meter.StatusLost:
		return
	case !r.HasPower, r.Status == meter.StatusTransient, r.Power == 0 && neverOff(b.curve.domain):
		b.blank++
		return
	case r.Power < 0, r.Power > highestPower:
		b.blank++
		b.doubt(FlagGlitch, r.Before, r.After)
		return
	}
	s := sample{r.Before, r.After, r.Power, r.Status}
	if s.status == meter.StatusGlitch {
		s.status = ""
	}
	if n := b.samples.len(); n > 0 && s.at() <= b.samples.at(n-1).at() {
		return
	}
	b.samples.add(s)
}

// neverOff reports whether the domain is something that draws power whenever it
// can be read: a rail may be off, a card or a machine that answers is not.
func neverOff(d meter.Domain) bool {
	switch d.Scope {
	case meter.ScopeNode, meter.ScopePsys, meter.ScopeModule, meter.ScopeGPU, meter.ScopePackage:
		return d.Source != "hwmon"
	}
	return false
}

// publish makes the curve of a gauge from its samples.
func (b *Builder) publish() {
	c := b.curve
	b.dropGlitches()
	n := b.samples.len()
	if n == 0 {
		return
	}
	for i := 1; i < n; i++ {
		if s := b.samples.at(i); s.status != "" {
			b.doubt(string(s.status), b.samples.before.at(i-1), s.after)
		}
	}
	c.publications(&b.samples, b.period)
	c.epochs = []epoch{{begin: b.samples.at(0).at(), end: b.samples.at(n - 1).at()}}
	c.integrate(c.gauge)
	b.warnings = append(b.warnings, c.checkGauge()...)
	b.samples = samples{}
	if float64(b.blank) > maxGlitches*float64(b.looks) {
		b.warnings = append(b.warnings, Warning{"gauge_blank", c.domain.Name, -1,
			fmt.Sprintf("%d of %d readings hold no power (failed, zero, negative or beyond %v): left out", b.blank, b.looks, meter.Power(highestPower))})
	}
}

// dropGlitches leaves out the samples far over the enforced limit, or the limit
// if they are many.
func (b *Builder) dropGlitches() {
	c := b.curve
	if c.sustained <= 0 {
		return
	}
	over := func(s sample) bool { return rate(s.power) > glitchRatio*c.sustained }
	n, all := 0, b.samples.len()
	var worst meter.Power
	for i := range all {
		if s := b.samples.at(i); over(s) {
			n++
			worst = max(worst, s.power)
		}
	}
	if n == 0 {
		return
	}
	if float64(n) > maxGlitches*float64(all) {
		b.warnings = append(b.warnings, Warning{"above_limit", c.domain.Name, -1,
			fmt.Sprintf("%d of %d readings are over %g times the power limit %v: the limit is not used", n, all, glitchRatio, c.domain.Limit)})
		c.limit, c.sustained = 0, 0
		return
	}
	var kept samples
	for i := range all {
		s := b.samples.at(i)
		if over(s) {
			b.doubt(FlagGlitch, s.before, s.after)
			continue
		}
		kept.add(s)
	}
	b.samples = kept
	b.warnings = append(b.warnings, Warning{"gauge_glitch", c.domain.Name, -1,
		fmt.Sprintf("%d of %d readings up to %v are far over the power limit %v: left out", n, all, worst, c.domain.Limit)})
}

// publications takes from the samples when each new figure was published, and the
// figures. A figure that is read again is the same publication, unless it stays
// for longer than a period.
func (c *Curve) publications(from *samples, period time.Duration) {
	at := &c.published
	add := func(t time.Duration, p meter.Power) {
		if at.len() > 0 {
			t = max(t, at.last()+1)
		}
		at.add(t)
		c.figures.add(p)
	}
	last, flat := from.at(0), false
	add(last.at(), last.power)
	for i := 1; i < from.len(); i++ {
		s := from.at(i)
		if period > 0 && s.power == last.power {
			last, flat = s, true
			continue
		}
		if period <= 0 {
			add(s.at(), s.power)
			last = s
			continue
		}
		since := max(last.before, s.before-period)
		published := since + (s.after-since)/2
		// The figure before was published a period before this one, and is known
		// to have been so until it was last read.
		if t := min(last.at(), published-period); flat && t > at.last()+period/2 {
			add(t, last.power)
		}
		add(published, s.power)
		last, flat = s, false
	}
	if t := last.at(); flat && t > at.last()+period {
		add(t, last.power)
	}
}

// integrate makes the knots of a gauge's curve from its publications. A figure
// is the mean over the averaging time before its publication. Where that is as
// long as a period the figures tile the time and their sum is the energy; else
// each stands at the middle of its averaging time and trapezoids join them.
func (c *Curve) integrate(g gauge.Gauge) {
	n := c.published.len()
	period := c.domain.UpdatePeriod
	if period <= 0 {
		period = g.Period
	}
	tiles := g.Known() && (g.Average-period).Abs() <= period/5
	shift := g.Lag
	if !tiles {
		shift += g.Average / 2
	}
	c.knot, c.value = series[time.Duration]{}, series[meter.Energy]{}
	add := func(t time.Duration, e float64) {
		c.knot.add(t)
		c.value.add(meter.Energy(math.Round(e)))
	}
	var before time.Duration
	var energy, shown float64
	for i := range n {
		t, shows := c.published.at(i), rate(c.figures.at(i))
		if i > 0 {
			length := t - before
			if tiles && length <= 2*period {
				energy += shows * float64(length)
			} else {
				energy += (shown + shows) / 2 * float64(length)
			}
		}
		add(t-shift, energy)
		before, shown = t, shows
	}
	// The last figure holds until the last reading.
	if end := c.epochs[0].end; end > c.knot.at(n-1) {
		add(end, energy+shown*float64(end-c.knot.at(n-1)))
	}
	c.floorAt, c.ceilAt = c.knot, c.knot
	c.epochs[0].first, c.epochs[0].last = 0, c.knot.len()
}

// Changes is the median time between two readings at which a gauge's figure
// changed: of a log, whose lines may be more than its gauge has figures, how
// often there is a new one. 0 if it changed less than three times.
func (c *Curve) Changes() time.Duration {
	var gaps []time.Duration
	last := -1
	for i := 1; i < c.published.len(); i++ {
		if c.figures.at(i) == c.figures.at(i-1) {
			continue
		}
		if last >= 0 {
			gaps = append(gaps, c.published.at(i)-c.published.at(last))
		}
		last = i
	}
	if len(gaps) < 2 {
		return 0
	}
	return medianOf(gaps)
}

// With returns the curve of the same readings by a sensor of which more is
// known.
func (c *Curve) With(g gauge.Gauge) *Curve {
	out := *c
	out.gauge = g
	if out.domain.Kind == meter.KindPower {
		out.gauge = g.Logged(c.domain.UpdatePeriod)
	}
	if out.domain.Kind == meter.KindPower && out.published.len() > 0 {
		out.epochs = append([]epoch(nil), c.epochs...)
		out.integrate(g)
	}
	return &out
}

// checkGauge drops a limit that the gauge exceeds in the mean over a second.
func (c *Curve) checkGauge() []Warning {
	if c.limit <= 0 {
		return nil
	}
	j := 0
	for i := range c.knot.len() {
		from := c.knot.at(i)
		for j < c.knot.len() && c.knot.at(j) < from+time.Second {
			j++
		}
		if j == c.knot.len() {
			break
		}
		length := float64(c.knot.at(j) - from)
		if seen := float64(c.value.at(j) - c.value.at(i)); seen > limitTolerance*c.most(length) {
			c.limit, c.sustained = 0, 0
			return []Warning{{"above_limit", c.domain.Name, from,
				fmt.Sprintf("mean power of %.1f W over a second exceeds the power limit %v: the limit is not used", seen/length*1e3, c.domain.Limit)}}
		}
	}
	return nil
}

// swing is how much the gauge's figure differs between two moments, in µJ/ns.
func (c *Curve) swing(a, b time.Duration) float64 { return math.Abs(c.figure(b) - c.figure(a)) }

// figure is a gauge's figure as it stands at t.
func (c *Curve) figure(t time.Duration) float64 {
	i := sort.Search(c.published.len(), func(k int) bool { return c.published.at(k) > t })
	return rate(c.figures.at(max(i-1, 0)))
}
