package lca

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// In a linear output the Monte Carlo's mean is the sum of the inputs' means:
// embodied carbon is linear in the board's kilograms (lognormal here), carbon
// of operation in the product of independent energy and intensity.
func TestMonteCarloMeanIsAnalytic(t *testing.T) {
	inv := inventoryOf(t, good)
	inv.Hardware[0].Lifespan.Spread = &Spread{Shape: Fixed}
	inv.LifetimeInferences.Spread = &Spread{Shape: Fixed}
	u := Usage{Cell: "c", Requests: 1000, Energy: 3600 * meter.Joule, EnergyLo: 3000 * meter.Joule, EnergyHi: 5000 * meter.Joule,
		EnergyKind: meter.KindCounter, Metered: Device, BusyTime: time.Hour, Devices: 1}
	shapes := []Spread{
		{Shape: Lognormal, GSD: 1.3}, {Shape: Normal, SD: 10}, {Shape: Uniform, Low: 50, High: 300},
		{Shape: LogUniform, Low: 10, High: 1000}, {Shape: Triangular, Low: 90, High: 160},
	}
	const draws = 200_000
	for _, shape := range shapes {
		t.Run(string(shape.Shape), func(t *testing.T) {
			inv.Hardware[0].Impacts["carbon"].Spread = &shape
			a, err := Assess(inv, u, Options{Draws: draws, Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			o, _ := a.Outcome(GWP, Embodied)
			want := meanOf(distributionOf(inv.Hardware[0].Impacts["carbon"])) / 35040
			// Five standard errors of the widest shape (relative SD below 1.2).
			if math.Abs(o.Mean/want-1) > 5*1.2/math.Sqrt(draws) {
				t.Errorf("embodied: mean %g, want %g", o.Mean, want)
			}
			op, _ := a.Outcome(GWP, Inference)
			mean := (3000 + 5000) / 2 / 3.6e6 // of the metered bracket, kWh
			want = mean * meanOf(distributionOf(inv.Facility.PUE)) * meanOf(distributionOf(inv.Electricity.Impacts["carbon"]))
			if math.Abs(op.Mean/want-1) > 5*0.3/math.Sqrt(draws) {
				t.Errorf("operation: mean %g, want %g", op.Mean, want)
			}
		})
	}
}

// meanOf is a distribution's mean, by its quantiles.
func meanOf(d distribution) float64 {
	const n = 200_000
	sum := 0.0
	for i := range n {
		sum += d.quantile((float64(i) + 0.5) / n)
	}
	return sum / n
}

// The interval is the central 95 %: of a lone lognormal, value·GSD^±1.96.
func TestIntervalIsCentral95Percent(t *testing.T) {
	inv := inventoryOf(t, good)
	inv.Hardware[0].Lifespan.Spread = &Spread{Shape: Fixed}
	inv.Hardware[0].Impacts["carbon"].Spread = &Spread{Shape: Lognormal, GSD: 1.5}
	u := Usage{Cell: "c", Requests: 1, Energy: meter.Joule, Metered: Device, BusyTime: time.Hour, Devices: 1}
	a, err := Assess(inv, u, Options{Draws: 200_000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := a.Outcome(GWP, Embodied)
	for _, c := range []struct {
		what      string
		got, want float64
	}{{"low", o.Lo / o.Value, math.Pow(1.5, -1.959964)}, {"high", o.Hi / o.Value, math.Pow(1.5, 1.959964)}} {
		if math.Abs(c.got/c.want-1) > 0.01 {
			t.Errorf("%s end: got %.4f of the value, want %.4f", c.what, c.got, c.want)
		}
	}
}

// The same seed gives the same table; another seed another.
func TestMonteCarloIsSeeded(t *testing.T) {
	inv, err := Load(DefaultPreset, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(seed uint64) []Row {
		a, err := Assess(inv, inv.Model.Usage(inv.Model.Runs[0]), Options{Draws: 1000, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return a.Rows
	}
	if !slices.Equal(rows(1), rows(1)) {
		t.Error("the same seed gave two tables")
	}
	if slices.Equal(rows(1), rows(2)) {
		t.Error("two seeds gave the same table")
	}
}

// What two stages share moves them together: with the hardware's carbon as the
// only uncertain input, the total's interval is as wide as the sum of the
// stages', where independent draws would make it narrower.
func TestSharedInputsAreCorrelated(t *testing.T) {
	inv := inventoryOf(t, good)
	for _, d := range inv.Figures() {
		d.Spread = &Spread{Shape: Fixed}
	}
	inv.Hardware[0].Impacts["carbon"].Spread = &Spread{Shape: Lognormal, GSD: 1.5}
	u := Usage{Cell: "c", Requests: 1000, Energy: meter.Joule, Metered: Device, BusyTime: 20 * time.Hour, Devices: 1}
	a, err := Assess(inv, u, Options{Draws: 20_000, LifetimeInferences: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	embodied, _ := a.Outcome(GWP, Embodied)
	training, _ := a.Outcome(GWP, Training)
	total, _ := a.Outcome(GWP, Total)
	got, want := total.Hi-total.Lo, (embodied.Hi-embodied.Lo)+(training.Hi-training.Lo)
	if math.Abs(got/want-1) > 2e-3 {
		t.Errorf("total is %g wide, its stages together %g", got, want)
	}
}

// Without draws the interval is the meter's bracket, passed through.
func TestBracketWithoutMonteCarlo(t *testing.T) {
	inv := inventoryOf(t, good)
	u := Usage{Cell: "c", Requests: 1, Energy: 100 * meter.Joule, EnergyLo: 90 * meter.Joule, EnergyHi: 120 * meter.Joule, Metered: Device, BusyTime: time.Hour}
	a, err := Assess(inv, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := a.Outcome(GWP, Inference)
	if math.Abs(o.Lo/o.Value-0.9) > 1e-12 || math.Abs(o.Hi/o.Value-1.2) > 1e-12 {
		t.Errorf("got %g to %g around %g, want 0.9 to 1.2 of it", o.Lo, o.Hi, o.Value)
	}
	if o, _ := a.Outcome(GWP, Training); o.Lo != o.Value || o.Hi != o.Value {
		t.Errorf("training: got %g to %g around %g, want no width: the bracket is of inference", o.Lo, o.Hi, o.Value)
	}
}

// A histogram's quantile is that of the sorted draws to 0.1 %, whatever their
// sign and size.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e9), 60, 80).Draw(t, "values")
		var h histogram
		for _, v := range values {
			h.add(v)
		}
		slices.Sort(values)
		for _, p := range []float64{0.025, 0.5, 0.975} {
			k := int(math.Ceil(p*float64(len(values)))) - 1
			lo, hi := values[max(k-1, 0)], values[min(k+1, len(values)-1)]
			if got, slack := h.quantile(p), 1.2e-3*math.Max(math.Abs(lo), math.Abs(hi)); got < lo-slack || got > hi+slack {
				t.Errorf("quantile %g is %g, between %g and %g of the sorted draws", p, got, lo, hi)
			}
		}
	})
}

// Every quantile function inverts its distribution: a sample's share below the
// p-quantile is p.
func TestQuantilesMatchSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range []Spread{{Shape: Lognormal, GSD: 2}, {Shape: Normal, SD: 3}, {Shape: Uniform, Low: 5, High: 20}, {Shape: LogUniform, Low: 1, High: 100}, {Shape: Triangular, Low: 2, High: 40}} {
		d := distributionOf(&Datum{Value: 10, Unit: "kWh", canonical: 10, dimension: "energy", Spread: &s})
		for _, p := range []float64{0.025, 0.3, 0.5, 0.975} {
			q, below := d.quantile(p), 0
			const n = 40_000
			for range n {
				if d.at(rng.NormFloat64()) < q {
					below++
				}
			}
			if got := float64(below) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("%s: %.4f of the samples lie below the %.3f quantile", s.Shape, got, p)
			}
		}
	}
}

// 100,000 draws of the default inventory with all its categories, stages and
// break-even points: the contract is under a second.
//
//	go test -run none -bench MonteCarlo ./attribution/lca
func BenchmarkMonteCarlo100k(b *testing.B) {
	for _, name := range []string{DefaultPreset, "olmo2-7b-us"} {
		b.Run(name, func(b *testing.B) {
			inv, err := Load(name, nil)
			if err != nil {
				b.Fatal(err)
			}
			u := inv.Model.Usage(inv.Model.Runs[0])
			for b.Loop() {
				if _, err := Assess(inv, u, Options{Draws: 100_000, Seed: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
