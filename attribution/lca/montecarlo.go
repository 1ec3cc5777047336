package lca

import (
	"math"
	"math/rand/v2"
	"slices"
)

// simulate draws every input from its distribution, the same draw for all
// categories and stages (what two stages share is correlated), and sets the
// 95 % intervals and means.
func (s *system) simulate(list []Outcome, even []BreakEven) {
	n := s.options.Draws
	rng := rand.New(rand.NewPCG(s.options.Seed, 0))
	columns := make([][]float64, len(list)+len(even))
	for i := range columns {
		columns[i] = make([]float64, n)
	}
	places := make([]int, len(list))
	for i, o := range list {
		places[i] = index(o.Category)
	}
	x := slices.Clone(s.values)
	var drawn costs
	for draw := range n {
		for i := range x {
			x[i] = s.spread[i].sample(rng)
		}
		s.evaluate(x, &drawn)
		for i, o := range list {
			columns[i][draw] = drawn.stage(places[i], o.Stage)
		}
		for i, b := range even {
			up, per := s.sides(&drawn, index(b.Category), b, x[s.lifetime])
			columns[len(list)+i][draw] = requestsFor(up, per)
		}
	}
	for i := range list {
		sum := 0.0
		for _, v := range columns[i] {
			sum += v
		}
		list[i].Mean = sum / float64(n)
		list[i].Lo, list[i].Hi = interval(columns[i])
	}
	for i := range even {
		even[i].Lo, even[i].Hi = interval(columns[len(list)+i])
	}
}

// interval is the central 95 % of the values, which it reorders.
func interval(values []float64) (lo, hi float64) {
	n := len(values)
	low := int(math.Floor(0.025 * float64(n)))
	high := min(int(math.Ceil(0.975*float64(n))), n-1)
	return selectNth(values, low), selectNth(values, high)
}

// selectNth is the value that would stand at k if values were sorted (Hoare's
// quickselect, median of three): a whole sort would take most of the second
// that 100,000 draws may take.
func selectNth(values []float64, k int) float64 {
	lo, hi := 0, len(values)-1
	for lo < hi {
		mid := lo + (hi-lo)/2
		pivot := max(min(values[lo], values[mid]), min(max(values[lo], values[mid]), values[hi]))
		i, j := lo, hi
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return values[k]
		}
	}
	return values[k]
}

// sample draws one value.
func (d distribution) sample(rng *rand.Rand) float64 {
	switch d.shape {
	case Fixed:
		return d.value
	case Lognormal:
		return d.value * math.Exp(d.sigma*rng.NormFloat64())
	case Normal:
		return d.value + d.sigma*rng.NormFloat64()
	}
	return d.quantile(rng.Float64())
}
