// Package shapley computes the Shapley value of each request of a group, given the
// energy of every subset of the group, and fits a model that predicts it from
// what an ordinary run knows. It measures nothing itself.
//
// The Shapley value of a request is its marginal energy, averaged over all
// orders in which the group could have come about. It is the only division
// that adds up to the group's energy, gives equals the same, gives nothing to
// who costs nothing, and is linear (Shapley 1953); JouleShare (arXiv
// 2608.00026) first took it for the energy of co-batched requests.
package shapley

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// MaxExact is the largest group whose subsets are all measured: 63 of them.
const MaxExact = 6

// Exact returns the Shapley values of n players, where value[s] is the worth
// of the subset whose members are the bits of s and value[0] that of nobody.
// They sum to the worth of all, less that of nobody. len(value) must be 2^n.
func Exact(value []float64) []float64 {
	n := bits.Len(uint(len(value))) - 1
	// A player who joins a subset of k does so in k!(n−k−1)! of the n! orders.
	weight := make([]float64, n)
	for k := range n {
		weight[k] = 1 / (float64(n) * binomial(n-1, k))
	}
	phi := make([]float64, n)
	for s := range value {
		for i := range n {
			if s>>i&1 == 0 {
				phi[i] += weight[bits.OnesCount(uint(s))] * (value[s|1<<i] - value[s])
			}
		}
	}
	return phi
}

func binomial(n, k int) float64 {
	b := 1.0
	for i := range k {
		b = b * float64(n-i) / float64(i+1)
	}
	return b
}

// Orders draws count orders of n players, each followed by its reverse, which
// halves the variance where marginal costs fall with the size of the group.
func Orders(n, count int, rng *rand.Rand) [][]int {
	var orders [][]int
	for range (count + 1) / 2 {
		order := rng.Perm(n)
		reverse := make([]int, n)
		for i, p := range order {
			reverse[n-1-i] = p
		}
		orders = append(orders, order, reverse)
	}
	return orders[:count]
}

// Subsets lists the subsets, without the empty one, whose worth Sampled needs
// for orders, each once, in the order of first use.
func Subsets(orders [][]int) []uint64 {
	var out []uint64
	seen := make(map[uint64]bool)
	for _, order := range orders {
		s := uint64(0)
		for _, p := range order {
			s |= 1 << p
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// AllSubsets lists the subsets of n players without the empty one.
func AllSubsets(n int) []uint64 {
	out := make([]uint64, 0, 1<<n-1)
	for s := uint64(1); s < 1<<n; s++ {
		out = append(out, s)
	}
	return out
}

// Sampled estimates the Shapley values from the orders of Orders: the mean
// marginal worth of each player over them. The values add up to the worth of
// all whatever the orders. A subset that value lacks is an error.
func Sampled(orders [][]int, value map[uint64]float64) ([]float64, error) {
	if len(orders) == 0 {
		return nil, fmt.Errorf("sampled Shapley values need at least one order")
	}
	phi := make([]float64, len(orders[0]))
	for _, order := range orders {
		s, before := uint64(0), 0.0
		for _, p := range order {
			s |= 1 << p
			worth, ok := value[s]
			if !ok {
				return nil, fmt.Errorf("the worth of subset %b was not measured", s)
			}
			phi[p] += (worth - before) / float64(len(orders))
			before = worth
		}
	}
	return phi, nil
}

// Distance is the normalised L1 distance between shares and the values that
// they should have: Σ|share−value| / Σ value, 0 for equal, at most 2 for
// shares and values of zero or more with the same sum.
func Distance(shares, values []float64) float64 {
	sum, apart := 0.0, 0.0
	for i, v := range values {
		sum += v
		apart += max(shares[i]-v, v-shares[i])
	}
	return apart / sum
}
