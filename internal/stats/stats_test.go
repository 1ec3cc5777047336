package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/stats"
)

func TestQuantileIsNumpys(t *testing.T) {
	for _, c := range []struct {
		comment string
		sorted  []float64
		p, want float64
	}{
		// numpy.quantile with its default method, "linear".
		{"the median of an even number lies between two", []float64{1, 2, 3, 4}, 0.5, 2.5},
		{"a quartile is interpolated", []float64{1, 2, 3, 4}, 0.25, 1.75},
		{"p99 of few is near the largest", []float64{10, 20, 30}, 0.99, 29.8},
		{"the smallest", []float64{5, 6}, 0, 5},
		{"the largest", []float64{5, 6}, 1, 6},
		{"one value is every quantile", []float64{7}, 0.3, 7},
		{"of nothing there is none", nil, 0.5, math.NaN()},
	} {
		got := stats.Quantile(c.sorted, c.p)
		if math.Abs(got-c.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s: quantile %g of %v = %g, want %g", c.comment, c.p, c.sorted, got, c.want)
		}
	}
}

func TestQuantileLiesAmongValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1e12), 1, 50).Draw(t, "values")
		slices.Sort(values)
		p, q := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.Float64Range(0, 1).Draw(t, "q")
		low, high := stats.Quantile(values, min(p, q)), stats.Quantile(values, max(p, q))
		if low > high || low < float64(values[0]) || high > float64(values[len(values)-1]) {
			t.Fatalf("quantiles %g and %g of %v are %g and %g", min(p, q), max(p, q), values, low, high)
		}
	})
}

func TestSortNanosecondsSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1<<13).Draw(t, "n")
		top := rapid.Int64Range(1, math.MaxInt64).Draw(t, "top")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		values := make([]int64, n)
		for i := range values {
			values[i] = rng.Int64N(top)
		}
		want := slices.Clone(values)
		slices.Sort(want)
		stats.SortNanoseconds(values)
		if !slices.Equal(values, want) {
			t.Fatalf("%d values below %d are not sorted", n, top)
		}
	})
}

func TestMeanKeepsItsDigits(t *testing.T) {
	values := make([]float64, 1_000_000)
	for i := range values {
		values[i] = 1e15 + float64(i%2)
	}
	if got := stats.Mean(values); got != 1e15+0.5 {
		t.Errorf("mean = %.3f, want 1e15 + 0.5", got)
	}
}

// The table of MLPerf Endpoints' early stopping at 99 % confidence.
func TestMinSamples(t *testing.T) {
	for _, c := range []struct {
		p    float64
		want int
	}{{0.5, 11}, {0.9, 64}, {0.95, 130}, {0.99, 662}, {0.999, 6636}} {
		if got := stats.MinSamples(c.p, stats.BoundConfidence); got != c.want {
			t.Errorf("p%g needs %d samples, want %d", 100*c.p, got, c.want)
		}
		values := make([]float64, c.want)
		for i := range values {
			values[i] = float64(i)
		}
		if bound, ok := stats.PercentileBound(values, c.p, stats.BoundConfidence); !ok || bound != float64(c.want-1) {
			t.Errorf("p%g of %d samples: bound %g, %v; want the largest", 100*c.p, c.want, bound, ok)
		}
		if _, ok := stats.PercentileBound(values[1:], c.p, stats.BoundConfidence); ok {
			t.Errorf("p%g of %d samples has a bound", 100*c.p, c.want-1)
		}
	}
}

// The bound holds: over many samples of a known distribution it is below the
// true percentile in at most 1 of 100.
func TestPercentileBoundHolds(t *testing.T) {
	const runs, n, p = 2000, 1500, 0.99
	truth := -math.Log(1 - p) // of the exponential distribution
	below, under := 0, 0
	rng := rand.New(rand.NewPCG(1, 2))
	for range runs {
		values := make([]float64, n)
		for i := range values {
			values[i] = rng.ExpFloat64()
		}
		slices.Sort(values)
		bound, ok := stats.PercentileBound(values, p, stats.BoundConfidence)
		if !ok {
			t.Fatalf("%d samples have no bound", n)
		}
		if bound < truth {
			below++
		}
		if bound < stats.Quantile(values, p)-1e-9 {
			under++
		}
	}
	// 20 expected; 36 has a probability of under 0.1 %.
	if below > 36 {
		t.Errorf("the bound was below the true p99 in %d of %d runs, want about %d at most", below, runs, runs/100)
	}
	if under > 0 {
		t.Errorf("the bound was below the empirical p99 in %d runs", under)
	}
}

