package meter

import (
	"cfubench/internal/stats"
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// A counter and the integral of its gauge that differ by more than warnRatio,
// beyond what the times of the reads leave open, are reported; by more than refuseRatio, one of them measures something else
// and the counter is not used.
const (
	warnRatio   = 0.05
	refuseRatio = 0.50
)

// Spacing of the reads of a calibration: as fast as a register may publish, but
// at most a twentieth of the time inside calls; exporters and BMCs twice a second.
const (
	calibrationSpacing = time.Millisecond
	calibrationDuty    = 20
	coarseSpacing      = 500 * time.Millisecond
)

// Calibration is what reading a domain for some seconds showed of it.
type Calibration struct {
	Domain string
	Reads  int
	// Updates counts the reads that found a new value. UpdatePeriod is the
	// median time between two of them, P5 and P95 its spread; all are 0 where
	// the register did not change or changes faster than it was read.
	Updates                           int
	UpdatePeriod, UpdateP5, UpdateP95 time.Duration
	CallP50, CallP99                  time.Duration
	// CounterToPower is the counter's energy over the integral of the same
	// domain's power gauge, 0 if there is no gauge or too little energy.
	CounterToPower float64
	// Warnings are doubts about the register; Refused, if not empty, says why
	// the counter is not to be used. Gauge is set where the domain's power gauge
	// can be used in its stead.
	Warnings []string
	Refused  string
	Gauge    bool
	// Floor is what bounds may take for the least power: half of the lowest mean
	// between two updates, or of the lowest that a gauge showed; 0 if unknown.
	Floor Power

	// values are the first counter readings that were seen, to find two domains
	// that show one counter.
	values []Energy
}

// witness is what a source has that knows the mean power of a domain from
// another gauge than its readings': one that looks all the time where they do not.
type witness interface {
	// MeanPower is the power that the domain's other gauge shows now, false if it
	// has none or does not answer.
	MeanPower(domain int) (Power, bool)
}

// witnessPeriod is the time between two looks at the other gauge.
const witnessPeriod = 100 * time.Millisecond

// trace is what calibration read of one domain.
type trace struct {
	readings []Reading
	mean     []Power // of the witness
}

// Calibrate reads src for d as fast as it may be and returns, per domain, the
// measured update period, the latency of a call and the counter compared with
// the gauge. A stop of ctx ends it early with ctx's error; a call that does not
// return ends it with a *BlockedError, after which src must not be used.
func Calibrate(ctx context.Context, clock Clock, src Source, d time.Duration) ([]Calibration, error) {
	domains := src.Domains()
	var traces []trace
	var err error
	if !Within(d+Patience, func() { traces, err = collect(ctx, clock, src, d) }) {
		return nil, &BlockedError{Sources: []string{sourceName(domains)}}
	}
	if err != nil {
		return nil, err
	}
	calibrations := make([]Calibration, len(domains))
	for i, dom := range domains {
		calibrations[i] = calibration(dom, traces[i])
	}
	return calibrations, nil
}

// collect reads src for d and returns its readings by domain.
func collect(ctx context.Context, clock Clock, src Source, d time.Duration) ([]trace, error) {
	domains := src.Domains()
	traces := make([]trace, len(domains))
	spacing := calibrationSpacing
	for _, dom := range domains {
		if dom.Coarse {
			spacing = coarseSpacing
		}
	}
	other, hasOther := As[witness](src)
	// An average over a second still holds what was before.
	ask := clock() + d/5
	var raw []Reading
	timer := time.NewTimer(0)
	defer timer.Stop()
	for start := clock(); clock()-start < d; {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("calibrate %s: %w", sourceName(domains), ctx.Err())
		case <-timer.C:
		}
		before := clock()
		raw = src.Read(raw[:0])
		// The time that is left bounds the pause: a read that lost the processor for
		// long would otherwise be taken for one that does not return.
		timer.Reset(min(max(spacing, calibrationDuty*(clock()-before)), max(start+d-clock(), 0)))
		for _, r := range raw {
			traces[r.Domain].readings = append(traces[r.Domain].readings, r)
		}
		if !hasOther || before < ask {
			continue
		}
		ask = before + witnessPeriod
		for i, dom := range domains {
			if !dom.PartTime {
				continue
			}
			if p, ok := other.MeanPower(i); ok {
				traces[i].mean = append(traces[i].mean, p)
			}
		}
	}
	return traces, nil
}

func sourceName(domains []Domain) string {
	if len(domains) == 0 {
		return "a source without domains"
	}
	return domains[0].Source + " (" + domains[0].Name + ")"
}

