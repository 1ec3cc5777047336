// Package leastsquares solves small least-squares problems whose coefficients
// may not be negative, from their normal equations.
package leastsquares

import (
	"math"
	"math/bits"
)

// ridge keeps columns that coincide from making a system singular, relative to
// their own size: it decides only what the data leave open.
const ridge = 1e-12

// NonNegative returns the x ≥ 0 that minimises x'Gx/2 − m'x for a symmetric,
// positive semidefinite G = A'A and m = A'b. It tries every set of coefficients
// that are not zero, so it is exact and meant for a handful.
func NonNegative(gram [][]float64, moment []float64) []float64 {
	n := len(moment)
	best, least := make([]float64, n), 0.0
	for set := uint(1); set < 1<<n; set++ {
		var index []int
		for k := range n {
			if set>>k&1 == 1 && gram[k][k] > 0 {
				index = append(index, k)
			}
		}
		if len(index) != bits.OnesCount(set) {
			continue
		}
		x, ok := Solve(sub(gram, index), pick(moment, index))
		if !ok {
			continue
		}
		value, feasible := 0.0, true
		for a, k := range index {
			feasible = feasible && x[a] >= 0
			value -= moment[k] * x[a] / 2
		}
		if feasible && value < least {
			least = value
			clear(best)
			for a, k := range index {
				best[k] = x[a]
			}
		}
	}
	return best
}

// Solve solves Gx = m for a symmetric positive definite G. ok is false if it
// is not.
func Solve(gram [][]float64, moment []float64) (x []float64, ok bool) {
	l, ok := factor(gram)
	if !ok {
		return nil, false
	}
	return l.solve(moment), true
}

// Inverse inverts a symmetric positive definite G. ok is false if it is not.
func Inverse(gram [][]float64) (inverse [][]float64, ok bool) {
	l, ok := factor(gram)
	if !ok {
		return nil, false
	}
	for k := range gram {
		unit := make([]float64, len(gram))
		unit[k] = 1
		inverse = append(inverse, l.solve(unit))
	}
	return inverse, true
}

// factored is a Cholesky factor of a matrix that was scaled to a diagonal of
// ones, so that columns of any unit can be told apart.
type factored struct {
	lower [][]float64
	scale []float64
}

func factor(gram [][]float64) (factored, bool) {
	n := len(gram)
	f := factored{make([][]float64, n), make([]float64, n)}
	for k := range n {
		if !(gram[k][k] > 0) {
			return f, false
		}
		f.scale[k] = 1 / math.Sqrt(gram[k][k])
	}
	for i := range n {
		f.lower[i] = make([]float64, n)
		for j := range i + 1 {
			sum := gram[i][j] * f.scale[i] * f.scale[j]
			if i == j {
				sum += ridge
			}
			for k := range j {
				sum -= f.lower[i][k] * f.lower[j][k]
			}
			if i > j {
				f.lower[i][j] = sum / f.lower[j][j]
			} else if !(sum > 0) {
				return f, false
			} else {
				f.lower[i][i] = math.Sqrt(sum)
			}
		}
	}
	return f, true
}

func (f factored) solve(m []float64) []float64 {
	n := len(m)
	x := make([]float64, n)
	for i := range n {
		x[i] = m[i] * f.scale[i]
		for k := range i {
			x[i] -= f.lower[i][k] * x[k]
		}
		x[i] /= f.lower[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= f.lower[k][i] * x[k]
		}
		x[i] /= f.lower[i][i]
	}
	for i := range n {
		x[i] *= f.scale[i]
	}
	return x
}

func sub(m [][]float64, index []int) [][]float64 {
	out := make([][]float64, len(index))
	for a, i := range index {
		out[a] = pick(m[i], index)
	}
	return out
}

func pick(v []float64, index []int) []float64 {
	out := make([]float64, len(index))
	for a, i := range index {
		out[a] = v[i]
	}
	return out
}
