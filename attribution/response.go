package attribution

import (
	"math"
	"slices"
	"time"

	"cfubench/internal/stats"
	"cfubench/meter"
)

// Response is how a power gauge followed the end of a load, the cleanest step that
// a cell has: after it power is idle, so all that the gauge still shows is its own
// doing.
type Response struct {
	// Average is the time over which a figure is the mean, Lag what it is late
	// beyond that. Delay, from the step to half of it on show, is known best:
	// Average/2 + Lag.
	Average, Lag, Delay time.Duration
	// Period is the median time between two figures that differ.
	Period time.Duration
	// Resolution is how well the times are known: as often as the gauge was read
	// and as it changed.
	Resolution time.Duration
}

// ResponseBefore is how long before the end of a load MeasureResponse looks at a
// gauge, for how often it is read and how often it changes.
const ResponseBefore = 10 * time.Second

const (
	// responseBefore and responseAfter are the time about the step that is looked
	// at: more than any gauge is known to need.
	responseBefore = time.Second
	responseAfter  = 3 * time.Second
	// leastIdle is the least idle time that shows the level after the step.
	leastIdle = 1500 * time.Millisecond
	// leastStep is the least step of power over idle power, mostResidual the rms
	// distance of the figures from the fitted fall, over the step, beyond which
	// the load did not end at once.
	leastStep    = 0.3
	mostResidual = 0.3
	// leastFigures is the least number of figures about the step.
	leastFigures = 4
)

// figureAt is a figure of a gauge and when it was published, as far as the reads
// tell.
type figureAt struct {
	at    time.Duration
	watts float64
}

// MeasureResponse fits a mean over some time, some lag late, to the readings of a
// gauge about end, where the load ended; idle is the window after it. It is false
// where the idle time is too short, the step too small, or the fall none of a load
// that ends at once.
func MeasureResponse(readings []meter.Reading, end time.Duration, idle meter.Window) (Response, bool) {
	if idle.Length() < leastIdle {
		return Response{}, false
	}
	figures, spacing, period := changes(readings, end-ResponseBefore, idle.End)
	var about []figureAt
	var rest []float64
	for _, f := range figures {
		if f.at >= end-responseBefore && f.at <= min(end+responseAfter, idle.End) {
			about = append(about, f)
		}
	}
	for _, r := range readings {
		if r.HasPower && r.At() >= idle.End-idle.Length()/4 && r.At() <= idle.End {
			rest = append(rest, r.Power.Watts())
		}
	}
	if len(about) < leastFigures || len(rest) == 0 {
		return Response{}, false
	}
	slices.Sort(rest)
	level := rest[len(rest)/2]
	best := fall{residual: math.Inf(1)}
	for _, average := range averages() {
		for lag := time.Duration(0); lag <= longestLag; lag += lagStep {
			if f := fitFall(about, end, level, average, lag); f.residual < best.residual-1e-9 {
				best = f
			}
		}
	}
	if !(best.step > leastStep*level) || best.residual > mostResidual*best.step {
		return Response{}, false
	}
	return Response{Average: best.average, Lag: best.lag, Delay: best.average/2 + best.lag, Period: period, Resolution: max(spacing, period)}, true
}

// longestLag and lagStep are the lags that are tried.
const (
	longestLag = 800 * time.Millisecond
	lagStep    = 20 * time.Millisecond
)

// averages are the averaging times that are tried, from none at all.
func averages() []time.Duration {
	var out []time.Duration
	for t := time.Millisecond; t <= 2*time.Second; t = max(t+20*time.Millisecond, t*11/10) {
		out = append(out, t)
	}
	return out
}

// fall is a load's end as a mean over average shows it, lag late.
type fall struct {
	average, lag time.Duration
	step         float64 // W above the level
	residual     float64 // W, rms
}

// fitFall fits the size of the step.
func fitFall(figures []figureAt, end time.Duration, level float64, average, lag time.Duration) fall {
	var ss, sw float64
	share := func(f figureAt) float64 {
		return min(max(1-float64(f.at-end-lag)/float64(average), 0), 1)
	}
	for _, f := range figures {
		s := share(f)
		ss, sw = ss+s*s, sw+s*(f.watts-level)
	}
	out := fall{average: average, lag: lag}
	if ss > 0 {
		out.step = sw / ss
	}
	square := 0.0
	for _, f := range figures {
		off := f.watts - level - out.step*share(f)
		square += off * off
	}
	out.residual = math.Sqrt(square / float64(len(figures)))
	return out
}

// changes are the figures of a gauge between two times, each at the middle of the
// reads between which it appeared, with the median time between two reads and
// between two figures.
func changes(readings []meter.Reading, from, to time.Duration) (figures []figureAt, spacing, period time.Duration) {
	var last meter.Reading
	var reads, apart []time.Duration
	for _, r := range readings {
		if !r.HasPower || r.Power <= 0 || r.At() < from || r.At() > to {
			continue
		}
		if last.HasPower {
			reads = append(reads, r.At()-last.At())
			if r.Power != last.Power {
				at := last.At() + (r.At()-last.At())/2
				if n := len(figures); n > 0 {
					apart = append(apart, at-figures[n-1].at)
				}
				figures = append(figures, figureAt{at, r.Power.Watts()})
			}
		}
		last = r
	}
	return figures, medianOf(reads), medianOf(apart)
}

func medianOf(d []time.Duration) time.Duration {
	slices.Sort(d)
	return stats.Rank(d, 0.5)
}
