package attribution_test

import (
	"math/rand/v2"
	"slices"
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

// classified gives the readings of a simulated sensor the statuses that the
// sampler would.
func classified(trace simulated.Trace, poll time.Duration) []meter.Reading {
	c := meter.NewClassifier(trace.Domain, poll)
	var state meter.State
	out := slices.Clone(trace.Readings)
	held := -1
	for i := range out {
		var v meter.Verdict
		state, v = c.Next(state, out[i])
		if v.Before != "" && held >= 0 {
			out[held].Status, held = v.Before, -1
		}
		out[i].Status = v.Status
		if v.Held {
			held = i
		}
	}
	return out
}

// TestBracketHoldsTheTruth is invariant 2: over random windows, on registers
// with every fault that the survey of peers lists, the true energy lies in the
// bracket, or the window says that it has none.
func TestBracketHoldsTheTruth(t *testing.T) {
	faults := simulated.Faults{Reset: 0.02, Glitch: 0.1, Stall: 0.1, Gap: 0.2, Transient: 0.5}
	with := func(s simulated.Sensor, f simulated.Faults) simulated.Sensor {
		s.Faults = f
		return s
	}
	wrapping := simulated.Package(10 * ms)
	wrapping.Range, wrapping.Start = 5*meter.Joule*1000, 4*meter.Joule*1000 // every ten seconds or so
	for _, row := range []struct {
		name         string
		sensor       simulated.Sensor
		limit, floor meter.Power
	}{
		{"an accelerator polled five times a period", simulated.Accelerator(20 * ms), simLimit, simFloor},
		{"polled ten times a period", simulated.Accelerator(10 * ms), simLimit, simFloor},
		{"with no limit known", simulated.Accelerator(20 * ms), 0, 0},
		{"polled less often than it is published", simulated.Accelerator(250 * ms), simLimit, 0},
		{"a package counter that is published every millisecond", simulated.Package(10 * ms), simLimit, simFloor},
		{"one that wraps", wrapping, simLimit, simFloor},
		{"one that wraps, resets, stalls and glitches", with(wrapping, faults), simLimit, 0},
		{"resets", with(simulated.Accelerator(20*ms), simulated.Faults{Reset: 0.05}), simLimit, simFloor},
		{"glitches", with(simulated.Accelerator(20*ms), simulated.Faults{Glitch: 0.3}), simLimit, simFloor},
		{"stalls that catch up", with(simulated.Accelerator(20*ms), simulated.Faults{Stall: 0.3}), simLimit, simFloor},
		{"gaps in the polling", with(simulated.Accelerator(20*ms), simulated.Faults{Gap: 0.5, Transient: 1}), simLimit, simFloor},
		{"everything at once", with(simulated.Accelerator(20*ms), faults), simLimit, simFloor},
		{"everything at once, with no limit known", with(simulated.Accelerator(20*ms), faults), 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var total, invalid, flagged int
			for seed := range uint64(4) {
				rng := rand.New(rand.NewPCG(seed, 2))
				truth := simulated.Inference(rng, 150*time.Second)
				trace := row.sensor.Read(rng, truth, row.limit, row.floor)
				c, _ := attribution.NewCurve(trace.Domain, classified(trace, row.sensor.Poll))
				span := c.Span()
				samples := rings()[seed].samples(rand.New(rand.NewPCG(seed, 9)), truth)
				shaped := c.Shaped(samples)
				for range 2500 {
					w := simulated.Window(rng, meter.Window{Start: span.Start, End: span.End}, 0, 5*time.Second)
					total++
					e := c.Energy(w)
					crossed := slices.ContainsFunc(trace.Resets, func(at time.Duration) bool { return at > w.Start && at < w.End })
					if slices.Contains(e.Flags, attribution.FlagInvalidReset) {
						invalid++
						continue
					}
					if crossed && e.HasEnergy {
						t.Fatalf("window %v..%v crosses a reset: got %v, want no energy", w.Start, w.End, e.Energy)
					}
					if len(e.Flags) > 0 {
						flagged++
					}
					if want := truth.Over(w); e.Lo > want || e.Hi < want {
						t.Fatalf("energy over %v..%v: got [%d, %d] µJ, want it to hold the true %d µJ (flags %v)", w.Start, w.End, e.Lo, e.Hi, want, e.Flags)
					} else if e := shaped.Energy(w); e.Lo > want || e.Hi < want {
						t.Fatalf("energy over %v..%v as the driver's samples spread it: got [%d, %d] µJ, want it to hold the true %d µJ", w.Start, w.End, e.Lo, e.Hi, want)
					}
					mid := w.Start + w.Length()/3
					if whole, parts := shaped.Total(w), shaped.Total(meter.Window{Start: w.Start, End: mid})+shaped.Total(meter.Window{Start: mid, End: w.End}); whole != parts {
						t.Fatalf("window %v..%v: got %d µJ, and %d in two parts", w.Start, w.End, whole, parts)
					}
				}
			}
			t.Logf("%d windows, all held; %d were invalid for a reset, %d others flagged", total, invalid, flagged)
			if row.sensor.Faults.Reset > 0 && invalid == 0 {
				t.Errorf("no window was invalid, want some: the register was reset")
			}
			if row.sensor.Faults.Reset == 0 && invalid > 0 {
				t.Errorf("%d windows were invalid for a reset, want none: the register was not reset", invalid)
			}
		})
	}
}
