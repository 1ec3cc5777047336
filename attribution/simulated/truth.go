// Package simulated makes power sensors whose truth is known: a load's true
// power over time, and registers that publish it late, in steps, with jitter,
// wraps, resets, glitches, stalls and gaps. Estimators are compared with it
// where no external meter is at hand. It is a simulation and nothing in it is
// a measurement.
package simulated

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"cfubench/meter"
)

// Truth is a load's true power: constant between steps.
type Truth struct {
	at     []time.Duration
	power  []meter.Power
	energy []float64 // µJ at each step
	end    time.Duration
}

// Step appends a stretch of constant power.
func (t *Truth) Step(length time.Duration, p meter.Power) {
	energy := 0.0
	if n := len(t.at); n > 0 {
		energy = t.Energy(t.end)
	}
	t.at, t.power, t.energy = append(t.at, t.end), append(t.power, p), append(t.energy, energy)
	t.end += length
}

// Inference returns the power of an accelerator that serves requests: bursts
// of prefill (30 % of the phases, 20–200 ms at 620–690 W), decode (50–650 ms
// at 360–480 W) and now and then an idle gap at 100 W.
func Inference(rng *rand.Rand, length time.Duration) *Truth {
	t := &Truth{}
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	for t.end < length {
		watts, ms := between(360, 480), between(50, 650)
		switch u := rng.Float64(); {
		case u < 0.3:
			watts, ms = between(620, 690), between(20, 200)
		case u < 0.35:
			watts, ms = 100, between(100, 1000)
		}
		t.Step(time.Duration(ms*float64(time.Millisecond)), meter.Power(watts*float64(meter.Watt)))
	}
	return t
}

// End is the end of the last stretch.
func (t *Truth) End() time.Duration { return t.end }

// index is the stretch that holds at.
func (t *Truth) index(at time.Duration) int {
	return max(sort.Search(len(t.at), func(i int) bool { return t.at[i] > at })-1, 0)
}

// Energy is the true energy used from zero to at, in µJ.
func (t *Truth) Energy(at time.Duration) float64 {
	i := t.index(at)
	return t.energy[i] + float64(t.power[i])*float64(at-t.at[i])/1e9
}

// Power is the true power at a moment.
func (t *Truth) Power(at time.Duration) meter.Power { return t.power[t.index(at)] }

// Over is the true energy of a window, in whole µJ.
func (t *Truth) Over(w meter.Window) meter.Energy {
	return meter.Energy(math.Round(t.Energy(w.End) - t.Energy(w.Start)))
}
