package leastsquares_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/leastsquares"
)

// problem is Gx = m of drawn rows.
func problem(t *rapid.T) (gram [][]float64, moment []float64) {
	n := rapid.IntRange(1, 5).Draw(t, "coefficients")
	gram, moment = make([][]float64, n), make([]float64, n)
	for k := range n {
		gram[k] = make([]float64, n)
	}
	for range rapid.IntRange(n, 12).Draw(t, "rows") {
		row := rapid.SliceOfN(rapid.Float64Range(-3, 3), n+1, n+1).Draw(t, "row")
		for a := range n {
			moment[a] += row[a] * row[n]
			for b := range n {
				gram[a][b] += row[a] * row[b]
			}
		}
	}
	return gram, moment
}

// TestNonNegativeMeetsTheOptimumsConditions: no coefficient is negative, and
// none can be moved to a better value: the gradient is zero where a coefficient
// is not, and points out of bounds where it is.
func TestNonNegativeMeetsTheOptimumsConditions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gram, moment := problem(t)
		x := leastsquares.NonNegative(gram, moment)
		size := 1.0
		for k := range x {
			size = max(size, gram[k][k], math.Abs(moment[k]))
		}
		for k := range x {
			gradient := -moment[k]
			for j := range x {
				gradient += gram[k][j] * x[j]
			}
			if x[k] < 0 || x[k] > 0 && math.Abs(gradient) > 1e-5*size || x[k] == 0 && gradient < -1e-5*size {
				t.Fatalf("coefficient %d is %g with gradient %g, want an optimum (G %v, m %v)", k, x[k], gradient, gram, moment)
			}
		}
	})
}

func TestInverse(t *testing.T) {
	inverse, ok := leastsquares.Inverse([][]float64{{4, 2e-6}, {2e-6, 2e-12}})
	if !ok {
		t.Fatal("got no inverse, want one: the columns' units do not matter")
	}
	for i, want := range [][]float64{{0.5, -5e5}, {-5e5, 1e12}} {
		for j := range want {
			if math.Abs(inverse[i][j]/want[j]-1) > 1e-6 {
				t.Errorf("element %d, %d: got %g, want %g", i, j, inverse[i][j], want[j])
			}
		}
	}
	if _, ok := leastsquares.Inverse([][]float64{{1, 0}, {0, 0}}); ok {
		t.Error("got an inverse of a singular matrix, want none")
	}
}
