package attribution_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Ends are anchored where the time beside them is known to be idle, and
// interpolated with a reason elsewhere.
func TestWhereAWindowIsAnchored(t *testing.T) {
	const idle, load = 100 * meter.Watt, 450 * meter.Watt
	before := meter.Window{Start: 500 * ms, End: 2500 * ms}
	window := meter.Window{Start: 3 * time.Second, End: 5 * time.Second}
	after := meter.Window{Start: 6 * time.Second, End: 8 * time.Second}
	// The load is on over the window, and besides over what is added.
	power := func(others ...meter.Window) *simulated.Truth {
		truth := &simulated.Truth{}
		for at := time.Duration(0); at < 8500*ms; at += 50 * ms {
			p := idle
			for _, w := range append(others, window) {
				if at >= w.Start && at < w.End {
					p = load
				}
			}
			truth.Step(50*ms, p)
		}
		return truth
	}
	none := meter.Window{}
	for _, row := range []struct {
		name          string
		truth         *simulated.Truth
		before, after meter.Window
		method        attribution.Method
		reasons       []string
		within        float64 // relative
	}{
		{"idle on both sides", power(), before, after, attribution.Anchored, nil, 0.005},
		{"idle windows that touch it", power(), meter.Window{Start: 1 * time.Second, End: 3 * time.Second}, meter.Window{Start: 5 * time.Second, End: 7 * time.Second}, attribution.Anchored, nil, 0.005},
		{"no idle window at all", power(), none, none, attribution.Interpolated, []string{"start: no idle window", "end: no idle window"}, 0.03},
		{"none before it", power(), none, after, attribution.PartAnchored, []string{"start: no idle window"}, 0.02},
		{"other load ran until it began", power(meter.Window{Start: 2600 * ms, End: 3 * time.Second}), before, after, attribution.PartAnchored, []string{"start: 1"}, 0.02},
		{"load went on after it", power(meter.Window{Start: 5 * time.Second, End: 5900 * ms}), before, meter.Window{Start: 6 * time.Second, End: 8500 * ms}, attribution.PartAnchored, []string{"end: "}, 0.02},
		{"an idle window full of another load is none", power(meter.Window{Start: 1500 * ms, End: 2 * time.Second}), before, after, attribution.PartAnchored, []string{"start: the idle power"}, 0.02},
		{"an idle window shorter than two updates", power(), meter.Window{Start: 2800 * ms, End: 2900 * ms}, after, attribution.PartAnchored, []string{"start: its idle window"}, 0.02},
	} {
		t.Run(row.name, func(t *testing.T) {
			trace := simulated.Accelerator(20*ms).Read(rand.New(rand.NewPCG(5, 5)), row.truth, simLimit, 0)
			curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
			e := curve.Estimate(window, attribution.Surroundings{IdleBefore: row.before, IdleAfter: row.after})
			if e.Method != row.method {
				t.Errorf("got %s (%s), want %s", e.Method, e.Reason, row.method)
			}
			for _, reason := range row.reasons {
				if !strings.Contains(e.Reason, reason) {
					t.Errorf("got the reason %q, want it to say %q", e.Reason, reason)
				}
			}
			warned := slices.ContainsFunc(e.Warnings, func(w attribution.Warning) bool { return w.Code == "not_anchored" })
			if warned != (row.method != attribution.Anchored) {
				t.Errorf("got warnings %v, want not_anchored exactly where it is not", e.Warnings)
			}
			want := row.truth.Over(window)
			if off := float64(e.Energy-want) / float64(want); off > row.within || off < -row.within {
				t.Errorf("got %v, want %v within %g %%", e.Energy, want, 100*row.within)
			}
			if e.Lo > want || e.Hi < want {
				t.Errorf("the bracket [%v, %v] does not hold the true %v", e.Lo, e.Hi, want)
			}
		})
	}
}

// A driver that blocks for seconds leaves no update near the window's end, but
// what it shows then less idle power is the window's all the same.
func TestAnchoredAcrossABlockedRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 8))
	cell := simulated.NewCell(rng, 100*meter.Watt, 3*time.Second, 2*time.Second)
	trace := simulated.Accelerator(20*ms).Read(rng, cell.Truth, simLimit, 0)
	blocked := meter.Window{Start: cell.Window.End - time.Second, End: cell.Window.End + 1200*ms}
	readings := slices.DeleteFunc(trace.Readings, func(r meter.Reading) bool { return r.After > blocked.Start && r.Before < blocked.End })
	curve, _ := attribution.NewCurve(trace.Domain, readings)
	e := curve.Estimate(cell.Window, attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After})
	want := cell.Truth.Over(cell.Window)
	if off := float64(e.Energy-want) / float64(want); e.Method != attribution.Anchored || off > 0.005 || off < -0.005 {
		t.Errorf("got %v, %s (%s), want %v anchored", e.Energy, e.Method, e.Reason, want)
	}
}

