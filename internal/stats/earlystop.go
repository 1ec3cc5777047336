package stats

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// BoundConfidence is the confidence of percentile bounds in MLPerf LoadGen.
const BoundConfidence = 0.99

// PercentileBound is a value that the true p-quantile exceeds with a
// probability of at most 1−confidence, whatever the distribution, as in MLPerf
// LoadGen's early stopping (early_stopping.cc): of n independent latencies,
// discard the t−1 highest and take the highest of the rest, with t the largest
// for which I_p(n−t, t+1) < 1−confidence, I being the regularised incomplete
// beta function. It is never below the empirical percentile. ok is false where
// n is under MinSamples: then no bound exists.
func PercentileBound[T ~int64 | ~float64](sorted []T, p, confidence float64) (bound float64, ok bool) {
	t := discardable(len(sorted), p, confidence)
	if t < 1 {
		return math.NaN(), false
	}
	return float64(sorted[len(sorted)-t]), true
}

// MinSamples is the least number of samples that PercentileBound can bound the
// p-quantile with: at 0.99 confidence 11 for p50, 64 for p90, 130 for p95, 662
// for p99 and 6,636 for p99.9.
func MinSamples(p, confidence float64) int {
	if p <= 0 || p >= 1 {
		return math.MaxInt
	}
	low, high := 1, 2
	for discardable(high, p, confidence) < 1 {
		if high > math.MaxInt/4 {
			return math.MaxInt
		}
		low, high = high, 2*high
	}
	return low + sort.Search(high-low, func(i int) bool { return discardable(low+i, p, confidence) >= 1 })
}

// discardable is the largest t ≥ 1 with I_p(n−t, t+1) < 1−confidence, 0 if
// there is none. The left side grows with t: it is the probability that at
// most t of n fall above the p-quantile.
func discardable(n int, p, confidence float64) int {
	if n < 2 {
		return 0
	}
	return sort.Search(n-1, func(i int) bool {
		t := i + 1
		return mathext.RegIncBeta(float64(n-t), float64(t+1), p) >= 1-confidence
	})
}