// correlated is a first-order autoregressive series around mean.
func correlated(rng *rand.Rand, n int, mean, deviation, r float64) []float64 {
	values := make([]float64, n)
	x := rng.NormFloat64()
	for i := range values {
		x = r*x + math.Sqrt(1-r*r)*rng.NormFloat64()
		values[i] = mean + deviation*x
	}
	return values
}

func TestIntervalsCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const runs = 2000
	covers := func(i stats.Interval) bool { return i.Lo <= 10 && i.Hi >= 10 }
	var repeats, batches, naive int
	for range runs {
		few := []float64{10 + rng.NormFloat64(), 10 + rng.NormFloat64(), 10 + rng.NormFloat64()}
		if covers(stats.Repeats(few, stats.Confidence)) {
			repeats++
		}
		series := correlated(rng, 1000, 10, 1, 0.5)
		if covers(stats.BatchMeans(series, stats.Confidence)) {
			batches++
		}
		if covers(stats.Repeats(series, stats.Confidence)) {
			naive++
		}
	}
	// 95 % of 2,000 is 1,900 ± 20 (2 standard deviations).
	for name, n := range map[string]int{"three repeats": repeats, "batch means of a correlated series": batches} {
		if n < 1860 || n > 1940 {
			t.Errorf("%s: the 95 %% interval covers the truth in %d of %d runs", name, n, runs)
		}
	}
	// Why batch means: taking the requests for independent is wrong by much.
	if naive > 1600 {
		t.Errorf("taking correlated requests for independent covers in %d of %d runs: the series is too tame to test anything", naive, runs)
	}
}

func TestIntervalsSayWhatTheyLack(t *testing.T) {
	if i := stats.Repeats([]float64{4}, 0.95); i.Center != 4 || !math.IsNaN(i.Lo) || len(i.Warnings) != 1 {
		t.Errorf("one repeat = %+v, want its value, no interval and a warning", i)
	}
	if i := stats.BatchMeans(make([]float64, 24), 0.95); !math.IsNaN(i.Lo) || len(i.Warnings) != 1 {
		t.Errorf("24 samples = %+v, want no interval and a warning", i)
	}
	drifting := make([]float64, 400)
	for i := range drifting {
		drifting[i] = float64(i)
	}
	if i := stats.BatchMeans(drifting, 0.95); len(i.Warnings) != 1 {
		t.Errorf("a drifting series = %+v, want a warning of correlated batches", i)
	}
}

func TestCutsLeaveTheRemainderAtTheStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 10000).Draw(t, "n")
		cuts := stats.Cuts(n)
		if n < 25 {
			if cuts != nil {
				t.Fatalf("%d samples are cut at %v, want no batches", n, cuts)
			}
			return
		}
		size := cuts[1] - cuts[0]
		if cuts[len(cuts)-1] != n || cuts[0] >= len(cuts)-1 || len(cuts) > stats.Batches+1 || size < stats.MinBatchSize {
			t.Fatalf("%d samples are cut at %v", n, cuts)
		}
		for i := 1; i < len(cuts); i++ {
			if cuts[i]-cuts[i-1] != size {
				t.Fatalf("%d samples are cut unequally at %v", n, cuts)
			}
		}
	})
}

func TestTrend(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rising := make([]float64, 400)
	for i := range rising {
		rising[i] = 1 + float64(i)/800 + 0.05*rng.NormFloat64()
	}
	if relative, p := stats.Trend(rising); math.Abs(relative-0.4) > 0.05 || p > 1e-6 {
		t.Errorf("a rise of 0.5 on 1.25 has trend %.3f, p %g; want 0.4 and a small p", relative, p)
	}
	found := 0
	for range 1000 {
		if _, p := stats.Trend(correlated(rng, 400, 10, 1, 0)); p < 0.05 {
			found++
		}
	}
	if found < 30 || found > 72 { // 50 ± 3 standard deviations
		t.Errorf("a trend at 5 %% in %d of 1,000 series without one", found)
	}
}

// A change is told to a tenth of a percent, and a smaller one is not told as none.
func TestFormatChange(t *testing.T) {
	for want, change := range map[string]float64{"+5.0": 0.05, "-72.9": -0.7287, "+420.1": 4.201, "0.0": 0, "-0.03": -0.00031, "+0.1": 0.0005} {
		if got := stats.FormatChange(change); got != want {
			t.Errorf("%g is told as %q, want %q", change, got, want)
		}
	}
	if got := stats.FormatChange(-1e-12); got != "0.0" {
		t.Errorf("what is of rounding is told as %q", got)
	}
}
