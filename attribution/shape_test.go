package attribution_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// ring is one kind of a driver's own samples.
type ring struct {
	name string
	dial simulated.Dial
	// every is how often the buffer has a sample, where that is more often than the
	// sensor has a figure.
	every time.Duration
	// used is how many of a hundred loads they may shape, at least and at most.
	least, most int
}

func (r ring) samples(rng *rand.Rand, truth *simulated.Truth) []meter.PowerSample {
	all := r.dial.Samples(rng, truth)
	if r.every == 0 {
		return all
	}
	var out []meter.PowerSample
	for _, s := range all {
		for at := s.At(); at < s.At()+r.dial.Period; at += r.every {
			out = append(out, meter.PowerSample{Before: at, After: at, Power: s.Power})
		}
	}
	return out
}

func rings() []ring {
	return []ring{
		{"mean over 20 ms, every 20 ms", simulated.Dial{Period: 20 * ms, Average: 20 * ms}, 0, 90, 100},
		{"the same, 60 ms late", simulated.Dial{Period: 20 * ms, Average: 20 * ms, Error: simulated.Error{Delay: 60 * ms}}, 0, 90, 100},
		{"the same, gain +4 %", simulated.Dial{Period: 20 * ms, Average: 20 * ms, Error: simulated.Error{Gain: 0.04}}, 0, 90, 100},
		{"look of 2 ms, every 20 ms", simulated.Dial{Period: 20 * ms, Average: 2 * ms}, 0, 90, 100},
		{"mean over 100 ms, every 20 ms", simulated.Dial{Period: 20 * ms, Average: 100 * ms}, 0, 0, 100},
		{"25 ms of each 100 ms", simulated.Dial{Period: 100 * ms, Average: 25 * ms}, 0, 0, 100},
		{"the same, each five times", simulated.Dial{Period: 100 * ms, Average: 25 * ms}, 20 * ms, 0, 100},
		{"mean over 1 s, every 20 ms", simulated.Dial{Period: 20 * ms, Average: time.Second}, 0, 0, 0},
		{"gain +20 %", simulated.Dial{Period: 20 * ms, Average: 20 * ms, Error: simulated.Error{Gain: 0.2}}, 0, 0, 0},
	}
}

// coarseSensor is one whose updates are further apart than a driver's samples.
type coarseSensor struct {
	name string
	read func(*rand.Rand, *simulated.Truth) simulated.Trace
	g    gauge.Gauge
}

// coarse are a register, and a gauge of which second is known.
func coarse(second gauge.Gauge) []coarseSensor {
	return []coarseSensor{
		{"counter, 100 ms", register(20*ms, nil), always()},
		{"gauge, mean over 1 s", dial(simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 20 * ms}), second},
	}
}