// What a sensor shows after the end is lag or work that went on: half of it is
// counted and the other half stays open. A lag that was measured is all counted.
func TestLagIsSaid(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	cell := simulated.NewCell(rng, 100*meter.Watt, 3*time.Second, 2*time.Second)
	late := simulated.Accelerator(20 * ms)
	late.Error.Lag = 250 * ms
	trace := late.Read(rng, cell.Truth, simLimit, 0)
	curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
	want := cell.Truth.Over(cell.Window)
	around := attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After}
	e := curve.Estimate(cell.Window, around)
	if !slices.ContainsFunc(e.Warnings, func(w attribution.Warning) bool { return w.Code == "sensor_lag" }) {
		t.Errorf("got warnings %v, want sensor_lag", e.Warnings)
	}
	if off := e.Energy - want; -off > 2*e.Uncertainty.Lag || e.Uncertainty.Lag == 0 {
		t.Errorf("got %v with lag ± %v (k=1), want %v within twice that", e.Energy, e.Uncertainty.Lag, want)
	}
	around.Gauge = gauge.Gauge{Look: 1, Lag: 250 * ms, Measured: true}
	e = curve.Estimate(cell.Window, around)
	if off := float64(e.Energy-want) / float64(want); off > 0.01 || off < -0.01 || e.Uncertainty.Lag != 0 {
		t.Errorf("a measured lag: got %v with lag ± %v, want %v and nothing open", e.Energy, e.Uncertainty.Lag, want)
	}
}

// The parts of a window sum to its anchored estimate, and their brackets hold the
// truth of registers and of gauges; of a late register they hold what it shows.
func TestRowsCloseToTheEstimate(t *testing.T) {
	second := gauge.Gauge{Average: time.Second, Period: 100 * ms, Look: 1}
	for _, row := range []struct {
		name  string
		gauge gauge.Gauge
		late  bool
		read  func(*rand.Rand, *simulated.Truth) simulated.Trace
	}{
		{"a counter", gauge.Gauge{}, false, register(20*ms, nil)},
		{"a late counter", gauge.Gauge{}, true, register(20*ms, func(s *simulated.Sensor) { s.Error.Lag = 100 * ms })},
		{"a gauge over 1 s", second, false, dial(simulated.Dial{Period: 100 * ms, Average: time.Second, Poll: 100 * ms})},
	} {
		t.Run(row.name, func(t *testing.T) {
			for seed := range uint64(20) {
				rng := rand.New(rand.NewPCG(seed, 4))
				cell := simulated.NewCell(rng, 100*meter.Watt, 2*time.Second, time.Duration(900+rng.IntN(4000))*ms)
				trace := row.read(rng, cell.Truth)
				curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
				e := curve.Estimate(cell.Window, attribution.Surroundings{IdleBefore: cell.Before, IdleAfter: cell.After, Gauge: row.gauge})
				if total := e.Curve.Closing(cell.Window).Energy; total != e.Energy {
					t.Fatalf("the window closes to %v, want the estimate %v", total, e.Energy)
				}
				var sum meter.Energy
				n := 1 + rng.IntN(10)
				for i := range n {
					w := meter.Window{Start: cell.Window.Start + cell.Window.Length()*time.Duration(i)/time.Duration(n), End: cell.Window.Start + cell.Window.Length()*time.Duration(i+1)/time.Duration(n)}
					sum += e.Curve.Total(w)
					part := e.Curve.Energy(w)
					if want := cell.Truth.Over(w); !row.late && (part.Lo > want || part.Hi < want) {
						t.Errorf("%v to %v: got [%v, %v], want it to hold %v", w.Start, w.End, part.Lo, part.Hi, want)
					}
				}
				if sum != e.Energy {
					t.Fatalf("the parts sum to %v, want %v", sum, e.Energy)
				}
			}
		})
	}
}

func TestUncertaintyByParts(t *testing.T) {
	u := attribution.Uncertainty{Boundary: 3, Lag: 4, Sampling: 12, Gain: 84, Offset: 0}
	if u.Independent() != 13 || u.Common() != 84 || u.U95() != 170 || u.IndependentU95() != 26 {
		t.Errorf("got %v apart, %v common, %v in all, want 13, 84 and twice 85", u.Independent(), u.Common(), u.U95())
	}
	v := u.Plus(u)
	if v.Gain != 168 || v.Sampling != 17 {
		t.Errorf("two cards: got gain %v and sampling %v, want 168, since gains go together, and 12·√2 rounded up", v.Gain, v.Sampling)
	}
	u.Boundary = meter.Unbounded
	if u.U95() != meter.Unbounded || v.Plus(u).Boundary != meter.Unbounded {
		t.Errorf("got %v, want what nothing bounds to stay so", u.U95())
	}
}

// A card that stands by beside the engine's has no load that its ends could put
// elsewhere, however its idle power swings: nothing is warned of.
func TestStandbyIsNotWarnedOf(t *testing.T) {
	window := meter.Window{Start: 3 * time.Second, End: 5 * time.Second}
	idle := attribution.Surroundings{
		IdleBefore: meter.Window{Start: 500 * ms, End: 2500 * ms}, IdleAfter: meter.Window{Start: 6 * time.Second, End: 8 * time.Second},
	}
	truth := &simulated.Truth{}
	for at := time.Duration(0); at < 8500*ms; at += 50 * ms {
		p := 68 * meter.Watt
		if at%(400*ms) < 200*ms { // its fan, say
			p = 72 * meter.Watt
		}
		truth.Step(50*ms, p)
	}
	trace := simulated.Accelerator(20*ms).Read(rand.New(rand.NewPCG(5, 6)), truth, simLimit, 0)
	curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
	e := curve.Estimate(window, idle)
	if e.Method == attribution.Anchored {
		t.Fatalf("got %s ends, want some that are interpolated: its idle power swings", e.Method)
	}
	for _, w := range e.Warnings {
		if w.Code == "not_anchored" {
			t.Errorf("got the warning %v of a card that used no more than idle", w)
		}
	}
	if want := truth.Over(window); e.Lo > want || e.Hi < want {
		t.Errorf("the bracket [%v, %v] does not hold the true %v", e.Lo, e.Hi, want)
	}
}
