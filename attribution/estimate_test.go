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
	"cfubench/meter/gauge"
)

// sensing is one kind of sensor before a cell of which the truth is known.
type sensing struct {
	name  string
	gauge gauge.Gauge
	step  time.Duration
	read  func(*rand.Rand, *simulated.Truth) simulated.Trace
	// add puts more than the load into the truth of a cell.
	add func(simulated.Cell) simulated.Cell
	// clean sensors are exact but for when they publish; exact ones have neither
	// gain nor offset.
	clean, exact bool
	// idle is the most that idle power may err, relative; 0: not held.
	idle float64
	// rms is the most that the estimate may err, relative; 0: by U95 alone.
	rms float64
}

// nvidia is the uncertainty of a card that nobody calibrated.
var nvidia = gauge.Of(gauge.Card{Product: "NVIDIA H100 80GB HBM3"}, gauge.Counter)

// always is that of a card whose sensor looks all the time.
func always() gauge.Gauge {
	g := nvidia
	g.Look = 1
	return g
}

func register(poll time.Duration, change func(*simulated.Sensor)) func(*rand.Rand, *simulated.Truth) simulated.Trace {
	return func(rng *rand.Rand, truth *simulated.Truth) simulated.Trace {
		s := simulated.Accelerator(poll)
		if change != nil {
			change(&s)
		}
		return s.Read(rng, truth, simLimit, simFloor/2)
	}
}

func dial(d simulated.Dial) func(*rand.Rand, *simulated.Truth) simulated.Trace {
	return func(rng *rand.Rand, truth *simulated.Truth) simulated.Trace {
		d.Phase = time.Duration(rng.Int64N(int64(d.Period)))
		t := d.Read(rng, truth)
		t.Domain.Limit = simLimit
		return t
	}
}

func sensings() []sensing {
	second := always()
	second.Average, second.Period = time.Second, 100*ms
	tenth, quarter, unknown := second, nvidia, gauge.Gauge{Gain: nvidia.Gain, Offset: nvidia.Offset}
	tenth.Average = 100 * ms
	quarter.Average = 25 * ms
	return []sensing{
		{name: "counter, 100 ms", gauge: always(), read: register(20*ms, nil), clean: true, exact: true, rms: 0.005, idle: 0.005},
		{name: "counter, 100 ms, taken for part-time", gauge: nvidia, read: register(20*ms, nil), clean: true, exact: true, rms: 0.005, idle: 0.005},
		{name: "counter, 20 ms", gauge: always(), read: register(20*ms, func(s *simulated.Sensor) { s.Period = 20 * ms }), clean: true, exact: true, rms: 0.005, idle: 0.005},
		{name: "counter, 100 ms, jitter 20 ms", gauge: always(), read: register(20*ms, func(s *simulated.Sensor) { s.Jitter = 10 * ms }), clean: true, exact: true, rms: 0.005, idle: 0.01},
		{name: "register of a package, 1 ms", read: func(rng *rand.Rand, truth *simulated.Truth) simulated.Trace {
			t := simulated.Package(10*ms).Read(rng, truth, 0, 0)
			t.Domain.Source, t.Domain.Scope = "rapl", meter.ScopePackage
			return t
		}, clean: true, exact: true, rms: 0.005, idle: 0.005},
		{name: "register over two devices", gauge: always(), read: register(20*ms, nil), clean: true, exact: true, rms: 0.005, idle: 0.005, add: func(c simulated.Cell) simulated.Cell {
			c.Truth, c.Idle = simulated.Sum(c.Truth, constant(c.Truth.End(), 80*meter.Watt)), c.Idle+80*meter.Watt
			return c
		}},
		{name: "a limit that the load passes", gauge: always(), clean: true, exact: true, rms: 0.005, idle: 0.005, read: func(rng *rand.Rand, truth *simulated.Truth) simulated.Trace {
			return simulated.Accelerator(20*ms).Read(rng, truth, 400*meter.Watt, 0)
		}},
		{name: "gain +5 %", gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Gain = 0.05 })},
		{name: "gain −5 %", gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Gain = -0.05 })},
		{name: "offset −8 W", gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Offset = -8 * meter.Watt })},
		{name: "lag 50 ms", exact: true, gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Lag = 50 * ms })},
		{name: "lag 250 ms", exact: true, gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Lag = 250 * ms })},
		{name: "late by 30 ms", exact: true, gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Error.Delay = 30 * ms })},
		{name: "part-time counter", exact: true, gauge: nvidia, read: register(20*ms, func(s *simulated.Sensor) { s.Look = 25 * ms })},
		{name: "gauge, mean over 1 s", exact: true, gauge: second, read: dial(simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms}), rms: 0.03},
		{name: "gauge, mean over 1 s, of which nothing is known", exact: true, gauge: unknown, read: dial(simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms})},
		{name: "gauge, mean over 100 ms", exact: true, gauge: tenth, read: dial(simulated.Dial{Period: 100 * ms, Average: 100 * ms, Poll: 20 * ms}), rms: 0.02},
		{name: "gauge, 25 of each 100 ms, steps of 97 ms", gauge: quarter, step: 97 * ms, read: dial(simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 20 * ms}), add: steps(97 * ms)},
		{name: "the same, and the step is not known", gauge: quarter, read: dial(simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 20 * ms}), add: steps(97 * ms)},
		{name: "part-time counter, steps of 100 ms", gauge: nvidia, step: 100 * ms, read: register(20*ms, func(s *simulated.Sensor) { s.Look = 25 * ms }), add: steps(100 * ms)},
		{name: "gauge, 25 of each 100 ms", exact: true, gauge: quarter, read: dial(simulated.Dial{Period: 100 * ms, Average: 25 * ms, Poll: 20 * ms})},
	}
}

