package attribution

import (
	"math"
	"time"
)

// scaling is how much more than the costs say the energy was, over time: an
// engine's clock changes, its steps stall, and no constant cost knows of it, but
// the meter does.
type scaling struct {
	start time.Duration
	width time.Duration
	// sum is the scale integrated up to each bin's start, in ns.
	sum []float64
}

// Limits of a scaling.
const (
	// minMisfit is the residual, beyond the uncertain moments of publication,
	// under which an engine's costs count as constant.
	minMisfit = 0.05
	// maxScale bounds a scale, and its inverse.
	maxScale = 5
)

// scalingOf returns the scale of each interval, nil if the costs are constant as
// far as can be told. A residual has two parts: what the interval really used
// beyond the costs, independent of its neighbours, and the error of the two
// publications' moments, which a neighbour has too, with the other sign. The
// first is estimated by its linear least-squares smoother (Wiener): of a residual
// that is all error nothing is kept.
func scalingOf(w *work, intervals []stretch, theta [terms]float64, variance, neighbours, mean float64) *scaling {
	real := variance + 2*neighbours
	if real <= 0 || mean <= 0 || math.Sqrt(real) < minMisfit*mean {
		return nil
	}
	residuals := make([]float64, len(intervals))
	for k := range intervals {
		residuals[k] = intervals[k].residual(theta)
	}
	for from := 0; from < len(intervals); {
		to := from + 1
		for to < len(intervals) && intervals[to].joined {
			to++
		}
		smooth(residuals[from:to], variance, neighbours)
		from = to
	}
	out := &scaling{start: w.window.Start, width: w.width, sum: make([]float64, len(w.cumulative)+1)}
	for k := range out.sum {
		out.sum[k] = 1
	}
	for k, x := range intervals {
		expected := x.energy - x.residual(theta)
		if expected <= 0 {
			continue
		}
		scale := min(max((expected+real*residuals[k])/expected, 1.0/maxScale), maxScale)
		first := max(int((x.from-out.start)/out.width), 0)
		for b := first; b < min(int((x.from+x.length-out.start)/out.width), len(out.sum)); b++ {
			out.sum[b] = scale
		}
	}
	before := 0.0
	for k, scale := range out.sum {
		out.sum[k] = before
		before += scale * float64(out.width)
	}
	return out
}

// smooth solves for x in place the tridiagonal system whose diagonal is variance
// and whose neighbours are as given.
func smooth(x []float64, variance, neighbours float64) {
	pivots := make([]float64, len(x))
	for k := range x {
		pivots[k] = variance
		if k > 0 {
			l := neighbours / pivots[k-1]
			pivots[k] -= l * neighbours
			x[k] -= l * x[k-1]
		}
	}
	for k := len(x) - 1; k >= 0; k-- {
		if k+1 < len(x) {
			x[k] -= neighbours * x[k+1]
		}
		x[k] /= pivots[k]
	}
}

// over is the mean scale from start to end.
func (s *scaling) over(start, end time.Duration) float64 {
	if s == nil || end <= start {
		return 1
	}
	return (s.by(end) - s.by(start)) / float64(end-start)
}

func (s *scaling) by(at time.Duration) float64 {
	x := float64(at-s.start) / float64(s.width)
	k := min(max(int(x), 0), len(s.sum)-2)
	return s.sum[k] + (x-float64(k))*(s.sum[k+1]-s.sum[k])
}

// weigh works through the stamps once more if the requests' work is not yet
// weighed by this scaling: every step as much as the meter says of its time.
func (w *work) weigh(c Columns, by *scaling) error {
	if w.weighed == by {
		return nil
	}
	clear(w.byRequest)
	w.weighed = by
	s := newStepper(c, w, w.pilot)
	s.again = true
	return s.run(math.MaxInt)
}