// calibration is the pure part: what the readings of one domain show.
func calibration(d Domain, t trace) Calibration {
	c := Calibration{Domain: d.Name, Reads: len(t.readings)}
	trace, strange := plausible(d, t.readings)
	if strange > 0 {
		c.warn("%d of %d reads of its power showed more than twice what the part can draw: they are dropped", strange, len(trace))
	}
	var calls, gaps, periods []float64
	var edge time.Duration
	var last Reading
	seen, fell, missing := false, false, 0
	for _, r := range trace {
		calls = append(calls, float64(r.After-r.Before))
		if !r.HasEnergy && !r.HasPower {
			missing++
			continue
		}
		c.gauge(r)
		if seen {
			gaps = append(gaps, float64(r.Before-last.Before))
			if r.HasEnergy && r.Energy < last.Energy {
				fell = true
			}
			if r.Energy != last.Energy || !r.HasEnergy && r.Power != last.Power {
				c.Updates++
				if c.Updates > 1 {
					periods = append(periods, float64(r.Before-edge))
				}
				edge = r.Before
			}
		}
		last, seen = r, true
	}
	c.CallP50, c.CallP99 = quantile(calls, 0.5), quantile(calls, 0.99)
	if period := quantile(periods, 0.5); period > 2*quantile(gaps, 0.5) {
		c.UpdatePeriod, c.UpdateP5, c.UpdateP95 = period, quantile(periods, 0.05), quantile(periods, 0.95)
	}
	switch {
	case missing == len(trace):
		c.Refused = "no read gave a value"
		return c
	case missing > 0:
		c.warn("%d of %d reads gave no value", missing, len(trace))
	}
	switch { // a steady gauge is no fault
	case c.Updates > 0 || d.Kind != KindCounter:
	case !d.Coarse:
		c.stand(d, trace)
	case refreshes(trace) >= 2:
		c.Refused = fmt.Sprintf("the counter stood still while its exporter refreshed the power gauge %d times", refreshes(trace))
	}
	if fell && d.Range == 0 {
		c.warn("the counter fell: a reset or a glitch")
	}
	if !fell {
		c.hold(d, trace, t.mean)
		c.Floor = floor(d, trace)
	}
	return c
}

// gauge notes what a reading has.
func (c *Calibration) gauge(r Reading) {
	c.Gauge = c.Gauge || r.HasPower && r.Power > 0
	if r.HasEnergy && len(c.values) < valuesKept && (len(c.values) == 0 || c.values[len(c.values)-1] != r.Energy) {
		c.values = append(c.values, r.Energy)
	}
}

// valuesKept is enough to tell two counters apart: five seconds of one that is
// updated every 20 ms.
const valuesKept = 256

// plausible is the readings without the powers that the part cannot draw, and how
// many those were.
func plausible(d Domain, all []Reading) (kept []Reading, strange int) {
	judge := NewClassifier(d, 0)
	kept = slices.Clone(all)
	for i := range kept {
		if r := &kept[i]; r.HasPower && !judge.Plausible(r.Power) {
			r.Power, r.HasPower = 0, false
			strange++
		}
	}
	return kept, strange
}

// floor is half of the lowest power that the readings show: of a counter between
// two of its updates, of a gauge at once. A model, which rests, has none, nor has
// a register of whose updates too few were seen.
func floor(d Domain, trace []Reading) Power {
	if d.Kind == KindModel || d.Coarse {
		return 0
	}
	lowest, found := 0.0, 0
	note := func(watts float64) {
		if found++; found == 1 || watts < lowest {
			lowest = watts
		}
	}
	var edge Reading
	edges := 0
	for _, r := range trace {
		switch {
		case d.Kind == KindPower && r.HasPower:
			note(r.Power.Watts())
		case d.Kind == KindCounter && r.HasEnergy && edges == 0:
			edge, edges = r, 1
		case d.Kind == KindCounter && r.HasEnergy && r.Energy > edge.Energy && r.At()-edge.At() >= floorOver:
			if edges++; edges > 2 { // the first interval does not begin at an update
				note((r.Energy - edge.Energy).Joules() / (r.At() - edge.At()).Seconds())
			}
			edge = r
		}
	}
	if found < floorLooks {
		return 0
	}
	return Power(lowest / 2 * float64(Watt))
}

// floorOver is the least time over which a counter's mean power is taken: shorter
// ones are made of the times of the reads. floorLooks of them make a floor.
const (
	floorOver  = 50 * time.Millisecond
	floorLooks = 10
)

