package summary

import (
	"encoding/json"
	"math"
	"slices"

	"cfubench/internal/stats"
)

// Figure is a number that may be unknown: NaN in Go, null in JSON, a dash in
// tables.
type Figure float64

// Unknown is the figure that nobody could tell.
func Unknown() Figure { return Figure(math.NaN()) }

// Known reports whether the figure is a number.
func (f Figure) Known() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON writes null for an unknown figure.
func (f Figure) MarshalJSON() ([]byte, error) {
	if !f.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads null as unknown.
func (f *Figure) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = Unknown()
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}

// per is f over n, unknown where n is zero.
func per(f float64, n float64) Figure {
	if n == 0 {
		return Unknown()
	}
	return Figure(f / n)
}

// Interval is a mean with its confidence interval at stats.Confidence, from
// batch means within a run or from repeats of it; of a load point's figures above
// zero on the logarithmic scale, by the noise that the run's load points share. Lo
// and Hi are unknown where the data give none; Warnings say why.
type Interval struct {
	Mean     Figure   `json:"mean"`
	Lo       Figure   `json:"lo"`
	Hi       Figure   `json:"hi"`
	Samples  int      `json:"samples"`
	Warnings []string `json:"warnings,omitempty"`
}

func intervalOf(i stats.Interval) Interval {
	return Interval{Figure(i.Center), Figure(i.Lo), Figure(i.Hi), i.Samples, i.Warnings}
}

// Distribution is the exact distribution of one duration or energy over the
// completed requests (or their tokens), in seconds or joules.
type Distribution struct {
	N    int    `json:"n"`
	Mean Figure `json:"mean"`
	Min  Figure `json:"min"`
	P50  Figure `json:"p50"`
	P90  Figure `json:"p90"`
	P95  Figure `json:"p95"`
	P99  Figure `json:"p99"`
	Max  Figure `json:"max"`
	// P99Bound is what the true 99th percentile exceeds with a probability of
	// at most 1 %, by MLPerf LoadGen's early stopping; null under 662 samples.
	P99Bound Figure `json:"p99_bound"`
	// Approximate: more values than are kept; quantiles are then from a
	// histogram of three significant digits.
	Approximate bool `json:"approximate,omitempty"`
	// Quantiles at 0, 1/50, … 1, for plots; kept only in memory.
	Quantiles []float64 `json:"-"`
}

// plotted is the number of steps of Quantiles.
const plotted = 50

// distributionOf sorts values, which are nanoseconds or another non-negative
// integer, and scales the results.
func distributionOf(values []int64, scale float64) Distribution {
	d := emptyDistribution()
	if len(values) == 0 {
		return d
	}
	var sum float64
	for _, v := range values {
		sum += float64(v)
	}
	stats.SortNanoseconds(values)
	q := func(p float64) Figure { return Figure(stats.Quantile(values, p) * scale) }
	d.N, d.Mean = len(values), Figure(sum/float64(len(values))*scale)
	d.Min, d.P50, d.P90, d.P95, d.P99, d.Max = q(0), q(0.5), q(0.9), q(0.95), q(0.99), q(1)
	if bound, ok := stats.PercentileBound(values, 0.99, stats.BoundConfidence); ok {
		d.P99Bound = Figure(bound * scale)
	}
	for k := range plotted + 1 {
		d.Quantiles = append(d.Quantiles, float64(q(float64(k)/plotted)))
	}
	return d
}

// energyDistribution is the distribution of energies in joules, which may be
// negative by a quantum.
func energyDistribution(values []float64) Distribution {
	d := emptyDistribution()
	if len(values) == 0 {
		return d
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	q := func(p float64) Figure { return Figure(stats.Quantile(sorted, p)) }
	d.N, d.Mean = len(values), Figure(stats.Mean(values))
	d.Min, d.P50, d.P90, d.P95, d.P99, d.Max = q(0), q(0.5), q(0.9), q(0.95), q(0.99), q(1)
	if bound, ok := stats.PercentileBound(sorted, 0.99, stats.BoundConfidence); ok {
		d.P99Bound = Figure(bound)
	}
	for k := range plotted + 1 {
		d.Quantiles = append(d.Quantiles, float64(q(float64(k)/plotted)))
	}
	return d
}

func emptyDistribution() Distribution {
	u := Unknown()
	return Distribution{Mean: u, Min: u, P50: u, P90: u, P95: u, P99: u, Max: u, P99Bound: u}
}
