package attribution

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"cfubench/meter"
)

// A driver's own samples of power say how the energy between two updates of a
// register is spread over the time between them, where the register's own updates
// bear that out. Its energy stays what it is, and so does the bracket.
const (
	// sampleTolerance is how far, relative, the samples' energy may be from the
	// register's.
	sampleTolerance = 0.05
	// leastChecks is the least number of updates that the samples are compared with,
	// mostChecks about the largest: of a long run evenly spaced ones.
	leastChecks, mostChecks = 8, 5000
	// shapeKept is the most of the error of a straight line that they may leave,
	// figureKept the most, relative to the scatter of a gauge's figures, by which
	// they may miss those.
	shapeKept, figureKept = 0.8, 0.15
	// sampleGap is how many times the usual spacing makes a gap between samples:
	// drivers sample less often while a card idles.
	sampleGap = 3
	// longestShapeLag and shapeLagStep are the ages of a sample that are tried.
	longestShapeLag = 200 * time.Millisecond
	shapeLagStep    = 5 * time.Millisecond
	// retimeReach is the time beside an update within which others tell how far the
	// reads put them off.
	retimeReach = 2 * time.Second
	// retimeKept is the most of a straight line's error that may be left once the
	// times of the updates have been moved between the reads about them: samples
	// that show something else than the register do not meet it there.
	retimeKept = 0.1
	// localRatio is how far the samples' energy may be from the register's between
	// two updates, beyond which they say nothing there.
	localRatio = 2.0
)

// Shaping is whether a driver's samples shape a curve, and why not.
type Shaping struct {
	Used bool `json:"used"`
	// Reason says why they do not, "" where they do or where there are none.
	Reason string `json:"reason,omitempty"`
	// Checks is the number of updates that were predicted from the samples; Kept what
	// the samples leave of a straight line's rms error there, of a gauge the rms
	// error over the scatter of its figures; Lag how late the samples are.
	Checks int           `json:"checks"`
	Kept   float64       `json:"kept"`
	Lag    time.Duration `json:"lag_ns"`
	// Retimed: they also tell the times of the register's updates.
	Retimed bool `json:"retimed"`
	// Ratio is the samples' energy over the register's.
	Ratio float64 `json:"ratio"`
}

// shape is the energy of a driver's samples over time.
type shape struct {
	at     []time.Duration
	power  []float64 // µJ/ns
	energy []float64 // µJ from the first sample on, by trapezoids
	gaps   []int     // before each sample
	gap    time.Duration
	// over is the window of a gauge whose energy the samples spread, with what its
	// curve has at both ends; empty of a register, whose updates are the ends.
	over     meter.Window
	from, to float64
}

// newShape takes samples in time order; nil of fewer than two.
func newShape(samples []meter.PowerSample) *shape {
	s := &shape{}
	var apart []time.Duration
	for _, p := range samples {
		n := len(s.at)
		if n > 0 && p.At() <= s.at[n-1] || p.Power < 0 || p.Power > highestPower {
			continue
		}
		energy := 0.0
		if n > 0 {
			step := p.At() - s.at[n-1]
			apart = append(apart, step)
			energy = s.energy[n-1] + (s.power[n-1]+rate(p.Power))/2*float64(step)
		}
		s.at, s.power, s.energy = append(s.at, p.At()), append(s.power, rate(p.Power)), append(s.energy, energy)
	}
	if len(apart) == 0 {
		return nil
	}
	s.gap = sampleGap * medianOf(apart)
	s.gaps = make([]int, len(s.at))
	for i := 1; i < len(s.at); i++ {
		s.gaps[i] = s.gaps[i-1]
		if s.at[i]-s.at[i-1] > s.gap {
			s.gaps[i]++
		}
	}
	return s
}

// later is the shape of samples that are late by lag.
func (s *shape) later(lag time.Duration) *shape {
	out := *s
	out.at = slices.Clone(s.at)
	for i := range out.at {
		out.at[i] -= lag
	}
	return &out
}

// side says what a moment is: within a load, its begin, from which on the first
// sample after it holds, or its end, up to which the last one does.
type side int

const (
	amid side = iota
	opening
	closing
)

// by is the place of the last sample by t, -1 if there is none.
func (s *shape) by(t time.Duration) int {
	return sort.Search(len(s.at), func(k int) bool { return s.at[k] > t }) - 1
}

// on is the energy at t, and false where the samples do not reach or have a gap.
func (s *shape) on(t time.Duration, as side) (energy float64, i int, ok bool) {
	i = s.by(t)
	last := len(s.at) - 1
	switch {
	case as == opening:
		if i == last || s.at[i+1]-t > s.gap {
			return 0, i, false
		}
		return s.energy[i+1] - s.power[i+1]*float64(s.at[i+1]-t), i, true
	case as == closing:
		if i < 0 || t-s.at[i] > s.gap {
			return 0, i, false
		}
		return s.energy[i] + s.power[i]*float64(t-s.at[i]), i, true
	case i < 0 || i == last && s.at[i] != t:
		return 0, i, false
	case s.at[i] == t:
		return s.energy[i], i, true
	case s.at[i+1]-s.at[i] > s.gap:
		return 0, i, false
	}
	share := float64(t-s.at[i]) / float64(s.at[i+1]-s.at[i])
	return s.energy[i] + share*(s.energy[i+1]-s.energy[i]), i, true
}