// TestShapeAgainstTheTruth prints the table of docs/estimator.md: random windows of
// a register, and of a gauge's cells, with a driver's samples and without.
func TestShapeAgainstTheTruth(t *testing.T) {
	lengths := []time.Duration{20 * ms, 50 * ms, 100 * ms, 200 * ms, 500 * ms, time.Second}
	var b strings.Builder
	b.WriteString("| sensor | samples | used | 20 ms | 50 ms | 100 ms | 200 ms | 500 ms | 1 s |\n|---|---|---|---|---|---|---|---|---|\n")
	second := always()
	second.Average, second.Period = time.Second, 100*ms
	for _, sensor := range coarse(second) {
		plain := make([]float64, len(lengths))
		for r, ring := range append([]ring{{name: "none"}}, rings()...) {
			const loads = 20
			used := 0
			square, energy := make([]float64, len(lengths)), make([]float64, len(lengths))
			for i := range loads {
				rng := rand.New(rand.NewPCG(17, uint64(i)))
				cell := simulated.NewCell(rng, 100*meter.Watt, 3*time.Second, 10*time.Second)
				trace := sensor.read(rng, cell.Truth)
				curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
				curve = curve.With(sensor.g)
				if r > 0 {
					curve = curve.Shaped(ring.samples(rng, cell.Truth))
				}
				e := curve.Estimate(cell.Window, attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After, Gauge: sensor.g})
				if how := e.Shaping; how.Used {
					used++
				} else if r > 0 && how.Reason == "" {
					t.Errorf("%s, %s: not used, without a reason", sensor.name, ring.name)
				}
				draws := rand.New(rand.NewPCG(5, uint64(i)))
				for l, length := range lengths {
					for range 200 {
						w := simulated.Window(draws, cell.Window, length, length)
						want := float64(cell.Truth.Over(w))
						off := float64(e.Curve.Total(w)) - want
						square[l], energy[l] = square[l]+off*off, energy[l]+want
					}
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %d of %d |", sensor.name, ring.name, used, loads)
			for l := range lengths {
				rms := math.Sqrt(square[l]/(200*loads)) / (energy[l] / (200 * loads))
				fmt.Fprintf(&b, " %.2g %% |", 100*rms)
				if r == 0 {
					plain[l] = rms
				} else if rms > 1.02*plain[l] {
					t.Errorf("%s, %s, windows of %v: rms %.3g %% with the samples, %.3g %% without", sensor.name, ring.name, lengths[l], 100*rms, 100*plain[l])
				}
			}
			b.WriteString("\n")
			if share := 100 * used / loads; r > 0 && (share < ring.least || share > ring.most) {
				t.Errorf("%s, %s: used for %d of %d loads", sensor.name, ring.name, used, loads)
			}
		}
	}
	t.Logf("\n%s", b.String())
}

// TestShapeOfRows holds the rows of requests by three conventions against what the
// same convention makes of the true power, with a driver's samples and without.
func TestShapeOfRows(t *testing.T) {
	second := always()
	second.Average, second.Period = time.Second, 100*ms
	second.Gain, second.Offset = 0, 0
	conventions := []attribution.Convention{attribution.Residency{}, attribution.Phase{}, attribution.Steps{}}
	loads := batchsim.Standard()[:4]
	runs, references := make([]*batchsim.Trace, len(loads)), make([]*attribution.Curve, len(loads))
	for i, l := range loads {
		rng := rand.New(rand.NewPCG(1, 3))
		runs[i] = l.Engine.Run(rng, 2*time.Second, l.Jobs)
		exact := simulated.Sensor{Period: ms, Poll: ms, Quantum: 1}.Read(rng, runs[i].Power(simIdle), 0, 0)
		references[i], _ = attribution.NewCurve(exact.Domain, exact.Readings)
	}
	var b strings.Builder
	b.WriteString("| sensor | samples | residency | phase | step |\n|---|---|---|---|---|\n")
	for _, sensor := range coarse(second) {
		plain := make([]float64, len(conventions))
		for r, ring := range append([]ring{{name: "none"}}, rings()[:2]...) {
			sums := make([]float64, len(conventions))
			for i, run := range runs {
				rng := rand.New(rand.NewPCG(1, uint64(i)))
				truth := run.Power(simIdle)
				trace := sensor.read(rng, truth)
				trace.Domain.Limit = 0
				curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
				curve = curve.With(sensor.g)
				if r > 0 {
					curve = curve.Shaped(ring.samples(rng, truth))
				}
				e := curve.Estimate(run.Window(), attribution.Surroundings{Gauge: sensor.g})
				for k, c := range conventions {
					sums[k] += rowsApart(t, c, run, e.Curve, references[i]) / float64(len(loads))
				}
			}
			fmt.Fprintf(&b, "| %s | %s |", sensor.name, ring.name)
			for k := range conventions {
				fmt.Fprintf(&b, " %.2f %% |", 100*sums[k])
				if r == 0 {
					plain[k] = sums[k]
				} else if sums[k] > 1.02*plain[k] {
					t.Errorf("%s, %s, %s: rows %.3g %% off with the samples, %.3g %% without", sensor.name, ring.name, conventions[k].Name(), 100*sums[k], 100*plain[k])
				}
			}
			b.WriteString("\n")
		}
	}
	t.Logf("mean over the loads of the rows' rms error, relative to their mean:\n%s", b.String())
}

// rowsApart is the rms distance of a convention's rows on one curve from those on
// another, relative to their mean.
func rowsApart(t *testing.T, c attribution.Convention, run *batchsim.Trace, curve, reference *attribution.Curve) float64 {
	t.Helper()
	idle := attribution.Idle{Loaded: simIdle, Known: true}
	got, err := attribution.Attribute(c, run.Requests(), curve, run.Window(), idle)
	if err != nil {
		t.Fatal(err)
	}
	want, err := attribution.Attribute(c, run.Requests(), reference, run.Window(), idle)
	if err != nil {
		t.Fatal(err)
	}
	square, mean, n := 0.0, 0.0, float64(len(want.Shares)-2)
	for i, s := range want.Shares[:len(want.Shares)-2] {
		off := (got.Shares[i].Energy - s.Energy).Joules()
		square, mean = square+off*off/n, mean+s.Energy.Joules()/n
	}
	return math.Sqrt(square) / mean
}