func (c *Calibration) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// stand judges a counter that did not advance: while the same part's gauge shows
// power, for many of the counter's updates, it does not count.
func (c *Calibration) stand(d Domain, trace []Reading) {
	over := trace[len(trace)-1].After - trace[0].Before
	used := integral(trace)
	if used > 0 && over > standing && over > 10*d.UpdatePeriod {
		c.Refused = fmt.Sprintf("the counter stood still for %v in which its power gauge saw %.3g J", over.Round(time.Millisecond), used)
		return
	}
	c.warn("the counter did not advance in %v", over.Round(time.Millisecond))
}

// refreshes counts the changes of a gauge.
func refreshes(trace []Reading) (n int) {
	var last Reading
	for _, r := range trace {
		if r.HasPower && last.HasPower && r.Power != last.Power {
			n++
		}
		if r.HasPower {
			last = r
		}
	}
	return n
}

// standing is the least time that tells a counter that does not count.
const standing = 2 * time.Second

// integral is the energy of the gauge's readings in joules, by trapezoids.
func integral(trace []Reading) (joules float64) {
	var last Reading
	for _, r := range trace {
		if !r.HasPower {
			continue
		}
		if last.HasPower {
			joules += (r.At() - last.At()).Seconds() * (r.Power.Watts() + last.Power.Watts()) / 2
		}
		last = r
	}
	return joules
}

// hold holds the counter against the integral of the gauge (trapezoids) from
// the counter's first update to its last, so that both cover whole updates. mean is
// what another gauge showed meanwhile.
func (c *Calibration) hold(d Domain, trace []Reading, mean []Power) {
	both := slices.DeleteFunc(slices.Clone(trace), func(r Reading) bool { return !r.HasEnergy || !r.HasPower })
	first, last := -1, -1
	for i := 1; i < len(both); i++ {
		if both[i].Energy != both[i-1].Energy {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || last-first < 2 {
		return
	}
	seen := integral(both[first : last+1])
	counted := (both[last].Energy - both[first].Energy).Joules()
	if seen <= 0 || counted <= 0 {
		return
	}
	c.CounterToPower = counted / seen
	// An update came between the read that shows it and the one before, and no
	// longer ago than the next one takes: so much of the time at both ends may be
	// out of step.
	open := func(i int) time.Duration {
		gap := both[i].At() - both[i-1].At()
		if c.UpdatePeriod > 0 {
			gap = min(gap, c.UpdatePeriod)
		}
		return gap
	}
	slack := (open(first) + open(last)).Seconds() / (both[last].At() - both[first].At()).Seconds()
	off := math.Abs(c.CounterToPower - 1)
	switch beyond := off - slack; {
	case beyond > refuseRatio && d.PartTime:
		c.hear(counted/(both[last].At()-both[first].At()).Seconds(), off, mean)
	case beyond > refuseRatio:
		c.Refused = fmt.Sprintf("counter and power gauge disagree: %.3g J counted, %.3g J integrated", counted, seen)
	case beyond > warnRatio:
		c.warn("counter and power gauge differ by %.0f %%: %.3g J counted, %.3g J integrated", 100*off, counted, seen)
	}
}

// hear settles what a counter of so many watts and a gauge that looks at a part of
// the time disagree about: such a gauge may show one level of a load that has two.
// The counter is refused only if the other gauge contradicts it too.
func (c *Calibration) hear(watts, off float64, mean []Power) {
	if len(mean) < meansNeeded {
		c.warn("counter and power gauge differ by %.0f %%: the gauge looks at a part of the time, and no other is there to settle it", 100*off)
		return
	}
	var sum float64
	for _, p := range mean {
		sum += p.Watts()
	}
	other := sum / float64(len(mean))
	if math.Abs(watts/other-1) > refuseRatio/2 {
		c.Refused = fmt.Sprintf("counter and power gauges disagree: %.3g W counted, %.3g W by the average gauge, and %.0f %% from the instantaneous one", watts, other, 100*off)
		return
	}
	c.warn("the instantaneous power gauge is %.0f %% off the counter, the average gauge %.0f %%: the first looks at a part of the time", 100*off, 100*math.Abs(watts/other-1))
}

// meansNeeded is how many looks at the other gauge are worth hearing.
const meansNeeded = 5

// quantile is the p-quantile of x in nanoseconds, 0 of nothing. It sorts x.
func quantile(x []float64, p float64) time.Duration {
	slices.Sort(x)
	return time.Duration(stats.Rank(x, p))
}

// Drops reports whether domain d is not to be used at all: it was refused, and has
// no live gauge that could stand in for its counter.
func (c Calibration) Drops(d Domain) bool {
	return c.Refused != "" && !(c.Gauge && d.Kind == KindCounter)
}