// steps makes of a cell one whose load repeats.
func steps(step time.Duration) func(simulated.Cell) simulated.Cell {
	return func(c simulated.Cell) simulated.Cell {
		truth := constant(c.Window.Start, c.Idle)
		truth.Periodic(c.Window.Length(), step, 0.5, 500*meter.Watt, 300*meter.Watt)
		truth.Step(c.Truth.End()-truth.End(), c.Idle)
		c.Truth = truth
		return c
	}
}

func constant(length time.Duration, p meter.Power) *simulated.Truth {
	t := &simulated.Truth{}
	t.Step(length, p)
	return t
}

// tally is how the estimates of one sensor compare with the truth.
type tally struct {
	n, inside, covered, alone int
	square, u95, apart        float64
	idleSquare                float64
	worst                     float64
}

// cells estimates many cells of one length by one sensor.
func cells(s sensing, seed uint64, length func(*rand.Rand) time.Duration, n int) tally {
	var out tally
	for i := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		cell := simulated.NewCell(rng, 100*meter.Watt, 2*time.Second, length(rng))
		if s.add != nil {
			cell = s.add(cell)
		}
		trace := s.read(rng, cell.Truth)
		curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
		e := curve.Estimate(cell.Window, attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After, Gauge: s.gauge, Step: s.step})
		want := cell.Truth.Over(cell.Window)
		off := (e.Energy - want).Joules() / want.Joules()
		out.n++
		out.square += off * off
		out.worst = max(out.worst, math.Abs(off))
		out.u95 += e.Uncertainty.U95().Joules() / want.Joules()
		if e.Lo <= want && want <= e.Hi {
			out.inside++
		}
		if math.Abs(off) <= e.Uncertainty.U95().Joules()/want.Joules() {
			out.covered++
		}
		apart := e.Uncertainty.IndependentU95().Joules() / want.Joules()
		out.apart += apart
		if math.Abs(off) <= apart {
			out.alone++
		}
		idle := e.Idle.Loaded.Watts()/cell.Idle.Watts() - 1
		out.idleSquare += idle * idle
	}
	return out
}

