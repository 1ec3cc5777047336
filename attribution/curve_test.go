package attribution_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
)

const (
	simLimit = 700 * meter.Watt
	simFloor = 100 * meter.Watt
)

// holds reports a window whose true energy lies outside its bracket.
func holds(t *testing.T, c *attribution.Curve, truth *simulated.Truth, w attribution.Window) attribution.Interval {
	t.Helper()
	e := c.Energy(w)
	if want := truth.Over(w); e.Lo > want || e.Hi < want {
		t.Fatalf("energy over %v..%v: got [%d, %d] µJ, want it to hold the true %d µJ", w.Start, w.End, e.Lo, e.Hi, want)
	}
	return e
}

func TestBracketHoldsTheTruth(t *testing.T) {
	for _, row := range []struct {
		name         string
		sensor       simulated.Sensor
		limit, floor meter.Power
	}{
		{"an accelerator polled five times a period", simulated.Accelerator(20 * time.Millisecond), simLimit, simFloor},
		{"polled ten times a period", simulated.Accelerator(10 * time.Millisecond), simLimit, simFloor},
		{"with no limit known", simulated.Accelerator(20 * time.Millisecond), 0, 0},
		{"polled less often than it is published", simulated.Accelerator(250 * time.Millisecond), simLimit, 0},
		{"a package counter that is published every millisecond", simulated.Package(10 * time.Millisecond), simLimit, simFloor},
	} {
		t.Run(row.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			truth := simulated.Inference(rng, 120*time.Second)
			trace := row.sensor.Read(rng, truth, row.limit, row.floor)
			c, warnings := attribution.NewCurve(trace.Domain, trace.Readings)
			for _, w := range warnings {
				t.Errorf("unexpected warning: %v", w)
			}
			within := attribution.Window{Start: c.Span().Start, End: c.Span().End - 2*time.Second}
			for range 2000 {
				holds(t, c, truth, simulated.Window(rng, within, 0, 5*time.Second))
			}
		})
	}
}
