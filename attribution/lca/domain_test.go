package lca

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// No draw of any figure leaves what it can physically be, whatever its spread.
func TestDrawsStayInTheDomain(t *testing.T) {
	domains := map[string]struct {
		within      domain
		least, most float64
	}{
		"positive": {positive, 1e-3, 1e6}, "not negative": {notNegative, 1e-3, 1e6}, "share": {share, 1e-3, 1},
		"PUE": {overhead, 1, 20}, "host factor": {hostFactor, 1, 100},
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"positive", "not negative", "share", "PUE", "host factor"}).Draw(t, "domain")
		d := domains[name]
		value := rapid.Float64Range(d.least, d.most).Draw(t, "value")
		s := Spread{Shape: rapid.SampledFrom([]Shape{Lognormal, Normal, Uniform, LogUniform, Triangular, Fixed}).Draw(t, "shape")}
		switch s.Shape {
		case Lognormal:
			s.GSD = rapid.Float64Range(1.001, 20).Draw(t, "gsd")
		case Normal:
			s.SD = rapid.Float64Range(0.001, 50).Draw(t, "sd") * value
		case Uniform, LogUniform, Triangular:
			s.Low = math.Max(d.least, value*rapid.Float64Range(0.1, 0.99).Draw(t, "low"))
			s.High = math.Min(d.most, value*rapid.Float64Range(1.01, 10).Draw(t, "high"))
			if s.check(value) != nil || d.within.bounds(s, 1) != nil {
				t.Skip("the loader refuses it")
			}
		}
		dist := newDistribution(s, value, 1, d.within)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 200 {
			v := dist.at(3 * rng.NormFloat64())
			if math.IsNaN(v) || v < d.within.low || v > d.within.high {
				t.Fatalf("%s %g with %s: drawn as %g", name, value, s, v)
			}
		}
	})
}

// A PUE of 1.09 that somebody transcribed is never drawn below 1, and its median
// stays where it is.
func TestPUEIsNeverBelowOne(t *testing.T) {
	d := newDistribution(DefaultSpread(Secondary), 1.09, 1, overhead)
	if got := d.at(0); math.Abs(got-1.09) > 1e-12 {
		t.Errorf("median %g, want 1.09", got)
	}
	if got := d.at(-8); got < 1 {
		t.Errorf("eight standard deviations below: %g", got)
	}
}
