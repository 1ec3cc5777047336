package attribution_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// setting is where windows of a gauge lie whose looks are far apart.
type setting struct {
	name string
	// draw is a truth, a window in it, and what is known of the time about it.
	draw func(*rand.Rand, time.Duration) (*simulated.Truth, meter.Window, attribution.Surroundings)
	// logged: the update period is not known, but the interval of a log.
	logged bool
}

func settings() []setting {
	cell := func(rng *rand.Rand, length time.Duration) simulated.Cell {
		return simulated.NewCell(rng, 100*meter.Watt, 6*time.Second, length+time.Duration(rng.Int64N(int64(length/4))))
	}
	return []setting{
		{"a load in a log", func(rng *rand.Rand, length time.Duration) (*simulated.Truth, meter.Window, attribution.Surroundings) {
			c := cell(rng, length)
			return c.Truth, c.Window, attribution.Surroundings{}
		}, true},
		{"a load between idle windows", func(rng *rand.Rand, length time.Duration) (*simulated.Truth, meter.Window, attribution.Surroundings) {
			c := cell(rng, length)
			return c.Truth, c.Window, attribution.Surroundings{IdleBefore: c.Before, IdleAfter: c.After}
		}, false},
		{"any time of a long load in a log", func(rng *rand.Rand, length time.Duration) (*simulated.Truth, meter.Window, attribution.Surroundings) {
			truth := simulated.Inference(rng, 40*time.Second)
			return truth, simulated.Window(rng, meter.Window{Start: 8 * time.Second, End: 32 * time.Second}, length, length), attribution.Surroundings{}
		}, true},
		{"steps of load in a log", func(rng *rand.Rand, length time.Duration) (*simulated.Truth, meter.Window, attribution.Surroundings) {
			truth := &simulated.Truth{}
			for k := range 10 {
				level := []float64{100e6, 600e6}[k%2]
				for end := truth.End() + time.Duration((2+rng.Float64()*6)*1e9); truth.End() < end; {
					truth.Step(time.Duration(50+rng.IntN(100))*ms, meter.Power(level*(1+0.02*rng.NormFloat64())))
				}
			}
			return truth, simulated.Window(rng, meter.Window{Start: 8 * time.Second, End: truth.End() - 8*time.Second}, length, length), attribution.Surroundings{}
		}, true},
	}
}

