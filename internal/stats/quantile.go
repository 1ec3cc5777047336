// Package stats is the statistics of this project's figures: exact quantiles,
// intervals from repeats and from batch means, bounds on percentiles, and tests
// of difference.
//
// It is opinionated: requests of one run are not independent samples, so an
// interval comes from repeats of the run or from means over batches of
// consecutive requests, never from the requests' own spread; a difference that
// the data do not support is not printed as one; and doubts are warnings on the
// result. It knows nothing of requests, files or units.
package stats

import (
	"math"
	"slices"
)

// Quantile is the p-quantile of sorted, by linear interpolation between order
// statistics (Hyndman and Fan 1996, type 7; numpy's default). NaN if sorted is
// empty.
func Quantile[T ~int64 | ~float64](sorted []T, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	below := int(math.Floor(at))
	if below >= len(sorted)-1 {
		return float64(sorted[len(sorted)-1])
	}
	low, high := float64(sorted[below]), float64(sorted[below+1])
	return low + (at-float64(below))*(high-low)
}

// Rank is the nearest rank of sorted: the least value that at least the share p of
// them does not exceed, which is one of them. It is the zero value of nothing.
func Rank[T any](sorted []T, p float64) T {
	var none T
	if len(sorted) == 0 {
		return none
	}
	// The share is often a decimal that a float64 has a little too high.
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))-1e-9))-1)]
}

// Mean is the arithmetic mean, NaN of nothing. Two passes: the sum of a
// million nanosecond values keeps its digits.
func Mean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	var rest float64
	for _, v := range values {
		rest += v - mean
	}
	return mean + rest/float64(len(values))
}

// Deviation is the sample standard deviation (n−1), NaN for fewer than two.
func Deviation(values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	mean := Mean(values)
	var squares float64
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(values)-1))
}

// SortNanoseconds sorts values, which must not be negative, by radix: a run of
// a million requests has tens of millions of gaps between tokens.
func SortNanoseconds(values []int64) {
	const digit = 11
	if len(values) < 1<<12 {
		slices.Sort(values)
		return
	}
	from, to := values, make([]int64, len(values))
	top := uint64(slices.Max(values))
	for shift := 0; top>>shift > 0; shift += digit {
		var starts [1 << digit]int
		for _, v := range from {
			starts[uint64(v)>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range starts {
			starts[i] = sum
			sum += n
		}
		for _, v := range from {
			d := uint64(v) >> shift & (1<<digit - 1)
			to[starts[d]] = v
			starts[d]++
		}
		from, to = to, from
	}
	if &from[0] != &values[0] {
		copy(values, from)
	}
}

// sorted is a sorted copy.
func sorted(values []float64) []float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s
}
