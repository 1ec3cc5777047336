package shapley_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"cfubench/attribution/shapley"
)

const tolerance = 1e-9

func near(a, b float64) bool { return math.Abs(a-b) <= tolerance*(1+math.Abs(a)+math.Abs(b)) }

func TestExactValuesOfKnownGames(t *testing.T) {
	for _, row := range []struct {
		name  string
		value []float64
		want  []float64
	}{
		{"a fixed cost is shared equally", []float64{0, 6, 6, 6, 6, 6, 6, 6}, []float64{2, 2, 2}},
		{"costs that add stay with who causes them", []float64{0, 1, 2, 3, 4, 5, 6, 7}, []float64{1, 2, 4}},
		// The airport game: a runway as long as the longest needs. The first
		// metre is used by three, the next by two, the rest by one.
		{"a runway is paid stretch by stretch", []float64{0, 3, 6, 6, 10, 10, 10, 10}, []float64{1, 1 + 1.5, 1 + 1.5 + 4}},
		{"one player pays everything", []float64{0, 5}, []float64{5}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := shapley.Exact(row.value)
			for i := range row.want {
				if !near(got[i], row.want[i]) {
					t.Errorf("player %d: got %g, want %g", i, got[i], row.want[i])
				}
			}
		})
	}
}

// drawGame draws the worth of every subset of up to five players.
func drawGame(t *rapid.T) (n int, value []float64) {
	n = rapid.IntRange(1, 5).Draw(t, "players")
	value = make([]float64, 1<<n)
	for s := 1; s < len(value); s++ {
		value[s] = rapid.Float64Range(0, 100).Draw(t, "worth")
	}
	return n, value
}

func TestValuesAddUpToTheWorthOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, value := drawGame(t)
		sum := 0.0
		for _, phi := range shapley.Exact(value) {
			sum += phi
		}
		if !near(sum, value[len(value)-1]) {
			t.Fatalf("values sum to %g, want %g", sum, value[len(value)-1])
		}
	})
}

func TestPlayersWhoAreAlikeGetTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "players")
		bySize := make([]float64, n+1)
		for k := 1; k <= n; k++ {
			bySize[k] = rapid.Float64Range(0, 100).Draw(t, "worth of a size")
		}
		value := make([]float64, 1<<n)
		for s := range value {
			value[s] = bySize[bits.OnesCount(uint(s))]
		}
		for i, phi := range shapley.Exact(value) {
			if !near(phi, bySize[n]/float64(n)) {
				t.Fatalf("player %d of %d alike: got %g, want %g", i, n, phi, bySize[n]/float64(n))
			}
		}
	})
}

func TestValuesAreLinear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, a := drawGame(t)
		b, sum := make([]float64, len(a)), make([]float64, len(a))
		for s := 1; s < len(a); s++ {
			b[s] = rapid.Float64Range(0, 100).Draw(t, "other worth")
			sum[s] = a[s] + b[s]
		}
		pa, pb, both := shapley.Exact(a), shapley.Exact(b), shapley.Exact(sum)
		for i := range n {
			if !near(pa[i]+pb[i], both[i]) {
				t.Fatalf("player %d: %g + %g in two games, %g in both at once", i, pa[i], pb[i], both[i])
			}
		}
	})
}

func TestSampledValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, value := drawGame(t)
		worth := make(map[uint64]float64)
		orders := shapley.Orders(n, rapid.IntRange(1, 9).Draw(t, "orders"), rand.New(rand.NewPCG(1, 2)))
		for _, s := range shapley.Subsets(orders) {
			worth[s] = value[s]
		}
		got, err := shapley.Sampled(orders, worth)
		if err != nil {
			t.Fatalf("the subsets listed for the orders do not suffice: %v", err)
		}
		sum := 0.0
		for _, phi := range got {
			sum += phi
		}
		if all := value[len(value)-1]; !near(sum, all) {
			t.Fatalf("sampled values sum to %g, want %g", sum, all)
		}
	})
}

func TestSampledOverAllOrdersIsExact(t *testing.T) {
	value := []float64{0, 3, 6, 7, 10, 11, 13, 14}
	worth := make(map[uint64]float64)
	for s := range value {
		worth[uint64(s)] = value[s]
	}
	orders := [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	got, err := shapley.Sampled(orders, worth)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range shapley.Exact(value) {
		if !near(got[i], want) {
			t.Errorf("player %d: got %g over all orders, want the exact %g", i, got[i], want)
		}
	}
	delete(worth, 7)
	if _, err := shapley.Sampled(orders, worth); err == nil {
		t.Error("a subset without a worth: got no error, want one")
	}
}

func ExampleDistance() {
	// Half of the energy stands with the wrong one of two.
	fmt.Println(shapley.Distance([]float64{1, 0}, []float64{0.5, 0.5}))
	// Output: 1
}