// between is the energy from a to b; false where the samples have a gap there.
func (s *shape) between(a, b time.Duration, as, bs side) (float64, bool) {
	from, i, ok := s.on(a, as)
	to, j, ok2 := s.on(b, bs)
	if !ok || !ok2 {
		return 0, false
	}
	if first := min(i+1, len(s.at)-1); j > first && s.gaps[j] != s.gaps[first] {
		return 0, false
	}
	return to - from, to >= from
}

// bend is the curve's line at t, which lies in the segment from a to b, as the
// samples bend it, and the stretch for which it holds. It is false where they
// leave it straight.
func (s *shape) bend(a, b time.Duration, va, vb float64, as, bs side, t time.Duration) (l line, from, until time.Duration, ok bool) {
	energy, ok := s.between(a, b, as, bs)
	if !ok || energy <= 0 {
		return line{}, 0, 0, false
	}
	ratio := (vb - va) / energy
	if s.over.Length() <= 0 && (ratio > localRatio || ratio < 1/localRatio) {
		return line{}, 0, 0, false
	}
	begin, _, _ := s.on(a, as)
	i := s.by(t)
	from, until = a, b
	here, there := 0.0, 0.0
	if i >= 0 && s.at[i] > a {
		from = s.at[i]
		here = s.energy[i] - begin
	}
	if i+1 < len(s.at) && s.at[i+1] < b {
		until = s.at[i+1]
		there = s.energy[i+1] - begin
	} else {
		there = energy
	}
	return line{from, va + ratio*here, ratio * (there - here) / float64(until-from)}, from, until, true
}

// Shaped returns the curve with the energy between its updates spread as the
// driver's samples have it, and the updates' times moved between the reads about
// them, where the register bears both out: every second update is predicted from
// those beside it, once by a straight line and once by the samples. A gauge's
// figures are predicted from the samples, which then shape each window that is
// estimated. Estimate says which it was.
func (c *Curve) Shaped(samples []meter.PowerSample) *Curve {
	out := *c
	out.shape, out.shaping = nil, Shaping{}
	s := newShape(samples)
	if s == nil || len(c.epochs) == 0 || c.domain.Kind == meter.KindModel {
		return &out
	}
	gauge := c.domain.Kind == meter.KindPower
	switch {
	case gauge && (!c.gauge.Known() || c.gauge.Average < s.gap):
		out.shaping.Reason = "it is not known that the gauge averages over longer than the samples are apart"
		return &out
	case !gauge && s.gap > sampleGap*c.spacing()/2:
		out.shaping.Reason = "they are no finer than the register's own updates"
		return &out
	}
	check, most := c.checkUpdates, shapeKept
	if gauge {
		check, most = c.checkFigures, figureKept
	}
	best, by := Shaping{}, s
	try := func(lag time.Duration) {
		late := s.later(lag)
		if got := check(late); got.Checks >= leastChecks && (best.Checks == 0 || got.Kept < best.Kept) {
			got.Lag = lag
			best, by = got, late
		}
	}
	for lag := time.Duration(0); lag <= longestShapeLag; lag += 4 * shapeLagStep {
		try(lag)
	}
	for near, k := best.Lag, time.Duration(-3); k <= 3; k++ {
		if k != 0 && near+k*shapeLagStep >= 0 {
			try(near + k*shapeLagStep)
		}
	}
	out.shaping = best
	switch {
	case best.Checks == 0:
		out.shaping.Reason = fmt.Sprintf("fewer than %d updates that they can be compared with", leastChecks)
		return &out
	case math.Abs(best.Ratio-1) > sampleTolerance:
		out.shaping.Reason = fmt.Sprintf("their energy is %+.1f %% off the sensor's", 100*(best.Ratio-1))
		return &out
	case best.Kept > most:
		out.shaping.Reason = fmt.Sprintf("they miss its updates by %.2f of what they were to explain", best.Kept)
		return &out
	}
	out.shape, out.shaping.Used = by, true
	if !gauge {
		moved := *c
		moved.knot = c.retimed(by, best.Ratio)
		if moved.checkUpdates(by).Kept <= retimeKept {
			out.knot, out.shaping.Retimed = moved.knot, true
		}
	}
	return &out
}

