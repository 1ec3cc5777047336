package simulated

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

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
	Start meter.Energy
	// Error is how the sensor differs from the power that it stands for.
	Error Error
	// Look is the end of each period that a part-time sensor sees and takes for
	// all of it; 0: it sees everything.
	Look   time.Duration
	Faults Faults
}

// Error is how a sensor differs from the truth. The zero value is none.
type Error struct {
	// Gain is relative: 0.05 shows 5 % too much.
	Gain   float64
	Offset meter.Power
	// Lag is the time constant of a first-order filter, Delay the age of every
	// figure beside it.
	Lag, Delay time.Duration
}

// lagSteps is into how many delays of equal weight a filter is divided.
const lagSteps = 40

// energy is what a sensor with the error has counted by at, in µJ.
func (e Error) energy(truth *Truth, at time.Duration) float64 {
	at -= e.Delay
	passed := truth.Energy(max(at, 0))
	if e.Lag > 0 {
		passed = 0
		for k := range lagSteps {
			late := -math.Log(1-(float64(k)+0.5)/lagSteps) * float64(e.Lag)
			t := at - time.Duration(late)
			// Before time zero the power was what it was at zero.
			passed += (truth.Energy(max(t, 0)) + float64(truth.Power(0))*float64(min(t, 0))/1e9) / lagSteps
		}
	}
	return passed*(1+e.Gain) + float64(e.Offset)*float64(at)/1e9
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
	base float64
	// next is the next publication; counted is what the sensor has counted by the
	// one before it, shown what is on show.
	next, last     time.Duration
	counted, shown float64
	phase          time.Duration
	cycle          int
	stalledUntil   time.Duration
}

// read returns the register at a moment.
func (r *register) read(at time.Duration) meter.Energy {
	for r.next <= at {
		r.count(r.next)
		if r.next >= r.stalledUntil {
			r.shown = r.counted
		}
		r.cycle++
		jitter := time.Duration(r.rng.NormFloat64() * float64(r.sensor.Jitter))
		r.next = max(r.next+1, r.phase+time.Duration(r.cycle)*r.sensor.Period+jitter)
	}
	v := meter.Energy(math.Floor(r.shown - r.base))
	v -= v % max(r.sensor.Quantum, 1)
	if r.sensor.Range > 0 {
		v %= r.sensor.Range + r.sensor.Quantum
	}
	return max(v, 0)
}

// count brings what the sensor has counted up to now.
func (r *register) count(now time.Duration) {
	e := r.sensor.Error
	if look := r.sensor.Look; look > 0 && now > look {
		seen := e.energy(r.truth, now) - e.energy(r.truth, now-look)
		r.counted += seen * float64(now-r.last) / float64(look)
	} else {
		r.counted = e.energy(r.truth, now)
	}
	r.last = now
}

// reset makes the register start again from zero.
func (r *register) reset(at time.Duration) {
	r.read(at)
	r.count(at)
	r.shown, r.base = r.counted, r.counted
}

// Gauge polls a power gauge of truth that shows the mean power of the last
// average, refreshed every period.
func Gauge(rng *rand.Rand, truth *Truth, period, average, poll time.Duration) Trace {
	return Dial{Period: period, Average: average, Poll: poll}.Read(rng, truth)
}

// Dial is a power gauge and the way in which it is read: at each publication it
// shows the mean power of the last Average.
type Dial struct {
	Period, Average, Poll time.Duration
	// Phase is when after time zero it is refreshed first.
	Phase time.Duration
	Error Error
}

// Read polls the gauge over all of truth.
func (d Dial) Read(rng *rand.Rand, truth *Truth) Trace {
	out := Trace{Domain: meter.Domain{Name: "sim0", Device: "simulated", Source: "simulated", Kind: meter.KindPower, Scope: meter.ScopeGPU, UpdatePeriod: d.Period}}
	for at := time.Duration(rng.Int64N(int64(d.Poll))); at < truth.End(); at += d.Poll {
		end := max(at-(at-d.Phase)%d.Period, 0)
		begin := max(end-d.Average, 0)
		p := truth.Power(end)
		if end > begin {
			p = meter.Power((d.Error.energy(truth, end) - d.Error.energy(truth, begin)) / (end - begin).Seconds())
		}
		out.Readings = append(out.Readings, meter.Reading{Before: at, After: at, HasPower: true, Power: max(p, 0), Status: meter.StatusOK})
	}
	return out
}

// Samples are the gauge's own publications over all of truth, as a driver keeps
// them in its buffer.
func (d Dial) Samples(rng *rand.Rand, truth *Truth) []meter.PowerSample {
	d.Poll = d.Period
	if d.Phase == 0 {
		d.Phase = time.Duration(rng.Int64N(int64(d.Period)))
	}
	var out []meter.PowerSample
	for _, r := range d.Read(rng, truth).Readings {
		at := max(r.Before-(r.Before-d.Phase)%d.Period, 0)
		out = append(out, meter.PowerSample{Before: at, After: at, Power: r.Power})
	}
	return out
}

// Window draws a random window of length between lo and hi inside truth.
func Window(rng *rand.Rand, within meter.Window, lo, hi time.Duration) meter.Window {
	length := lo
	if hi > lo {
		length += time.Duration(rng.Int64N(int64(hi - lo)))
	}
	room := within.Length() - length
	if room <= 0 {
		return within
	}
	start := within.Start + time.Duration(rng.Int64N(int64(room)))
	return meter.Window{Start: start, End: start + length}
}
