package loadgen

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"cfubench/datasets"
)

func mustParse(t testing.TB, kind string, rate float64, seed int64, burstiness float64, at ...time.Duration) Schedule {
	t.Helper()
	s, err := ParseArrival(kind, rate, seed, burstiness, at)
	if err != nil {
		t.Fatalf("ParseArrival(%s): %v", kind, err)
	}
	return s
}

func due(t testing.TB, s Schedule, n int) time.Duration {
	t.Helper()
	d, ok := s.Due(n)
	if !ok {
		t.Fatalf("Due(%d): past the end", n)
	}
	return d
}

func TestScheduleDueTimes(t *testing.T) {
	inf := math.Inf(1)
	for _, tt := range []struct {
		name string
		s    Schedule
		n    int
		want time.Duration
		end  bool
	}{
		{name: "constant starts at once", s: mustParse(t, "constant", 50, 1, 1), n: 0, want: 0},
		{name: "constant does not drift over a million requests", s: mustParse(t, "constant", 3, 1, 1), n: 3_000_000, want: 1_000_000 * time.Second},
		{name: "inf sends all at once", s: mustParse(t, "poisson", inf, 1, 1), n: 12345, want: 0},
		{name: "a linear ramp from 2/s to 10/s over 4 s has 24 requests in it", s: mustParse(t, "linear:10:4s", 2, 1, 1), n: 24, want: 4 * time.Second},
		{name: "half its time is 8 requests", s: mustParse(t, "linear:10:4s", 2, 1, 1), n: 8, want: 2 * time.Second},
		{name: "after the ramp the rate stays", s: mustParse(t, "linear:10:4s", 2, 1, 1), n: 34, want: 5 * time.Second},
		{name: "a ramp downwards", s: mustParse(t, "linear:2:4s", 10, 1, 1), n: 26, want: 5 * time.Second},
		{name: "a ramp to the same rate is constant", s: mustParse(t, "exponential:5:4s", 5, 1, 1), n: 10, want: 2 * time.Second},
		{name: "an exponential ramp from 1/s to e²/s over 2 s has e²−1 requests, the 7th gap ends after the ramp",
			s: mustParse(t, "exponential:7.38905609893065:2s", 1, 1, 1), n: 7, want: time.Duration(math.Round((2 + (7-(math.E*math.E-1))/(math.E*math.E)) * 1e9))},
		{name: "within it the n-th is due at ln(1+n)", s: mustParse(t, "exponential:7.38905609893065:2s", 1, 1, 1), n: 3, want: time.Duration(math.Round(math.Log(4) * 1e9))},
		{name: "a trace keeps its own times", s: mustParse(t, "trace", 0, 1, 1, 0, 3*time.Second, 10*time.Second), n: 1, want: 3 * time.Second},
		{name: "a trace ends", s: mustParse(t, "trace", 0, 1, 1, 0, 3*time.Second, 10*time.Second), n: 3, end: true},
		{name: "a scaled trace is stretched", s: mustParse(t, "trace:0.5", 0, 1, 1, 0, 3*time.Second, 10*time.Second), n: 2, want: 5 * time.Second},
		{name: "a looped trace starts over a mean gap after its end", s: mustParse(t, "trace:1:loop", 0, 1, 1, 0, 4*time.Second, 10*time.Second), n: 4, want: 19 * time.Second},
	} {
		got, ok := tt.s.Due(tt.n)
		if ok == tt.end || got != tt.want {
			t.Errorf("%s: Due(%d): got %v, %v; want %v, %v", tt.name, tt.n, got, ok, tt.want, !tt.end)
		}
	}
}

