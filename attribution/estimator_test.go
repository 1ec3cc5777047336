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
)

// estimator is one way to get a window's energy, in µJ, from one sensor.
type estimator struct {
	name string
	of   func(w attribution.Window) float64
}

// estimators are ours and those in use elsewhere, over the same truth.
func estimators(rng *rand.Rand, truth *simulated.Truth) []estimator {
	counter := func(poll time.Duration) (*attribution.Curve, simulated.Trace) {
		trace := simulated.Accelerator(poll).Read(rng, truth, simLimit, simFloor)
		c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
		return c, trace
	}
	ours := func(c *attribution.Curve) func(attribution.Window) float64 {
		return func(w attribution.Window) float64 { return interpolated(c, w) }
	}
	gauge := func(period, average, poll time.Duration) func(attribution.Window) float64 {
		trace := simulated.Gauge(rng, truth, period, average, poll)
		c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
		return func(w attribution.Window) float64 { return float64(c.Energy(w).Energy) }
	}
	c20, fast := counter(20 * time.Millisecond)
	c10, _ := counter(10 * time.Millisecond)
	read := func(at time.Duration) float64 {
		v := meter.Energy(0)
		for _, r := range fast.Readings { // the last read before at
			if r.After > at {
				break
			}
			v = r.Energy
		}
		return float64(v)
	}
	_ = read
	return []estimator{
		{"1 Hz of 1 s averages, trapezoid", gauge(100*time.Millisecond, time.Second, time.Second)},
		{"100 ms power, trapezoid", gauge(100*time.Millisecond, 25*time.Millisecond, 20*time.Millisecond)},
		{"counter, two reads", twoReads(fast)},
		{"edges, 20 ms polling", ours(c20)},
		{"edges, 10 ms polling", ours(c10)},
	}
}

// interpolated is the estimate also where a window is below resolution.
func interpolated(c *attribution.Curve, w attribution.Window) float64 {
	e := c.Energy(w)
	if e.HasEnergy {
		return float64(e.Energy)
	}
	return math.NaN()
}

func twoReads(trace simulated.Trace) func(attribution.Window) float64 {
	held := func(at time.Duration) float64 {
		lo, hi := 0, len(trace.Readings)
		for lo < hi {
			if m := (lo + hi) / 2; trace.Readings[m].After <= at {
				lo = m + 1
			} else {
				hi = m
			}
		}
		return float64(trace.Readings[max(lo-1, 0)].Energy)
	}
	return func(w attribution.Window) float64 { return held(w.End) - held(w.Start) }
}

// rmsTable returns rms errors relative to the mean energy, by window length
// and estimator.
func rmsTable(lengths []time.Duration, windows int) (names []string, rms [][]float64) {
	rng := rand.New(rand.NewPCG(7, 7))
	truth := simulated.Inference(rng, 600*time.Second)
	es := estimators(rng, truth)
	for _, e := range es {
		names = append(names, e.name)
	}
	for _, length := range lengths {
		sums := make([]float64, len(es))
		var energy float64
		for range windows {
			w := simulated.Window(rng, attribution.Window{Start: 2 * time.Second, End: 598 * time.Second}, length, length)
			want := float64(truth.Over(w))
			energy += want
			for k, e := range es {
				d := e.of(w) - want
				sums[k] += d * d
			}
		}
		row := make([]float64, len(es))
		for k := range es {
			row[k] = math.Sqrt(sums[k]/float64(windows)) / (energy / float64(windows))
		}
		rms = append(rms, row)
	}
	return names, rms
}

func TestEstimatorError(t *testing.T) {
	lengths := []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}
	names, rms := rmsTable(lengths, 4000)
	var b strings.Builder
	fmt.Fprintf(&b, "| window | %s |\n", strings.Join(names, " | "))
	for i, row := range rms {
		fmt.Fprintf(&b, "| %v |", lengths[i])
		for _, r := range row {
			fmt.Fprintf(&b, " %.3g %% |", 100*r)
		}
		b.WriteString("\n")
	}
	t.Logf("rms error relative to the mean energy:\n%s", b.String())
	if got := rms[2][3]; got > 0.010 {
		t.Errorf("rms error of a 1 s window at 20 ms polling: got %.3f %%, want at most 1.0 %%", 100*got)
	}
	if got := rms[2][4]; got > 0.008 {
		t.Errorf("rms error of a 1 s window at 10 ms polling: got %.3f %%, want at most 0.8 %%", 100*got)
	}
}
