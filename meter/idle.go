package meter

import "math"

// driftTolerance is how far two idle baselines may differ before the host is
// said to have drifted (sensors.md §1.9: leakage grows with temperature).
const driftTolerance = 0.03

// Drift is the relative change of a baseline's mean power from before a run to
// after it, and whether it is over 3 %. Without a power to compare with it is
// NaN and not over: nothing was shown.
func Drift(before, after Power) (ratio float64, over bool) {
	if before <= 0 {
		return math.NaN(), false
	}
	ratio = float64(after-before) / float64(before)
	return ratio, math.Abs(ratio) > driftTolerance
}
