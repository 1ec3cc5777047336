package stats

import (
	"fmt"
	"math"
)

// Confidence is the level of intervals and the complement of the level of
// tests, unless a caller asks for another.
const Confidence = 0.95

// Interval is an estimate with a confidence interval. Lo and Hi are NaN where
// the data give none; Warnings say why, and what else is doubtful.
type Interval struct {
	Center, Lo, Hi float64
	Samples        int
	Warnings       []string
}

// Repeats is the mean of independent repeats with Student's t interval.
func Repeats(values []float64, confidence float64) Interval {
	i := Interval{Center: Mean(values), Lo: math.NaN(), Hi: math.NaN(), Samples: len(values)}
	if len(values) < 2 {
		i.Warnings = append(i.Warnings, fmt.Sprintf("%d repeat: an interval needs at least 2", len(values)))
		return i
	}
	i.Lo, i.Hi = studentT(i.Center, Deviation(values)/math.Sqrt(float64(len(values))), float64(len(values)-1), confidence)
	return i
}

// studentT is the two-sided interval around center with standard error se.
func studentT(center, se, freedom, confidence float64) (lo, hi float64) {
	reach := StudentT(freedom, confidence) * se
	return center - reach, center + reach
}

// StudentT is how many standard errors a two-sided interval reaches to each side,
// with so many degrees of freedom.
func StudentT(freedom, confidence float64) float64 {
	return StudentQuantile(0.5+confidence/2, freedom)
}

// Batches and MinBatchSize are how BatchMeans cuts a run: into 20 batches, as
// is common since Schmeiser (1982), fewer if the batches would be smaller than
// 5 samples.
const (
	Batches      = 20
	MinBatchSize = 5
	minBatches   = 5
)

// Cuts are the bounds of equal batches of n samples in order: batch i is
// [cuts[i], cuts[i+1]). A remainder at the start, where a run is least settled,
// is left out. Nil if n is too small.
func Cuts(n int) []int {
	batches := min(Batches, n/MinBatchSize)
	if batches < minBatches {
		return nil
	}
	size := n / batches
	cuts := make([]int, batches+1)
	for i := range cuts {
		cuts[i] = n - size*(batches-i)
	}
	return cuts
}

// BatchMeansOf returns the means of the batches of series, nil if it is too
// short.
func BatchMeansOf(series []float64) []float64 {
	cuts := Cuts(len(series))
	if cuts == nil {
		return nil
	}
	means := make([]float64, len(cuts)-1)
	for i := range means {
		means[i] = Mean(series[cuts[i]:cuts[i+1]])
	}
	return means
}

// BatchMeans is the mean of a correlated series with an interval from its batch
// means: consecutive requests share a queue and a batch, so their own spread
// would give an interval that is too narrow.
func BatchMeans(series []float64, confidence float64) Interval {
	means := BatchMeansOf(series)
	if means == nil {
		return Interval{
			Center: Mean(series), Lo: math.NaN(), Hi: math.NaN(),
			Warnings: []string{fmt.Sprintf("%d samples: an interval within a run needs at least %d", len(series), minBatches*MinBatchSize)},
		}
	}
	return OfBatches(means, confidence)
}

// OfBatches is the interval of given batch means. If they are still correlated
// (lag 1 above twice its standard error), a warning says that the interval is
// too narrow all the same.
func OfBatches(means []float64, confidence float64) Interval {
	n := float64(len(means))
	i := Interval{Center: Mean(means), Lo: math.NaN(), Hi: math.NaN(), Samples: len(means)}
	if len(means) < 2 {
		return i
	}
	i.Lo, i.Hi = studentT(i.Center, Deviation(means)/math.Sqrt(n), n-1, confidence)
	if r := Lag1(means); r > 2/math.Sqrt(n) {
		i.Warnings = append(i.Warnings, correlated(r))
	}
	return i
}

// Lag1 is the first autocorrelation of series, 0 if it is constant or shorter
// than 3.
func Lag1(series []float64) float64 {
	if len(series) < 3 {
		return 0
	}
	mean := Mean(series)
	var product, square float64
	for i, v := range series {
		square += (v - mean) * (v - mean)
		if i > 0 {
			product += (v - mean) * (series[i-1] - mean)
		}
	}
	if square == 0 {
		return 0
	}
	return product / square
}

// Trend is the slope of series over its own length, relative to its mean, with
// the two-sided p of no slope (least squares on batch means). A p of NaN means
// that it cannot be told.
func Trend(series []float64) (relative, p float64) {
	means := BatchMeansOf(series)
	if means == nil {
		return math.NaN(), math.NaN()
	}
	n := float64(len(means))
	center, middle := Mean(means), (n-1)/2
	var xy, xx float64
	for i, v := range means {
		xy += (float64(i) - middle) * (v - center)
		xx += (float64(i) - middle) * (float64(i) - middle)
	}
	slope := xy / xx
	var rest float64
	for i, v := range means {
		d := v - center - slope*(float64(i)-middle)
		rest += d * d
	}
	if center == 0 {
		return math.NaN(), math.NaN()
	}
	relative = slope * (n - 1) / center
	if rest == 0 {
		if slope == 0 {
			return 0, 1
		}
		return relative, 0
	}
	t := slope / math.Sqrt(rest/(n-2)/xx)
	return relative, StudentPValue(t, n-2)
}
