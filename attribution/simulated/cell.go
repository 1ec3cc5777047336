package simulated

import (
	"math/rand/v2"
	"time"

	"cfubench/meter"
)

// Cell is a measured cell of a run with its truth: the server idles, serves a
// load that begins and ends at the window's edges, and idles again.
type Cell struct {
	Truth                 *Truth
	Before, Window, After meter.Window
	// Idle is the true idle power.
	Idle meter.Power
}

// NewCell draws a cell with idle windows of length pause and a load of the given
// length. Between the readings' begin and the first idle window, and after the
// last, is half a second of idling.
func NewCell(rng *rand.Rand, idle meter.Power, pause, load time.Duration) Cell {
	const margin = 500 * time.Millisecond
	c := Cell{Truth: &Truth{}, Idle: idle}
	c.Truth.Step(margin+pause, idle)
	c.Before = meter.Window{Start: margin, End: c.Truth.End()}
	c.Window.Start = c.Truth.End()
	c.Truth.serve(rng, load)
	c.Window.End = c.Truth.End()
	c.Truth.Step(pause+margin, idle)
	c.After = meter.Window{Start: c.Window.End, End: c.Window.End + pause}
	return c
}

// serve appends bursts of prefill and decode of exactly the given length.
func (t *Truth) serve(rng *rand.Rand, length time.Duration) {
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	for end := t.end + length; t.end < end; {
		watts, ms := between(360, 480), between(50, 650)
		if rng.Float64() < 0.3 {
			watts, ms = between(620, 690), between(20, 200)
		}
		t.Step(min(time.Duration(ms*float64(time.Millisecond)), end-t.end), meter.Power(watts*float64(meter.Watt)))
	}
}

// Periodic appends a load that repeats every step: high for duty of it, low for
// the rest.
func (t *Truth) Periodic(length, step time.Duration, duty float64, high, low meter.Power) {
	for end := t.end + length; t.end < end; {
		on := time.Duration(duty * float64(step))
		t.Step(min(on, end-t.end), high)
		if t.end < end {
			t.Step(min(step-on, end-t.end), low)
		}
	}
}

// Sum is the power of several parts together, as a register that contains them
// all would see it. It ends with the first of them.
func Sum(parts ...*Truth) *Truth {
	out := &Truth{}
	for {
		next, end := time.Duration(1<<62), time.Duration(1<<62)
		var power meter.Power
		for _, p := range parts {
			i := p.index(out.end)
			power += p.power[i]
			end = min(end, p.end)
			if i+1 < len(p.at) {
				next = min(next, p.at[i+1])
			}
		}
		if out.end >= end {
			return out
		}
		out.Step(min(next, end)-out.end, power)
	}
}