// retimed are the times of a register's updates by when the samples had come to
// its value. A read tells the time of an update to its distance from the read
// before; how far all updates within retimeReach are off on the mean tells it
// better. Each stays between the two reads.
func (c *Curve) retimed(s *shape, ratio float64) series[time.Duration] {
	n := c.knot.len()
	off, known := make([]float64, n), make([]bool, n)
	for k := range n {
		if energy, _, ok := s.on(c.knot.at(k), amid); ok && c.ceilAt.at(k) != never {
			off[k], known[k] = float64(c.value.at(k))-energy/ratio, true
		}
	}
	var out series[time.Duration]
	sum, count, from, to := 0.0, 0, 0, 0
	epoch := 0
	for k := range n {
		for k >= c.epochs[epoch].last {
			epoch++
		}
		at := c.knot.at(k)
		for ; to < c.epochs[epoch].last && c.knot.at(to) <= at+retimeReach; to++ {
			if known[to] {
				sum, count = sum+off[to], count+1
			}
		}
		for ; from < to && (from < c.epochs[epoch].first || c.knot.at(from) < at-retimeReach); from++ {
			if known[from] {
				sum, count = sum-off[from], count-1
			}
		}
		if known[k] && count >= leastChecks {
			if t, ok := s.when((float64(c.value.at(k)) - sum/float64(count)) * ratio); ok {
				at = min(max(t, c.ceilAt.at(k)), c.floorAt.at(k))
			}
		}
		if out.len() > c.epochs[epoch].first {
			at = max(at, out.last()+1)
		}
		out.add(at)
	}
	return out
}

// when is the moment at which the samples had come to energy, false where they
// have a gap.
func (s *shape) when(energy float64) (time.Duration, bool) {
	j := sort.SearchFloat64s(s.energy, energy)
	if j == 0 || j == len(s.energy) || s.at[j]-s.at[j-1] > s.gap || s.energy[j] == s.energy[j-1] {
		return 0, false
	}
	share := (energy - s.energy[j-1]) / (s.energy[j] - s.energy[j-1])
	return s.at[j-1] + time.Duration(share*float64(s.at[j]-s.at[j-1])), true
}

// checkUpdates predicts every second update of a register from those beside it.
func (c *Curve) checkUpdates(s *shape) Shaping {
	var out Shaping
	var straight, bent, ours, theirs float64
	stride := c.knot.len()/mostChecks + 1
	for _, e := range c.epochs {
		for k := e.first + 2; k+1 < e.last; k += stride { // the first knot has no time
			a, m, b := c.knot.at(k-1), c.knot.at(k), c.knot.at(k+1)
			va, vm, vb := float64(c.value.at(k-1)), float64(c.value.at(k)), float64(c.value.at(k+1))
			whole, ok := s.between(a, b, amid, amid)
			part, ok2 := s.between(a, m, amid, amid)
			if !ok || !ok2 || whole <= 0 {
				continue
			}
			off := va + (vb-va)*float64(m-a)/float64(b-a) - vm
			straight += off * off
			off = va + (vb-va)*part/whole - vm
			bent += off * off
			ours, theirs = ours+vb-va, theirs+whole
			out.Checks++
		}
	}
	if out.Checks > 0 && straight > 0 && ours > 0 {
		out.Kept, out.Ratio = math.Sqrt(bent/straight), theirs/ours
	} else {
		out.Checks = 0
	}
	return out
}

// checkFigures predicts a gauge's figures from the samples of the time over which
// they are means.
func (c *Curve) checkFigures(s *shape) Shaping {
	var predicted, shown []float64
	var ours, theirs float64
	for k := 0; k < c.published.len(); k += c.published.len()/mostChecks + 1 {
		end := c.published.at(k) - c.gauge.Lag
		energy, ok := s.between(end-c.gauge.Average, end, amid, amid)
		if !ok {
			continue
		}
		predicted = append(predicted, energy/float64(c.gauge.Average))
		shown = append(shown, rate(c.figures.at(k)))
		ours, theirs = ours+shown[len(shown)-1], theirs+predicted[len(predicted)-1]
	}
	n := float64(len(shown))
	if n < leastChecks || ours <= 0 || theirs <= 0 {
		return Shaping{}
	}
	out := Shaping{Checks: len(shown), Ratio: theirs / ours}
	var off, scatter float64
	for i := range shown {
		d := predicted[i]/out.Ratio - shown[i]
		off += d * d
		d = shown[i] - ours/n
		scatter += d * d
	}
	if scatter == 0 {
		return Shaping{}
	}
	out.Kept = math.Sqrt(off / scatter)
	return out
}

// shapedOver is the curve of a gauge whose energy over w the samples spread.
func (c *Curve) shapedOver(w meter.Window) *Curve {
	if c.shape == nil || c.domain.Kind != meter.KindPower {
		return c
	}
	e, flag := c.cover(w)
	if flag != "" {
		return c
	}
	out, s := *c, *c.shape
	s.from, s.to = c.at(e, w.Start).energy, c.at(e, w.End).energy
	s.over = w
	out.shape = &s
	return &out
}
