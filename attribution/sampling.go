package attribution

import (
	"math"
	"sort"
	"time"

	"cfubench/meter"
)

const (
	// partTimeError is the standard uncertainty, relative to the mean power,
	// of 1 s seen by a sensor that samples 25 ms in every 100 ms, for phases
	// of 0.05–0.6 s (a simulation: docs/estimator.md); it grows with the root
	// of the window, of the blind part and of the period.
	partTimeError = 12.0 / 410
	partTimeBlind = 0.75
	partTimeCycle = 100 * time.Millisecond
	// hiddenSwing is the amplitude, relative to the mean power, that the steps
	// of an engine are taken to have where a sensor in step with them cannot
	// show it.
	hiddenSwing = 0.25
	// slowestBeat is the time that a beat against a step of which nothing is known
	// is taken to need to average out: a step within 3 % of the period of 100 ms
	// beats every 3.3 s, and the mean over w keeps 3.3 s/(π w) of it.
	slowestBeat = time.Second
	// harmonics of a step that are looked at.
	harmonics = 8
	// aliasingWarned is the part of a step's swing left in the mean from which on
	// there is a warning.
	aliasingWarned = 0.3
)

// look is the part of the time that the sensor sees. One of which nothing is
// known is taken for the worst that is.
func (c *Curve) look() float64 {
	if c.gauge.Look == 0 {
		return 1 - partTimeBlind
	}
	return c.gauge.Look
}

// period is the time between two looks.
func (c *Curve) period() time.Duration {
	switch {
	case c.domain.UpdatePeriod > 0:
		return c.domain.UpdatePeriod
	case c.gauge.Period > 0:
		return c.gauge.Period
	}
	return partTimeCycle
}

// refresh is the time between two publications in ns as the readings show it in
// the mean, finer than any one of them: against the work's step it is the small
// difference that counts.
func (c *Curve) refresh() float64 {
	nominal := float64(c.period())
	at := &c.published
	if c.domain.Kind != meter.KindPower {
		at = &c.knot
	}
	var time, periods float64
	for i := 2; i < at.len(); i++ {
		gap := float64(at.at(i) - at.at(i-1))
		if n := math.Round(gap / nominal); n >= 1 && n <= 3 {
			time, periods = time+gap, periods+n
		}
	}
	if mean := time / periods; periods >= 10 && math.Abs(mean/nominal-1) < 0.1 {
		return mean
	}
	return nominal
}

// sampling is the standard uncertainty, in µJ, of what a part-time sensor did
// not see of energy over w, and the part of a step's swing that looking once a
// period leaves in the mean. load is the time about w in which the same load may
// have run: how its looks scatter is what a look may miss. unrest is the
// standard deviation of the mean of as many looks at idle power, in µJ/ns: idle
// power is steady, so what moves it is the looking.
func (c *Curve) sampling(energy float64, w, load meter.Window, step time.Duration, unrest float64) (u, aliased float64) {
	blind := 1 - c.look()
	if blind <= 0 || w.Length() <= 0 {
		return 0, 0
	}
	length := w.Length().Seconds()
	cycle := float64(c.period()) / float64(partTimeCycle)
	u = energy * partTimeError / math.Sqrt(length) * math.Sqrt(blind/partTimeBlind*cycle)
	u = math.Hypot(u, unrest*float64(w.Length())*math.Sqrt(blind))
	if c.sparse() {
		u = math.Hypot(u, c.draws(energy, w, load, blind))
	}
	if step <= 0 {
		if c.domain.Kind == meter.KindPower {
			// Nothing says that work of an unknown step does not beat against the
			// gauge; what then is seen of it swings as the figures do.
			u = math.Hypot(u, c.scatter(load)*float64(min(w.Length(), slowestBeat)))
		}
		return u, 0
	}
	mean := energy / float64(w.Length())
	seen := math.Sqrt2 * c.scatter(load)
	period := c.refresh()
	looks := max(float64(w.Length())/period, 1)
	ratio := period / float64(step)
	sum := 0.0
	for m := 1.0; m <= harmonics; m++ {
		// The looks step through a harmonic's phase by this part of a turn; the
		// mean over them keeps at most this part of its amplitude.
		turn := m*ratio - math.Round(m*ratio)
		left := 1.0
		if s := math.Abs(math.Sin(math.Pi * turn)); s*looks > 1 {
			left = 1 / (s * looks)
		}
		// Within a look a fast harmonic averages out.
		blur := sinc(m * period * c.look() / float64(step))
		amplitude := max(seen, hiddenSwing*mean*blur) / m
		sum += amplitude * amplitude * left * left / 2
		aliased = max(aliased, left*blur/m)
	}
	return math.Hypot(u, math.Sqrt(sum)*float64(w.Length())), aliased
}

// unrest is how far the mean power of idle looks over a time like w's may be off:
// what swings from look to look averages out, what wanders does not, nor what
// differs between the two idle windows.
func (c *Curve) unrest(w meter.Window, before, after IdlePower) float64 {
	looks := math.Max(float64(w.Length())/float64(c.period()), 1)
	out := math.Hypot(max(rate(before.Swing), rate(after.Swing))/math.Sqrt(looks), max(rate(before.Wander), rate(after.Wander)))
	if before.Known && after.Known {
		out = math.Hypot(out, rate(before.Power-after.Power)/2)
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Abs(math.Sin(math.Pi*x) / (math.Pi * x))
}

// scatterReach is how far beside a window its looks are compared: a slow beat is
// not seen within a short window.
const scatterReach = 5 * time.Second

// load is the time about w that may hold the load of w: not its idle windows.
func (s Surroundings) load(w meter.Window) meter.Window {
	out := meter.Window{Start: w.Start - scatterReach, End: w.End + scatterReach}
	if s.IdleBefore.Length() > 0 && s.IdleBefore.End <= w.Start {
		out.Start = max(out.Start, s.IdleBefore.End)
	}
	if s.IdleAfter.Length() > 0 && s.IdleAfter.Start >= w.End {
		out.End = min(out.End, s.IdleAfter.Start)
	}
	return out
}

// scatter is the standard deviation of the power from update to update within w,
// in µJ/ns, weighted by time.
func (c *Curve) scatter(w meter.Window) float64 {
	span := c.Span()
	e, flag := c.cover(meter.Window{Start: max(w.Start, span.Start), End: min(w.End, span.End)})
	if flag != "" {
		return 0
	}
	from := max(after(&c.knot, e, -1, w.Start), e.first+1)
	to := after(&c.knot, e, -1, w.End)
	var sum, square, time float64
	for k := from; k+1 < to; {
		// A fine register is looked at in stretches of a period of the sensor.
		j := k + 1
		for j+1 < to && c.knot.at(j)-c.knot.at(k) < c.period()/2 {
			j++
		}
		length := float64(c.knot.at(j) - c.knot.at(k))
		p := float64(c.value.at(j)-c.value.at(k)) / length
		sum, square, time = sum+p*length, square+p*p*length, time+length
		k = j
	}
	if time == 0 {
		return 0
	}
	mean := sum / time
	return math.Sqrt(max(square/time-mean*mean, 0))
}

// spread is the range of the gauge's figures within w and reach beside it, in
// µJ/ns.
func (c *Curve) spread(w meter.Window, reach time.Duration) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	n := c.published.len()
	for i := sort.Search(n, func(k int) bool { return c.published.at(k) >= w.Start-reach }); i < n && c.published.at(i) <= w.End+reach; i++ {
		figure := rate(c.figures.at(i))
		lo, hi = min(lo, figure), max(hi, figure)
	}
	return max(hi-lo, 0)
}