// Kolmogorov and Smirnov's test of 100,000 gaps against their law at the 0.1 %
// level, asymptotic critical value 1.95/√n (Smirnov 1948). The seeds are
// fixed, so it cannot fail by chance later.
func TestScheduleGapsFollowTheirLaw(t *testing.T) {
	const n = 100_000
	for _, tt := range []struct {
		kind             string
		rate, burstiness float64
		cdf              func(float64) float64
	}{
		{"poisson", 20, 1, distuv.Exponential{Rate: 20}.CDF},
		{"gamma", 20, 1, distuv.Exponential{Rate: 20}.CDF},
		{"gamma", 7, 0.25, distuv.Gamma{Alpha: 0.25, Beta: 0.25 * 7}.CDF},
		{"gamma", 7, 4, distuv.Gamma{Alpha: 4, Beta: 4 * 7}.CDF},
	} {
		for _, seed := range []int64{1, 2, -3} {
			s := mustParse(t, tt.kind, tt.rate, seed, tt.burstiness)
			gaps := make([]float64, n)
			last := time.Duration(0)
			for i := range gaps {
				at := due(t, s, i)
				gaps[i] = (at - last).Seconds()
				last = at
			}
			if d := ksDistance(gaps, tt.cdf); d > 1.95/math.Sqrt(n) {
				t.Errorf("%s, burstiness %v, seed %d: KS distance %.5f, want at most %.5f", tt.kind, tt.burstiness, seed, d, 1.95/math.Sqrt(n))
			}
			// Independence: the correlation of neighbours is near 0.
			if r := stat.Correlation(gaps[1:], gaps[:n-1], nil); math.Abs(r) > 4/math.Sqrt(n) {
				t.Errorf("%s, seed %d: correlation of neighbouring gaps %.4f, want 0 ± %.4f", tt.kind, seed, r, 4/math.Sqrt(n))
			}
		}
	}
}

// ksDistance is the largest difference between the empirical and the law's
// distribution function.
func ksDistance(x []float64, cdf func(float64) float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	n := float64(len(x))
	d := 0.0
	for i, v := range x {
		f := cdf(v)
		d = max(d, math.Abs(f-float64(i)/n), math.Abs(float64(i+1)/n-f))
	}
	return d
}

// Counts per second of a Poisson schedule have a variance as large as their
// mean: a renormalised schedule, or one pinned to whole seconds, has less. And
// the time of the last arrival varies from seed to seed.
func TestPoissonIsNotConditioned(t *testing.T) {
	const n, rate = 100_000, 50.0
	s := mustParse(t, "poisson", rate, 7, 1)
	var counts []float64
	for i := range n {
		second := int(due(t, s, i) / time.Second)
		for len(counts) <= second {
			counts = append(counts, 0)
		}
		counts[second]++
	}
	counts = counts[:len(counts)-1] // the last second is not whole
	m, v := stat.MeanVariance(counts, nil)
	// The dispersion index of k counts has a standard error of √(2/(k−1)).
	if index, se := v/m, math.Sqrt(2/float64(len(counts)-1)); math.Abs(index-1) > 4*se {
		t.Errorf("variance over mean of the counts per second: got %.3f, want 1 ± %.3f", index, 4*se)
	}
	var ends []float64
	for seed := range int64(200) {
		ends = append(ends, due(t, mustParse(t, "poisson", rate, seed, 1), 999).Seconds())
	}
	m, v = stat.MeanVariance(ends, nil)
	// The 1,000th arrival is at 20 s on average, with a deviation of √1000/50.
	if want := math.Sqrt(1000) / rate; math.Abs(m-20) > 4*want/math.Sqrt(200) || math.Abs(math.Sqrt(v)/want-1) > 0.2 {
		t.Errorf("1,000th arrival: got %.2f ± %.3f s, want 20 ± %.3f", m, math.Sqrt(v), want)
	}
}