// Windows of gauges whose looks are a second or more apart lie within ± U95: also
// those that no look falls in.
func TestLooksFarApart(t *testing.T) {
	card := func(product string, r gauge.Register) gauge.Gauge {
		return gauge.Of(gauge.Card{Product: product, Driver: "535.54.03"}, r)
	}
	lengths := []time.Duration{500 * ms, time.Second, 2 * time.Second, 5 * time.Second}
	var b strings.Builder
	b.WriteString("| gauge | window | 0.5 s | 1 s | 2 s | 5 s |\n|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		name  string
		g     gauge.Gauge
		dial  simulated.Dial
		scope meter.Scope
	}{
		{"mean over 1 s, an H100 by its name, every 1 s", card("NVIDIA H100 PCIe", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: time.Second}, meter.ScopeGPU},
		{"25 of each 100 ms, an A100 by its name, every 1 s", card("NVIDIA A100-SXM4-80GB", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: time.Second}, meter.ScopeGPU},
		{"the same, unnamed", card("", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: time.Second}, meter.ScopeGPU},
		{"mean over 100 ms, a 3090's instantaneous gauge, every 1 s", card("NVIDIA GeForce RTX 3090", gauge.Instant), simulated.Dial{Period: 100 * ms, Average: 100 * ms, Poll: time.Second}, meter.ScopeGPU},
		{"a meter at the wall, mean over 1 s, every 1 s", gauge.OfDomain(meter.Domain{Source: "ptd", Kind: meter.KindPower, Scope: meter.ScopeNode}), simulated.Dial{Period: time.Second, Average: time.Second, Poll: time.Second}, meter.ScopeNode},
		{"a BMC's look of 20 ms, every 1 s", gauge.OfDomain(meter.Domain{Source: "redfish", Kind: meter.KindPower, Scope: meter.ScopeNode}), simulated.Dial{Period: time.Second, Average: 20 * ms, Poll: time.Second}, meter.ScopeNode},
		{"mean over 1 s, an H100 by its name, every 5 s", card("NVIDIA H100 PCIe", gauge.Usage), simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 5 * time.Second}, meter.ScopeGPU},
	} {
		for _, s := range settings() {
			fmt.Fprintf(&b, "| %s | %s |", row.name, s.name)
			for _, length := range lengths {
				const n = 100
				got := comparison{}
				mean := 0.0
				for i := range n {
					rng := rand.New(rand.NewPCG(uint64(length), uint64(i)))
					truth, w, about := s.draw(rng, length)
					trace := dial(row.dial)(rng, truth)
					trace.Domain.Limit, trace.Domain.UpdatePeriod, trace.Domain.Scope = 0, 0, row.scope
					about.Gauge = row.g
					if !s.logged {
						trace.Domain.UpdatePeriod = row.dial.Poll
					}
					curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
					if s.logged {
						about.Gauge = row.g.Logged(max(row.dial.Poll, curve.Changes()))
					}
					e := curve.Estimate(w, about)
					if !e.HasEnergy {
						continue // of windows of fewer than two looks beside which nothing is known to be idle
					}
					want := truth.Over(w).Joules()
					off, u := e.Energy.Joules()-want, e.Uncertainty.U95().Joules()
					got.n, mean, got.rms, got.u95 = got.n+1, mean+want, got.rms+off*off, got.u95+u
					if math.Abs(off) <= u {
						got.covered++
					}
				}
				if got.n == 0 {
					b.WriteString(" – |")
					continue
				}
				mean /= float64(got.n)
				fmt.Fprintf(&b, " %.0f ± %.0f %%, %d of %d |", 100*math.Sqrt(got.rms/float64(got.n))/mean, 100*got.u95/float64(got.n)/mean, got.covered, got.n)
				if got.covered < got.n*95/100 {
					t.Errorf("%s, %s of %v: %d of %d within ± U95, want 95 %%", row.name, s.name, length, got.covered, got.n)
				}
			}
			b.WriteString("\n")
		}
	}
	t.Logf("rms error and mean U95, relative to the mean energy:\n%s", b.String())
}

// A load that no reading shows has a warning that says so, and one that readings
// show has none.
func TestUnseenLoadIsWarnedOf(t *testing.T) {
	truth := &simulated.Truth{}
	truth.Step(5200*ms, 100*meter.Watt)
	truth.Step(600*ms, 500*meter.Watt)
	truth.Step(5*time.Second, 100*meter.Watt)
	at := func(times ...time.Duration) []meter.Reading {
		var out []meter.Reading
		for _, t := range times {
			out = append(out, meter.Reading{Before: t, After: t, HasPower: true, Power: truth.Power(t), Status: meter.StatusOK})
		}
		return out
	}
	w := meter.Window{Start: 5200 * ms, End: 5800 * ms}
	g := gauge.Of(gauge.Card{Product: "NVIDIA A100-SXM4-80GB"}, gauge.Usage).Logged(time.Second)
	for _, row := range []struct {
		name     string
		readings []meter.Reading
		warned   bool
	}{
		{"readings at full seconds miss it", at(time.Second, 2*time.Second, 3*time.Second, 4*time.Second, 5*time.Second, 6*time.Second, 7*time.Second, 8*time.Second), true},
		{"readings at half seconds see it", at(1500*ms, 2500*ms, 3500*ms, 4500*ms, 5500*ms, 6500*ms, 7500*ms, 8500*ms), false},
	} {
		curve, _ := attribution.NewCurve(meter.Domain{Name: "gpu0", Kind: meter.KindPower, Scope: meter.ScopeGPU}, row.readings)
		e := curve.Estimate(w, attribution.Surroundings{Gauge: g})
		warned := false
		for _, x := range e.Warnings {
			warned = warned || x.Code == "unseen"
		}
		if warned != row.warned {
			t.Errorf("%s: warned %t, want %t (%v)", row.name, warned, row.warned, e.Warnings)
		}
		if want := truth.Over(w); (e.Energy-want).Joules() > e.Uncertainty.U95().Joules() || (want-e.Energy).Joules() > e.Uncertainty.U95().Joules() {
			t.Errorf("%s: got %v ± %v, want %v within it", row.name, e.Energy, e.Uncertainty.U95(), want)
		}
	}
}
