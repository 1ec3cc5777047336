package stats

import (
	"fmt"
	"math"
	"sort"
)

// Sample is what was measured of one candidate: a value a repeat, and where there is
// one value the means of batches within it, which say how sure it is.
type Sample struct{ Values, Batches []float64 }

// positive reports whether there are values and all are above zero.
func positive(values []float64) bool {
	for _, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			return false
		}
	}
	return len(values) > 0
}

// Logs are the natural logarithms of values.
func Logs(values []float64) []float64 {
	logs := make([]float64, len(values))
	for i, v := range values {
		logs[i] = math.Log(v)
	}
	return logs
}

// Within reports whether batches within the only value say how sure it is.
func (s Sample) Within() bool {
	return len(s.Values) == 1 && len(s.Batches) > 1 && positive(s.Batches)
}

// LogSpread is the spread of one value on the logarithmic scale: of the repeats, or
// of the mean of the batches, which is as much less than a batch's as there are
// batches, and wider by what a positive correlation of one batch with the next adds:
// 1 + 2r of the variance. Values are above zero.
func (s Sample) LogSpread() Spread {
	if !s.Within() {
		return SpreadOf(Logs(s.Values))
	}
	logs := Logs(s.Batches)
	spread := SpreadOf(logs)
	spread.Squares *= (1 + 2*max(0, Lag1(logs))) / float64(len(logs))
	return spread
}

// Correlated is the first autocorrelation of the batches where they say how sure a
// value is, and are not independent: above twice its standard error. 0 where they are.
func (s Sample) Correlated() float64 {
	if lag := Lag1(s.Batches); len(s.Values) == 1 && lag > 2/math.Sqrt(float64(len(s.Batches))) {
		return lag
	}
	return 0
}

// Intervals are the means of the samples' values with their intervals. Samples of
// values above zero have intervals on the logarithmic scale, by the noise that they
// share (Noise): one without a spread has its interval from that of the others, and a
// warning. Others have Student's, each by itself. Lo and Hi are NaN where nothing says.
func Intervals(samples []Sample, confidence float64) []Interval {
	out := make([]Interval, len(samples))
	spreads := make([]Spread, len(samples))
	for i, s := range samples {
		if positive(s.Values) {
			spreads[i] = s.LogSpread()
		}
	}
	noise, ok := NewNoise(spreads, confidence)
	for i, s := range samples {
		switch {
		case !positive(s.Values):
			out[i] = linear(s, confidence)
			continue
		case !ok:
			out[i] = Repeats(s.Values, confidence)
			continue
		}
		center, reach := Mean(s.Values), noise.Reach(i, float64(len(s.Values)))
		out[i] = Interval{Center: center, Lo: center * math.Exp(-reach), Hi: center * math.Exp(reach), Samples: len(s.Values)}
		switch lag := s.Correlated(); {
		case s.Within():
			out[i].Samples = len(s.Batches)
			if lag > 0 {
				out[i].Warnings = []string{correlated(lag)}
			}
		case len(s.Values) == 1:
			out[i].Warnings = []string{"1 repeat without batches: the interval is of the other load points' noise"}
		}
	}
	return out
}

// linear is the interval of a sample by itself: of its repeats, else of its batches.
func linear(s Sample, confidence float64) Interval {
	i := Repeats(s.Values, confidence)
	if len(s.Values) == 1 && len(s.Batches) > 1 {
		within := OfBatches(s.Batches, confidence)
		half := (within.Hi - within.Lo) / 2
		i.Lo, i.Hi, i.Samples, i.Warnings = i.Center-half, i.Center+half, within.Samples, within.Warnings
	}
	return i
}

// correlated warns of batch means that are not independent.
func correlated(lag float64) string {
	return fmt.Sprintf("batch means are correlated (lag 1: %.2f): the interval is too narrow; run longer or repeat", lag)
}

// WithoutLengths are batch means without what the lengths of the requests in each
// batch explain of them: the residuals of their logarithms' regression on those of the
// lengths (one list a covariate), about their mean, widened for the lost degrees of
// freedom. Runs that send the same requests share these lengths, and a difference
// between such runs is not as noisy as the lengths are. A covariate that is not of all
// batches, or not above zero, is left out.
func WithoutLengths(means []float64, lengths ...[]float64) []float64 {
	if len(means) < minBatches || !positive(means) {
		return means
	}
	n := float64(len(means))
	var axes [][]float64 // the covariates, each without those before it
	for _, l := range lengths {
		if len(l) != len(means) || !positive(l) {
			continue
		}
		x := Logs(l)
		squares := across(x, axes)
		if dot(x, x) > 1e-9*squares { // else the others say it all
			axes = append(axes, x)
		}
	}
	y := Logs(means)
	center := Mean(y)
	across(y, axes)
	widened := math.Sqrt((n - 1) / (n - 1 - float64(len(axes))))
	for i, r := range y {
		y[i] = math.Exp(center + r*widened)
	}
	return y
}

// across takes from x its mean and what lies along the axes, which are at right angles
// to each other. It returns the squares of x about its mean.
func across(x []float64, axes [][]float64) (squares float64) {
	mean := Mean(x)
	for i := range x {
		x[i] -= mean
	}
	squares = dot(x, x)
	for _, axis := range axes {
		along := dot(x, axis) / dot(axis, axis)
		for i := range x {
			x[i] -= along * axis[i]
		}
	}
	return squares
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// Normal95 is how many standard deviations to either side of the mean hold 95 % of a
// normal distribution.
const Normal95 = 1.959963984540054

// Wilson is the 95 % interval of a probability that showed in so many of n cases
// (Wilson 1927), with both ends within 0 and 1, and 0 to 1 without cases.
func Wilson(successes, n float64) (lo, hi float64) {
	if n == 0 {
		return 0, 1
	}
	const z = Normal95
	p := successes / n
	centre, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (centre-half)/(1+z*z/n)), min(1, (centre+half)/(1+z*z/n))
}

// MostToSettle is the number of values beyond which two candidates are called as good
// as each other.
const MostToSettle = 1000

// Settle is about how many values each of two candidates needs for a difference of
// their means to be told from none with a power of 80 %: the least n, more than the
// have that there are, with n ≥ variance × (t_confidence + t_0.8)²/difference² and t of
// Student's distribution with 2(n−1) degrees of freedom. The variance is the sum of
// those of one value of each. Beyond MostToSettle it is MostToSettle+1; 0 without a
// difference.
func Settle(difference, variance, confidence float64, have int) int {
	if difference == 0 || math.IsNaN(difference+variance) {
		return 0
	}
	least := max(2, have+1)
	return least + sort.Search(max(0, MostToSettle+1-least), func(more int) bool {
		n := float64(least + more)
		t := StudentQuantile(confidence, 2*(n-1)) + StudentQuantile(0.8, 2*(n-1))
		return n >= variance*t*t/(difference*difference)
	})
}
