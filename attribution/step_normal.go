package attribution

import (
	"math"
)

// autocovariance returns the variance of the residuals and the covariance of
// those that share a publication, which is not positive.
func autocovariance(intervals []stretch, theta [terms]float64) (variance, neighbours float64) {
	var sum, cross float64
	pairs := 0
	last := 0.0
	for k := range intervals {
		r := intervals[k].residual(theta)
		sum += r * r
		if intervals[k].joined {
			cross += r * last
			pairs++
		}
		last = r
	}
	variance = sum / float64(max(len(intervals), 1))
	if variance <= 0 {
		return 1, 0
	}
	if pairs > 0 {
		neighbours = cross / float64(pairs)
	}
	return variance, min(max(neighbours, -0.49*variance), 0)
}

// normalOf sums up the intervals, whitened for residuals of the given variance
// and covariance; with theta, their scatter about it too.
func normalOf(intervals []stretch, variance, neighbours float64, theta *[terms]float64) normal {
	var out normal
	var white whitener
	white.variance, white.neighbours = variance, neighbours
	var last [terms]float64
	for k := range intervals {
		x, y := white.next(&intervals[k])
		for a := range terms {
			out.moment[a] += x[a] * y
			for b := range terms {
				out.gram[a][b] += x[a] * x[b]
			}
		}
		out.n++
		if theta == nil {
			continue
		}
		r := y
		for t := range terms {
			r -= theta[t] * x[t]
		}
		out.squares += r * r
		// What the covariance's model leaves between neighbours is in it too.
		var g [terms]float64
		for a := range terms {
			g[a] = x[a] * r
		}
		for a := range terms {
			for b := range terms {
				out.scatter[a][b] += g[a] * g[b]
				if intervals[k].joined {
					out.scatter[a][b] += (g[a]*last[b] + last[a]*g[b]) / 2
				}
			}
		}
		last = g
	}
	return out
}

// whitener turns intervals whose residuals are a moving average into ones whose
// residuals are independent and of variance one.
type whitener struct {
	variance, neighbours float64
	pivot                float64
	work                 [terms]float64
	energy               float64
}

func (w *whitener) next(x *stretch) (work [terms]float64, energy float64) {
	if x.joined && w.pivot > 0 {
		l := w.neighbours / w.pivot
		w.pivot = w.variance - w.neighbours*l
		for t := range terms {
			w.work[t] = x.work[t] - l*w.work[t]
		}
		w.energy = x.energy - l*w.energy
	} else {
		w.pivot, w.work, w.energy = w.variance, x.work, x.energy
	}
	s := 1 / math.Sqrt(w.pivot)
	for t := range terms {
		work[t] = w.work[t] * s
	}
	return work, w.energy * s
}
