package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"
)

// These are what the project needs of gonum's stat/distuv, from gonum's mathext:
// distuv alone links LAPACK, 2.7 MB of the binary.

// StudentQuantile is the p-quantile, 0 < p < 1, of Student's t distribution with
// so many degrees of freedom: |t| = √(ν(1−z)/z) where I_z(ν/2, 1/2) = 2·min(p, 1−p),
// I being the regularised incomplete beta function (Abramowitz and Stegun 26.7.1).
func StudentQuantile(p, freedom float64) float64 {
	if p == 0.5 {
		return 0
	}
	z := mathext.InvRegIncBeta(freedom/2, 0.5, 2*min(p, 1-p))
	return math.Copysign(math.Sqrt(freedom*(1-z)/z), p-0.5)
}

// StudentPValue is the probability that Student's t with so many degrees of
// freedom is at least as far from zero as t, to either side: I_z(ν/2, 1/2) at
// z = ν/(ν+t²).
func StudentPValue(t, freedom float64) float64 {
	return mathext.RegIncBeta(freedom/2, 0.5, freedom/(t*t+freedom))
}

// Gamma draws from the gamma distribution of a shape and scale 1. With a shape of
// k/2, twice the draw is chi-squared with k degrees of freedom.
//
// The method is of Marsaglia and Tsang (2000), doi:10.1145/358407.358414: the cube
// of a shifted normal, accepted or rejected. A shape under 1 takes a draw of the
// shape above and a power of a uniform (their section 6).
func Gamma(rng *rand.Rand, shape float64) float64 {
	if shape == 1 {
		return rng.ExpFloat64()
	}
	d, boost := shape-1.0/3, 1.0
	if shape < 1 {
		d, boost = d+1, math.Pow(rng.Float64(), 1/shape)
	}
	for c := 1 / (3 * math.Sqrt(d)); ; {
		x := rng.NormFloat64()
		root := 1 + c*x
		if root <= 0 {
			continue
		}
		v := root * root * root
		u := rng.Float64()
		// The first bound needs no logarithm and lies within the second.
		if u < 1-0.0331*(x*x)*(x*x) || math.Log(u) < x*x/2+d*(1-v+math.Log(v)) {
			return boost * d * v
		}
	}
}
