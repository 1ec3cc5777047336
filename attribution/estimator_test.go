package attribution_test

import (
	"cfubench/meter"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
)

// estimator is one way to get a window's energy, in µJ, from one sensor.
type estimator struct {
	name string
	of   func(w meter.Window) float64
}

// estimators are the ones in use elsewhere, and ours at two rates, over the
// same truth.
func estimators(rng *rand.Rand, truth *simulated.Truth) []estimator {
	counter := func(poll time.Duration) (estimator, simulated.Trace) {
		trace := simulated.Accelerator(poll).Read(rng, truth, simLimit, simFloor)
		c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
		return estimator{fmt.Sprintf("edges, polled every %v", poll), func(w meter.Window) float64 {
			return float64(c.Energy(w).Energy)
		}}, trace
	}
	gauge := func(name string, period, average, poll time.Duration) estimator {
		trace := simulated.Gauge(rng, truth, period, average, poll)
		c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
		return estimator{name, func(w meter.Window) float64 { return float64(c.Energy(w).Energy) }}
	}
	at20, trace := counter(20 * ms)
	at10, _ := counter(10 * ms)
	return []estimator{
		gauge("power, 1 s averages at 1 Hz", 100*ms, time.Second, time.Second),
		gauge("power, 25 ms of each 100 ms, polled every 20 ms", 100*ms, 25*ms, 20*ms),
		{"counter, two reads", twoReads(trace)},
		at20, at10,
	}
}

// twoReads is the register's last value before each end.
func twoReads(trace simulated.Trace) func(meter.Window) float64 {
	held := func(at time.Duration) float64 {
		i := sort.Search(len(trace.Readings), func(i int) bool { return trace.Readings[i].After > at })
		return float64(trace.Readings[max(i-1, 0)].Energy)
	}
	return func(w meter.Window) float64 { return held(w.End) - held(w.Start) }
}

// rmsTable returns rms errors relative to the mean energy, by window length
// and estimator, over several loads and phases of the sensor.
func rmsTable(lengths []time.Duration, loads, windows int) (names []string, rms [][]float64) {
	sums := make([][]float64, len(lengths))
	energy := make([]float64, len(lengths))
	for load := range loads {
		rng := rand.New(rand.NewPCG(7, uint64(load)))
		truth := simulated.Inference(rng, 120*time.Second)
		es := estimators(rng, truth)
		names = nil
		for _, e := range es {
			names = append(names, e.name)
		}
		for l, length := range lengths {
			if sums[l] == nil {
				sums[l] = make([]float64, len(es))
			}
			for range windows {
				w := simulated.Window(rng, meter.Window{Start: 2 * time.Second, End: 118 * time.Second}, length, length)
				want := float64(truth.Over(w))
				energy[l] += want
				for k, e := range es {
					d := e.of(w) - want
					sums[l][k] += d * d
				}
			}
		}
	}
	n := float64(loads * windows)
	for l := range lengths {
		row := make([]float64, len(names))
		for k := range row {
			row[k] = math.Sqrt(sums[l][k]/n) / (energy[l] / n)
		}
		rms = append(rms, row)
	}
	return names, rms
}

// TestEstimatorError prints the table of docs/estimator.md and holds our
// estimator to what it promises there.
func TestEstimatorError(t *testing.T) {
	lengths := []time.Duration{200 * ms, 500 * ms, time.Second, 5 * time.Second, 30 * time.Second}
	names, rms := rmsTable(lengths, 40, 400)
	var b strings.Builder
	fmt.Fprintf(&b, "| window | %s |\n|---%s|\n", strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	for i, row := range rms {
		fmt.Fprintf(&b, "| %v |", lengths[i])
		for _, r := range row {
			fmt.Fprintf(&b, " %.2g %% |", 100*r)
		}
		b.WriteString("\n")
	}
	t.Logf("rms error relative to the mean energy of the windows:\n%s", b.String())
	second := rms[2]
	if got := second[3]; got > 0.010 {
		t.Errorf("rms error of a 1 s window, polled every 20 ms: got %.3f %%, want at most 1.0 %%", 100*got)
	}
	if got := second[4]; got > 0.008 {
		t.Errorf("rms error of a 1 s window, polled every 10 ms: got %.3f %%, want at most 0.8 %%", 100*got)
	}
	for k, name := range names[:3] {
		if second[k] < second[3] {
			t.Errorf("1 s windows: %s has %.3f %%, better than our %.3f %%", name, 100*second[k], 100*second[3])
		}
	}
}
