package attribution_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// What a gauge is, is seen at the end of a load: its averaging time and its delay
// come out as they were made, to what the reads resolve.
func TestResponseOfAGauge(t *testing.T) {
	for _, row := range []struct {
		name           string
		dial           simulated.Dial
		average, delay time.Duration
	}{
		{"a mean over 1 s, read as often as it changes", simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}, time.Second, 500 * ms},
		{"the same, read fast", simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 20 * ms}, time.Second, 500 * ms},
		{"25 of each 100 ms", simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 20 * ms}, 25 * ms, 12 * ms},
		{"100 of each 100 ms, 100 ms late", simulated.Dial{Period: 100 * ms, Average: 100 * ms, Poll: 20 * ms, Error: simulated.Error{Delay: 100 * ms}}, 100 * ms, 150 * ms},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, near := 0, 0
			const cells = 60
			for i := range cells {
				rng := rand.New(rand.NewPCG(5, uint64(i)))
				cell := simulated.NewCell(rng, 100*meter.Watt, 2*time.Second, 4*time.Second)
				d := row.dial
				d.Phase = time.Duration(rng.Int64N(int64(d.Period)))
				r, ok := attribution.MeasureResponse(d.Read(rng, cell.Truth).Readings, cell.Window.End, cell.After)
				if !ok {
					continue
				}
				found++
				if (r.Delay-row.delay).Abs() <= 120*ms && (r.Average-row.average).Abs() <= max(120*ms, row.average*3/10) {
					near++
				}
			}
			if found < cells/2 || near < found*9/10 {
				t.Errorf("found in %d of %d cells, of which %d near %v and a delay of %v", found, cells, near, row.average, row.delay)
			}
		})
	}
}

func TestNoResponseWhereThereIsNoStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	flat := &simulated.Truth{}
	flat.Step(8*time.Second, 300*meter.Watt)
	dial := simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}
	after := meter.Window{Start: 4 * time.Second, End: 7 * time.Second}
	if r, ok := attribution.MeasureResponse(dial.Read(rng, flat).Readings, 4*time.Second, after); ok {
		t.Errorf("power that did not change: got %+v", r)
	}
	cell := simulated.NewCell(rng, 100*meter.Watt, time.Second, 4*time.Second)
	if r, ok := attribution.MeasureResponse(dial.Read(rng, cell.Truth).Readings, cell.Window.End, cell.After); ok {
		t.Errorf("a second of idling: got %+v, want that it is too short to tell", r)
	}
}

// A domain that names its card and its register needs no more: the estimate is
// that of somebody who looked them up.
func TestADomainKnowsItsGauge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	cell := simulated.NewCell(rng, 100*meter.Watt, 2*time.Second, 4*time.Second)
	trace := simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}.Read(rng, cell.Truth)
	around := attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After}
	bare := trace.Domain
	bare.Source = "nvml"
	known := bare
	known.Product, known.Driver, known.Gauge = "NVIDIA H100 PCIe", "550.54", string(gauge.Average)
	plain, _ := attribution.NewCurve(known, trace.Readings)
	told, _ := attribution.NewCurve(bare, trace.Readings)
	with := around
	with.Gauge = gauge.Of(gauge.Card{Product: known.Product, Driver: known.Driver}, gauge.Average)
	a, b := plain.Estimate(cell.Window, around), told.Estimate(cell.Window, with)
	if a.Energy != b.Energy || a.Uncertainty != b.Uncertainty || !plain.Gauge().Known() {
		t.Errorf("got %v ± %v by the domain and %v ± %v by its card, want the same", a.Energy, a.Uncertainty.U95(), b.Energy, b.Uncertainty.U95())
	}
}
