package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/stats"
)

// seeds is how many simulated comparisons the rates below are over.
const seeds = 1000

// rejected counts how often two samples of draw are called different.
func rejected(test stats.Test, draw func(rng *rand.Rand) (a, b []float64)) int {
	n := 0
	for seed := range uint64(seeds) {
		a, b := draw(rand.New(rand.NewPCG(seed, 7)))
		if stats.Compare(test, a, b).Different {
			n++
		}
	}
	return n
}

// TestFalsePositiveRate: where there is no difference, one in twenty is called
// one, whatever the shape, within what 1,000 seeds can tell (50 ± 21, three
// standard deviations); Mann and Whitney's steps make it fewer for small
// samples.
func TestFalsePositiveRate(t *testing.T) {
	normal := func(rng *rand.Rand, n int) []float64 { return correlated(rng, n, 10, 1, 0) }
	for _, c := range []struct {
		comment   string
		test      stats.Test
		low, high int
		draw      func(rng *rand.Rand) (a, b []float64)
	}{
		{"five repeats each", stats.Welch, 29, 71, func(rng *rand.Rand) (a, b []float64) { return normal(rng, 5), normal(rng, 5) }},
		{"unequal spread and number", stats.Welch, 29, 71, func(rng *rand.Rand) (a, b []float64) {
			return correlated(rng, 20, 10, 3, 0), correlated(rng, 8, 10, 0.5, 0)
		}},
		{"batch means of 1,000 correlated requests", stats.Welch, 29, 71, func(rng *rand.Rand) (a, b []float64) {
			return stats.BatchMeansOf(correlated(rng, 1000, 10, 1, 0.5)), stats.BatchMeansOf(correlated(rng, 1000, 10, 1, 0.5))
		}},
		{"batch means of skewed latencies", stats.Welch, 20, 71, func(rng *rand.Rand) (a, b []float64) {
			skewed := func() []float64 {
				v := correlated(rng, 400, 0, 1, 0.3)
				for i := range v {
					v[i] = math.Exp(v[i])
				}
				return stats.BatchMeansOf(v)
			}
			return skewed(), skewed()
		}},
		{"twenty skewed samples by rank", stats.MannWhitney, 25, 71, func(rng *rand.Rand) (a, b []float64) {
			skewed := func() []float64 {
				v := normal(rng, 20)
				for i := range v {
					v[i] = math.Exp(v[i])
				}
				return v
			}
			return skewed(), skewed()
		}},
	} {
		if got := rejected(c.test, c.draw); got < c.low || got > c.high {
			t.Errorf("%s (%s): %d of %d comparisons without a difference found one, want %d to %d", c.comment, c.test, got, seeds, c.low, c.high)
		}
	}
}

// A known difference is found, with an interval that holds it at its level.
func TestKnownDifference(t *testing.T) {
	for _, test := range []stats.Test{stats.Welch, stats.MannWhitney} {
		found, held := 0, 0
		for seed := range uint64(seeds) {
			rng := rand.New(rand.NewPCG(seed, 8))
			a, b := correlated(rng, 20, 10, 0.5, 0), correlated(rng, 20, 11, 0.5, 0)
			c := stats.Compare(test, a, b)
			if c.Different && c.Delta > 0 {
				found++
			}
			if c.Lo <= 0.1 && 0.1 <= c.Hi {
				held++
			}
		}
		if found < 990 {
			t.Errorf("%s: a difference of 10 %% (two standard deviations, 20 samples a side) was found %d times of %d", test, found, seeds)
		}
		if held < 925 || held > 975 {
			t.Errorf("%s: the 95 %% interval holds the true 10 %% in %d of %d", test, held, seeds)
		}
	}
}

// The interval and the test never contradict each other under Welch.
func TestIntervalAgreesWithTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9))
		a := correlated(rng, rapid.IntRange(2, 20).Draw(t, "na"), 10, 1, 0)
		b := correlated(rng, rapid.IntRange(2, 20).Draw(t, "nb"), rapid.Float64Range(8, 12).Draw(t, "mean"), 1, 0)
		c := stats.Compare(stats.Welch, a, b)
		if math.IsNaN(c.Lo) {
			return // the base is not told from zero
		}
		if outside := c.Lo > 0 || c.Hi < 0; outside != c.Different && math.Abs(c.P-0.05) > 1e-6 {
			t.Fatalf("p %g, interval %g to %g", c.P, c.Lo, c.Hi)
		}
		if c.Delta < c.Lo || c.Delta > c.Hi {
			t.Fatalf("delta %g is outside %g to %g", c.Delta, c.Lo, c.Hi)
		}
	})
}

func TestCompareEdges(t *testing.T) {
	for _, c := range []struct {
		comment string
		a, b    []float64
		want    string
	}{
		{"one run each cannot be tested", []float64{1}, []float64{2}, "+100.0 %?"},
		{"the same exact figure is no difference", []float64{3, 3}, []float64{3, 3, 3}, "~0.0 %"},
		{"two exact figures that differ do", []float64{3, 3}, []float64{6, 6}, "+100.0 %"},
		{"noise is no difference", []float64{1, 2, 3}, []float64{1.1, 2.1, 2.9}, "~+1.7 %"},
		{"a base of zero has no ratio", []float64{0, 0, 0}, []float64{1, 2, 3}, "?"},
	} {
		if got := stats.Compare(stats.Welch, c.a, c.b).FormatDelta(); got != c.want {
			t.Errorf("%s: %v against %v is %q, want %q", c.comment, c.b, c.a, got, c.want)
		}
	}
	if c := stats.Compare(stats.MannWhitney, []float64{1, 2, 3}, []float64{11, 12, 13}); c.Different || len(c.Warnings) == 0 {
		t.Errorf("three against three by rank = %+v, want no verdict and a warning: no order of them has p under 0.05", c)
	}
}

func ExampleCompare() {
	before := []float64{52.1, 51.7, 52.4, 52.0}
	after := []float64{47.9, 48.4, 48.1, 47.8}
	c := stats.Compare(stats.Welch, before, after)
	fmt.Printf("%s (%.1f to %.1f %%)\n", c.FormatDelta(), 100*c.Lo, 100*c.Hi)
	// Output: -7.7 % (-8.6 to -6.8 %)
}
