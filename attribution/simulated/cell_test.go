package simulated_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution/simulated"
	"cfubench/meter"
)

// A cell's load begins and ends at its window's edges, and beside it is idle.
func TestCellIsIdleBesideItsLoad(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := simulated.NewCell(rng, 90*meter.Watt, 2*time.Second, time.Duration(900+rng.IntN(3000))*ms)
		for _, at := range []time.Duration{0, c.Before.Start, c.Window.Start - 1, c.Window.End, c.After.End, c.Truth.End() - 1} {
			if got := c.Truth.Power(at); got != c.Idle {
				t.Errorf("power at %v beside the load: got %v, want %v", at, got, c.Idle)
			}
		}
		for _, at := range []time.Duration{c.Window.Start, c.Window.End - 1} {
			if got := c.Truth.Power(at); got < 300*meter.Watt {
				t.Errorf("power at %v, an edge of the load: got %v, want the load", at, got)
			}
		}
	}
}

// A domain that contains others uses what they use, at every moment.
func TestSumOfParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	first, second := simulated.Inference(rng, 10*time.Second), simulated.Inference(rng, 12*time.Second)
	whole := simulated.Sum(first, second)
	if whole.End() != min(first.End(), second.End()) {
		t.Errorf("the sum ends at %v, want the first end of its parts", whole.End())
	}
	for range 200 {
		w := simulated.Window(rng, meter.Window{End: whole.End()}, 0, 2*time.Second)
		if got, want := whole.Over(w), first.Over(w)+second.Over(w); got-want > 2 || want-got > 2 {
			t.Errorf("energy over %v: got %d µJ, want %d", w, got, want)
		}
	}
}

func TestPeriodicLoadHasItsMean(t *testing.T) {
	truth := &simulated.Truth{}
	truth.Periodic(time.Second, 100*ms, 0.25, 500*meter.Watt, 100*meter.Watt)
	if got := truth.Over(meter.Window{End: time.Second}); got != 200*meter.Joule {
		t.Errorf("a second at 500 W for a quarter of the time and 100 W for the rest: got %v, want 200 J", got)
	}
}

// A step of power from 100 to 300 W at 2 s, as sensors that are wrong in one way
// count it by 4 s.
func TestSensorsThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*simulated.Sensor)
		want   float64 // J
	}{
		{"exact", func(*simulated.Sensor) {}, 800},
		{"gain of 5 %", func(s *simulated.Sensor) { s.Error.Gain = 0.05 }, 840},
		{"offset of −10 W", func(s *simulated.Sensor) { s.Error.Offset = -10 * meter.Watt }, 760},
		{"late by 200 ms", func(s *simulated.Sensor) { s.Error.Delay = 200 * ms }, 740},
		{"a filter of 250 ms lags by 250 ms of the step of power", func(s *simulated.Sensor) { s.Error.Lag = 250 * ms }, 750},
		{"looking a quarter of the time at steady power", func(s *simulated.Sensor) { s.Look = 25 * ms }, 800},
	} {
		t.Run(row.name, func(t *testing.T) {
			truth := &simulated.Truth{}
			truth.Step(2*time.Second, 100*meter.Watt)
			truth.Step(3*time.Second, 300*meter.Watt)
			s := simulated.Accelerator(10 * ms)
			row.change(&s)
			trace := s.Read(rand.New(rand.NewPCG(1, 1)), truth, 0, 0)
			for _, r := range trace.Readings {
				if r.Before < 4*time.Second {
					continue
				}
				// On show is what was counted up to 110 ms ago at 300 W and the first
				// look's period.
				if off := r.Energy.Joules() - row.want; off < -45 || off > 15 {
					t.Errorf("at %v: got %v, want %g J", r.Before, r.Energy, row.want)
				}
				break
			}
		})
	}
}
