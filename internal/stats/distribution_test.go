package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"cfubench/internal/stats"
)

func TestStudentIsGonums(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		student := distuv.StudentsT{Sigma: 1, Nu: rapid.Float64Range(0.5, 500).Draw(rt, "freedom")}
		p := rapid.Float64Range(1e-6, 1-1e-6).Draw(rt, "p")
		near := func(name string, got, want float64) {
			if !(math.Abs(got-want) <= 1e-12*math.Max(1, math.Abs(want))) {
				rt.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		near("quantile", stats.StudentQuantile(p, student.Nu), student.Quantile(p))
		x := rapid.Float64Range(-50, 50).Draw(rt, "t")
		near("two-sided p-value", stats.StudentPValue(x, student.Nu), 2*student.CDF(-math.Abs(x)))
	})
}

// Draws follow the distribution function, by Kolmogorov and Smirnov's distance at a
// level of 0.1 %.
func TestGammaDrawsFollowTheLaw(t *testing.T) {
	const n = 20_000
	for _, shape := range []float64{0.02, 0.25, 0.9, 1, 1.5, 4, 300} {
		rng := rand.New(rand.NewPCG(1, 2))
		draws := make([]float64, n)
		for i := range draws {
			draws[i] = stats.Gamma(rng, shape)
		}
		slices.Sort(draws)
		law, distance := distuv.Gamma{Alpha: shape, Beta: 1}, 0.0
		for i, x := range draws {
			f := law.CDF(x)
			distance = max(distance, f-float64(i)/n, float64(i+1)/n-f)
		}
		if limit := 1.95 / math.Sqrt(n); distance > limit {
			t.Errorf("shape %v: distance %.5f, want at most %.5f", shape, distance, limit)
		}
	}
}
