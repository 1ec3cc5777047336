package attribution_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// A load of which a log of somebody else's gauge alone is known, and not that the
// time beside it was idle, lies within ± U95: whatever the gauge averages over,
// however seldom the log has it, and whether or not the card is known.
func TestLoggedGauges(t *testing.T) {
	card := func(product string, r gauge.Register) gauge.Gauge {
		return gauge.Of(gauge.Card{Product: product, Driver: "535.54.03"}, r)
	}
	for _, row := range []struct {
		name string
		g    gauge.Gauge
		dial simulated.Dial
	}{
		{"an H100's mean over 1 s", card("NVIDIA H100 PCIe", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}},
		{"the same of a card that is not named", card("", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}},
		{"an A100's 25 of each 100 ms", card("NVIDIA A100-SXM4-80GB", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 50 * ms}},
		{"the same every 250 ms, unnamed", card("", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 250 * ms}},
		{"a 3090's instantaneous gauge", card("NVIDIA GeForce RTX 3090", gauge.Instant), simulated.Dial{Period: 100 * ms, Average: 100 * ms, Poll: 20 * ms}},
		{"a V100's 10 of each 20 ms, every 100 ms", card("Tesla V100-SXM2-16GB", gauge.Usage), simulated.Dial{Period: 20 * ms, Average: 10 * ms, Poll: 100 * ms}},
		{"a mean over 1 s that changes every 500 ms, unnamed", card("", gauge.Usage), simulated.Dial{Period: 500 * ms, Average: time.Second, Poll: 50 * ms}},
		{"a look of 2 ms every 10, unnamed", card("", gauge.Usage), simulated.Dial{Period: 10 * ms, Average: 2 * ms, Poll: 10 * ms}},
	} {
		for _, length := range []time.Duration{500 * ms, time.Second, 2 * time.Second, 5 * time.Second} {
			const n = 60
			covered, square, stated := 0, 0.0, 0.0
			for i := range n {
				rng := rand.New(rand.NewPCG(uint64(length), uint64(i)))
				cell := simulated.NewCell(rng, 100*meter.Watt, 3*time.Second, length)
				trace := dial(row.dial)(rng, cell.Truth)
				trace.Domain.UpdatePeriod = 0 // a log does not say
				curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
				e := curve.Estimate(cell.Window, attribution.Surroundings{Gauge: row.g.Logged(max(row.dial.Poll, curve.Changes()))})
				want := cell.Truth.Over(cell.Window).Joules()
				off, u := e.Energy.Joules()/want-1, e.Uncertainty.U95().Joules()/want
				square, stated = square+off*off/n, stated+u/n
				if math.Abs(off) <= u {
					covered++
				}
			}
			t.Logf("%s, %v: rms %.0f %%, ± %.0f %%, %d of %d", row.name, length, 100*math.Sqrt(square), 100*stated, covered, n)
			if covered < n*95/100 {
				t.Errorf("%s, %v: %d of %d within ± U95, want 95 %%", row.name, length, covered, n)
			}
		}
	}
}
