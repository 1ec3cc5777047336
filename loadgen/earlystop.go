package loadgen

import "gonum.org/v1/gonum/mathext"

// Verdict is what the requests of one trial say about the claim that at least
// a given share of requests keeps the SLO.
type Verdict int

// Verdicts.
const (
	Undecided Verdict = iota
	Passes
	Fails
)

// String names a verdict as tables do.
func (v Verdict) String() string {
	switch v {
	case Passes:
		return "passes"
	case Fails:
		return "fails"
	}
	return "undecided"
}

// Decide says whether n requests of which over missed the bound show that at
// least the share p of all keeps it (Passes), or that less does (Fails), each
// at the given confidence. The passing side is MLPerf LoadGen's early
// stopping: n ≥ h + over, with h the least such that
// I(p; h, over+1) < 1 − confidence (regularised incomplete beta). The failing
// side is its mirror, I(1−p; over, n−over+1) < 1 − confidence: so many misses
// would be that unlikely if p kept it.
func Decide(p, confidence float64, n, over int) Verdict {
	met := n - over
	if met > 0 && mathext.RegIncBeta(float64(met), float64(over+1), p) < 1-confidence {
		return Passes
	}
	if over > 0 && mathext.RegIncBeta(float64(over), float64(met+1), 1-p) < 1-confidence {
		return Fails
	}
	return Undecided
}

// MinQueries is the least number of requests, so many of them over the bound,
// that can pass: h + over. With one over it is LoadGen's table: 11 at p50, 64
// at p90, 662 at p99.
func MinQueries(p, confidence float64, over int) int {
	passes := func(h int) bool {
		return mathext.RegIncBeta(float64(h), float64(over+1), p) < 1-confidence
	}
	high := 1
	for !passes(high) {
		high *= 2
	}
	low := high / 2
	for high-low > 1 {
		if mid := (low + high) / 2; passes(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high + over
}
