package simulated

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
)

// Sensor is a cumulative register and the way in which it is read.
type Sensor struct {
	// Period between publications and the standard deviation of each
	// publication about its due time.
	Period, Jitter time.Duration
	// Poll is the time between reads; each is late by an exponential time of
	// mean Late, and takes an exponential time of mean Call.
	Poll, Late, Call time.Duration
	Quantum, Range   meter.Energy
	// Start is the register's value at time zero.
	Start  meter.Energy
	Faults Faults
}

// Faults are injected at random, each at its rate per second.
type Faults struct {
	Reset, Glitch, Stall, Gap, Transient float64
}

// Accelerator is an H100-like counter: 1 mJ, published every 100 ms with a
// jitter of 1.5 ms, read in 0.3 ms on average. How its phase lies to the
// polling is drawn with every Read.
func Accelerator(poll time.Duration) Sensor {
	return Sensor{Period: 100 * time.Millisecond, Jitter: 1500 * time.Microsecond, Poll: poll,
		Late: 300 * time.Microsecond, Call: 300 * time.Microsecond, Quantum: meter.Millijoule}
}

// Package is a RAPL-like counter: 61 µJ, published every millisecond, wrapping
// at 262 kJ.
func Package(poll time.Duration) Sensor {
	return Sensor{Period: time.Millisecond, Jitter: 20 * time.Microsecond, Poll: poll,
		Late: 300 * time.Microsecond, Call: 2 * time.Microsecond, Quantum: 61, Range: 262_143_328_850}
}

// Trace is what one simulated sensor gave.
type Trace struct {
	Domain   meter.Domain
	Readings []meter.Reading // in time order, raw, with no status but of failed reads
	// Resets are the moments at which the register fell to zero.
	Resets []time.Duration
	// Silent is the longest time without a successful read.
	Silent time.Duration
}

// Read polls the sensor over all of truth. limit and floor go to the domain as
// they are.
func (s Sensor) Read(rng *rand.Rand, truth *Truth, limit, floor meter.Power) Trace {
	out := Trace{Domain: meter.Domain{Name: "sim0", Device: "simulated", Source: "simulated", Kind: meter.KindCounter, Scope: meter.ScopeGPU,
		Range: s.Range, Quantum: s.Quantum, UpdatePeriod: s.Period, Limit: limit, Floor: floor}}
	reg := register{sensor: s, truth: truth, rng: rng, base: -float64(s.Start)}
	if s.Period > 0 {
		reg.phase = time.Duration(rng.Int64N(int64(s.Period)))
		reg.next = reg.phase
	}
	exp := func(mean time.Duration) time.Duration { return time.Duration(rng.ExpFloat64() * float64(mean)) }
	happens := func(perSecond float64) bool { return rng.Float64() < perSecond*s.Poll.Seconds() }
	lastOK := time.Duration(0)
	clock := time.Duration(0)
	for due := time.Duration(rng.Int64N(int64(s.Poll))); due < truth.End(); due += s.Poll {
		if happens(s.Faults.Gap) {
			due += time.Duration(rng.Int64N(int64(20 * s.Poll)))
		}
		if happens(s.Faults.Stall) {
			reg.stalledUntil = due + time.Duration(rng.Int64N(int64(20*s.Period+s.Poll)))
		}
		before := max(clock+1, due+exp(s.Late))
		at := before + exp(s.Call)/2
		clock = at + exp(s.Call)/2
		if clock >= truth.End() {
			break
		}
		r := meter.Reading{Before: before, After: clock, Status: meter.StatusOK}
		if happens(s.Faults.Reset) {
			reg.reset(at)
			out.Resets = append(out.Resets, at)
		}
		switch {
		case happens(s.Faults.Transient):
			r.Status = meter.StatusTransient
		case happens(s.Faults.Glitch):
			r.HasEnergy = true
			reg.read(at)
			r.Energy = meter.Energy(rng.Int64N(int64(1e15)))
			if s.Range > 0 {
				r.Energy %= s.Range + 1
			}
		default:
			r.HasEnergy, r.Energy = true, reg.read(at)
			out.Silent = max(out.Silent, r.After-lastOK)
			lastOK = r.After
		}
		out.Readings = append(out.Readings, r)
	}
	slices.Sort(out.Resets)
	return out
}

// register is the sensor's state while it is being read, at ascending times.
type register struct {
	sensor Sensor
	truth  *Truth
	rng    *rand.Rand
	// base is the true energy at which the register stood at zero.
	base         float64
	next, shown  time.Duration // next publication, and the one on show
	phase        time.Duration
	cycle        int
	stalledUntil time.Duration
}

// read returns the register at a moment.
func (r *register) read(at time.Duration) meter.Energy {
	for r.next <= at {
		if r.next >= r.stalledUntil {
			r.shown = max(r.shown, r.next)
		}
		r.cycle++
		jitter := time.Duration(r.rng.NormFloat64() * float64(r.sensor.Jitter))
		r.next = max(r.next+1, r.phase+time.Duration(r.cycle)*r.sensor.Period+jitter)
	}
	v := meter.Energy(math.Floor(r.truth.Energy(r.shown) - r.base))
	v -= v % max(r.sensor.Quantum, 1)
	if r.sensor.Range > 0 {
		v %= r.sensor.Range + r.sensor.Quantum
	}
	return max(v, 0)
}

// reset makes the register start again from zero.
func (r *register) reset(at time.Duration) {
	r.read(at)
	r.shown = at
	r.base = r.truth.Energy(at)
}

// Gauge polls a power gauge of truth that shows the mean power of the last
// average, refreshed every period.
func Gauge(rng *rand.Rand, truth *Truth, period, average, poll time.Duration) Trace {
	out := Trace{Domain: meter.Domain{Name: "sim0", Device: "simulated", Source: "simulated", Kind: meter.KindPower, Scope: meter.ScopeGPU, UpdatePeriod: period}}
	for at := time.Duration(rng.Int64N(int64(poll))); at < truth.End(); at += poll {
		end := at - at%period
		begin := max(end-average, 0)
		p := truth.Power(end)
		if end > begin {
			p = meter.Power((truth.Energy(end) - truth.Energy(begin)) / (end - begin).Seconds())
		}
		out.Readings = append(out.Readings, meter.Reading{Before: at, After: at, HasPower: true, Power: p, Status: meter.StatusOK})
	}
	return out
}

// Window draws a random window of length between lo and hi inside truth.
func Window(rng *rand.Rand, within attribution.Window, lo, hi time.Duration) attribution.Window {
	length := lo
	if hi > lo {
		length += time.Duration(rng.Int64N(int64(hi - lo)))
	}
	room := within.Length() - length
	if room <= 0 {
		return within
	}
	start := within.Start + time.Duration(rng.Int64N(int64(room)))
	return attribution.Window{Start: start, End: start + length}
}