// A schedule is a function of its parameters and n alone: not of the order in
// which it is asked, and equal for equal seeds only.
func TestScheduleIsPure(t *testing.T) {
	kinds := []string{"poisson", "gamma", "constant", "linear:30:10s", "exponential:30:10s"}
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(r, "kind")
		rate := rapid.Float64Range(0.01, 1e5).Draw(r, "rate")
		burstiness := rapid.Float64Range(0.1, 20).Draw(r, "burstiness")
		seed := rapid.Int64().Draw(r, "seed")
		forwards := mustParse(t, kind, rate, seed, burstiness)
		backwards := mustParse(t, kind, rate, seed, burstiness)
		const n = 50
		var times [n]time.Duration
		for i := n - 1; i >= 0; i-- {
			times[i], _ = backwards.Due(i)
		}
		for i := range n {
			if got, _ := forwards.Due(i); got != times[i] {
				r.Fatalf("%s: Due(%d): got %v forwards, %v backwards", kind, i, got, times[i])
			}
			if i > 0 && times[i] < times[i-1] {
				r.Fatalf("%s: Due(%d) = %v is before Due(%d) = %v", kind, i, times[i], i-1, times[i-1])
			}
		}
		if ScheduleHash(forwards, n) != ScheduleHash(backwards, n) {
			r.Fatalf("%s: equal schedules have different hashes", kind)
		}
	})
	a, b := mustParse(t, "poisson", 5, 1, 1), mustParse(t, "poisson", 5, 2, 1)
	if ScheduleHash(a, 10) == ScheduleHash(b, 10) {
		t.Error("seeds 1 and 2 have the same hash")
	}
	// SHA-256 of the times as little-endian uint64, computed with Python's
	// hashlib: a change of the hash breaks comparison with
	// earlier runs.
	if got, want := ScheduleHash(mustParse(t, "constant", 10, 1, 1), 3), "bffc78f9757edda865334a95e734c826b62f651c9b52eb10da1d8a76f421b656"; got != want {
		t.Errorf("hash of 0, 0.1, 0.2 s: got %s, want %s", got, want)
	}
}

func TestClosedLoopHash(t *testing.T) {
	reqs := []datasets.Request{{Index: 4, Conversation: "a"}, {Index: 2, Conversation: "b"}}
	base := ClosedLoopHash(8, 0, reqs)
	if got := ClosedLoopHash(8, 0, slices.Clone(reqs)); got != base {
		t.Errorf("the same load: got %s, want %s", got, base)
	}
	for name, got := range map[string]string{
		"another concurrency": ClosedLoopHash(9, 0, reqs),
		"a think time":        ClosedLoopHash(8, time.Second, reqs),
		"another order":       ClosedLoopHash(8, 0, []datasets.Request{reqs[1], reqs[0]}),
	} {
		if got == base {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}

func TestParseArrivalRefuses(t *testing.T) {
	for _, tt := range []struct {
		kind       string
		rate       float64
		burstiness float64
		at         []time.Duration
		err        string
	}{
		{"uniform", 1, 1, nil, "want poisson, gamma, constant"},
		{"poisson", 0, 1, nil, "want more than 0"},
		{"poisson", -1, 1, nil, "want more than 0"},
		{"poisson", math.NaN(), 1, nil, "want more than 0"},
		{"poisson:3", 1, 1, nil, "takes no argument"},
		{"gamma", 1, 0, nil, "burstiness 0"},
		{"gamma", 1, math.NaN(), nil, "burstiness NaN"},
		{"linear", 1, 1, nil, "want linear:TO:OVER"},
		{"linear:x:1s", 1, 1, nil, "finite rates above 0"},
		{"linear:0:1s", 1, 1, nil, "finite rates above 0"},
		{"exponential:2:1", 1, 1, nil, "want a duration"},
		{"exponential:2:-1s", 1, 1, nil, "want a duration"},
		{"linear:2:1s", math.Inf(1), 1, nil, "finite rates"},
		{"trace", 1, 1, nil, "no arrival times"},
		{"trace", 1, 1, []time.Duration{-1, -1}, "no arrival times"},
		{"trace", 1, 1, []time.Duration{5, 3}, "not in order"},
		{"trace:0", 1, 1, []time.Duration{0, 3}, "scale"},
		{"trace:1:2:loop", 1, 1, []time.Duration{0, 3}, "want trace[:SCALE][:loop]"},
		{"trace:loop", 1, 1, []time.Duration{0, 0}, "nothing to loop"},
	} {
		if _, err := ParseArrival(tt.kind, tt.rate, 1, tt.burstiness, tt.at); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("ParseArrival(%q, %v, burstiness %v, %v): got %v, want %q", tt.kind, tt.rate, tt.burstiness, tt.at, err, tt.err)
		}
	}
}