// TestEstimateAgainstTheTruth prints the table of docs/estimator.md and holds
// the estimate to what it promises there.
func TestEstimateAgainstTheTruth(t *testing.T) {
	const n = 150
	var b strings.Builder
	b.WriteString("| sensor | rms | worst | mean ± U95 | within it | mean ± U95 less gain and offset | within it | within [lo, hi] | idle, rms |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range sensings() {
		got := cells(s, 11, func(rng *rand.Rand) time.Duration {
			return 900*ms + time.Duration(rng.Int64N(int64(14100*ms)))
		}, n)
		rms := math.Sqrt(got.square / n)
		idle := math.Sqrt(got.idleSquare / n)
		fmt.Fprintf(&b, "| %s | %.2f %% | %.2f %% | %.1f %% | %d of %d | %.2f %% | %d | %d | %.2f %% |\n", s.name, 100*rms, 100*got.worst, 100*got.u95/n, got.covered, n, 100*got.apart/n, got.alone, got.inside, 100*idle)
		if got.covered < n*95/100 {
			t.Errorf("%s: %d of %d cells within ± U95, want 95 %%", s.name, got.covered, n)
		}
		if s.clean && got.inside < n {
			t.Errorf("%s: %d of %d cells within the hard bracket, want all", s.name, got.inside, n)
		}
		if s.exact && got.alone < n*95/100 {
			t.Errorf("%s: %d of %d cells within ± U95 less gain and offset, want 95 %%", s.name, got.alone, n)
		}
		if s.idle > 0 && idle > s.idle {
			t.Errorf("%s: idle power errs by %.2f %% rms, want %.2f %%", s.name, 100*idle, 100*s.idle)
		}
		if s.rms > 0 && rms > s.rms {
			t.Errorf("%s: rms %.2f %%, want at most %.2f %%", s.name, 100*rms, 100*s.rms)
		}
	}
	t.Logf("cells of 0.9 to 15 s:\n%s", b.String())
}

// TestEndsOfCells prints what else can be made of the same cells, whose load
// begins and ends at the window's edges.
func TestEndsOfCells(t *testing.T) {
	var b strings.Builder
	b.WriteString("| window | mean over 1 s, integrated | counter, two reads | edges, interpolated | edges, anchored | mean over 1 s, anchored |\n|---|---|---|---|---|---|\n")
	second := always()
	second.Average, second.Period = time.Second, 100*ms
	for _, length := range []time.Duration{900 * ms, 1300 * ms, 2500 * ms, 6 * time.Second, 12 * time.Second} {
		const n = 200
		var square, mean [5]float64
		for i := range n {
			rng := rand.New(rand.NewPCG(21, uint64(i)))
			cell := simulated.NewCell(rng, 100*meter.Watt, 2*time.Second, length)
			around := attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After, Gauge: always()}
			trace := register(20*ms, nil)(rng, cell.Truth)
			c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
			trace = dial(simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms})(rng, cell.Truth)
			g, _ := attribution.NewCurve(trace.Domain, trace.Readings)
			want := cell.Truth.Over(cell.Window).Joules()
			got := []meter.Energy{g.Energy(cell.Window).Energy, c.Counter(cell.Window).Energy, c.Energy(cell.Window).Energy, c.Estimate(cell.Window, around).Energy, 0}
			around.Gauge = second
			got[4] = g.Estimate(cell.Window, around).Energy
			for k, e := range got {
				off := e.Joules()/want - 1
				square[k], mean[k] = square[k]+off*off/n, mean[k]+off/n
			}
		}
		fmt.Fprintf(&b, "| %v |", length)
		for k := range square {
			fmt.Fprintf(&b, " %+.2f, %.2f %% |", 100*mean[k], 100*math.Sqrt(square[k]))
		}
		b.WriteString("\n")
		for _, k := range []int{3, 4} {
			if rms := math.Sqrt(square[k]); rms > 0.005 {
				t.Errorf("%v: rms %.2f %% of the anchored estimate, want at most 0.5 %%", length, 100*rms)
			}
		}
		if math.Sqrt(square[2]) < 2*math.Sqrt(square[3]) {
			t.Errorf("%v: interpolated %.2f %%, anchored %.2f %%, want half of it at most", length, 100*math.Sqrt(square[2]), 100*math.Sqrt(square[3]))
		}
	}
	t.Logf("mean and rms error:\n%s", b.String())
}
