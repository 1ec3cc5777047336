package attribution_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Whatever a register and the verdicts on it say, a curve comes out whose
// windows are in order, whose differences add, and by which shares close.
func TestAnyReadingsGiveACurve(t *testing.T) {
	statuses := []meter.Status{meter.StatusOK, meter.StatusOK, meter.StatusOK, meter.StatusWrap, meter.StatusReset, meter.StatusGlitch,
		meter.StatusStalled, meter.StatusLost, meter.StatusTransient, meter.StatusGap, meter.StatusClockStep, ""}
	rapid.Check(t, func(t *rapid.T) {
		d := meter.Domain{
			Name: "d", Kind: rapid.SampledFrom([]meter.Kind{meter.KindCounter, meter.KindPower, meter.KindModel}).Draw(t, "kind"),
			Range:        meter.Energy(rapid.SampledFrom([]int64{0, 1000, 1 << 40}).Draw(t, "range")),
			Quantum:      meter.Energy(rapid.IntRange(0, 1000).Draw(t, "quantum")),
			UpdatePeriod: time.Duration(rapid.IntRange(0, 50).Draw(t, "period")) * ms,
			Limit:        meter.Power(rapid.SampledFrom([]int64{0, 1, 1e6, 7e8}).Draw(t, "limit")),
			Floor:        meter.Power(rapid.SampledFrom([]int64{0, 1, 1e8}).Draw(t, "floor")),
		}
		var readings []meter.Reading
		var at time.Duration
		for range rapid.IntRange(0, 30).Draw(t, "readings") {
			at += time.Duration(rapid.IntRange(0, 30).Draw(t, "gap")) * ms
			r := meter.Reading{Before: at, Status: rapid.SampledFrom(statuses).Draw(t, "status")}
			at += time.Duration(rapid.IntRange(0, 2000).Draw(t, "call")) * time.Microsecond
			r.After = at
			r.HasEnergy, r.HasPower = rapid.Bool().Draw(t, "energy"), rapid.Bool().Draw(t, "power")
			r.Energy = meter.Energy(rapid.Int64Range(-10, 1<<41).Draw(t, "register"))
			if rapid.Bool().Draw(t, "small") {
				r.Energy %= 2000
			}
			r.Power = meter.Power(rapid.Int64Range(0, 1e9).Draw(t, "gauge"))
			readings = append(readings, r)
		}
		c, _ := attribution.NewCurve(d, readings)
		span := c.Span()
		draw := func(name string) time.Duration {
			return time.Duration(rapid.Int64Range(int64(span.Start-ms), int64(span.End+ms)).Draw(t, name))
		}
		a, b, end := draw("a"), draw("b"), draw("c")
		a, b, end = min(a, b, end), max(min(a, b), min(max(a, b), end)), max(a, b, end)
		w := meter.Window{Start: a, End: end}
		e := c.Energy(w)
		if e.Lo < 0 || e.Lo > e.Hi || e.HasEnergy && (e.Energy < 0) {
			t.Fatalf("window %v: got %+v, want 0 ≤ lo ≤ hi and no negative energy", w, e)
		}
		whole, first, second := c.Counter(w), c.Counter(meter.Window{Start: a, End: b}), c.Counter(meter.Window{Start: b, End: end})
		if whole.Flag == "" && whole.Energy != first.Energy+second.Energy {
			t.Fatalf("differences of the halves: %d + %d, want %d", first.Energy, second.Energy, whole.Energy)
		}
		if w.Length() <= 0 {
			return
		}
		pause := time.Duration(rapid.IntRange(0, 200).Draw(t, "pause")) * ms
		around := attribution.Surroundings{
			IdleBefore: meter.Window{Start: a - pause, End: a}, IdleAfter: meter.Window{Start: end, End: end + pause},
			Step:  time.Duration(rapid.IntRange(0, 200).Draw(t, "step")) * ms,
			Gauge: gauge.Gauge{Average: time.Duration(rapid.IntRange(0, 100).Draw(t, "average")) * ms, Look: rapid.Float64Range(0, 1).Draw(t, "look"), Gain: 0.04},
		}
		if estimate := c.Estimate(w, around); estimate.HasEnergy {
			if estimate.Energy < estimate.Lo || estimate.Energy > estimate.Hi || estimate.Uncertainty.U95() < 0 {
				t.Fatalf("window %v: got %+v, want lo ≤ energy ≤ hi", w, estimate)
			}
			if whole := estimate.Curve.Total(w); whole != estimate.Curve.Total(meter.Window{Start: a, End: b})+estimate.Curve.Total(meter.Window{Start: b, End: end}) {
				t.Fatalf("window %v: the halves do not add up to %d", w, whole)
			}
		}
		reqs := []attribution.Request{req(0, int(a/ms), int(b/ms), int(end/ms)), req(1, int(b/ms), -1, int(end/ms)+1)}
		for _, convention := range conventions(t) {
			r, err := attribution.Attribute(convention, reqs, c, w, attribution.Idle{})
			if err != nil {
				t.Fatal(err)
			}
			var sum meter.Energy
			for _, s := range r.Shares {
				sum += s.Energy
			}
			if r.Refused == "" && sum != r.Counter {
				t.Fatalf("%s: shares sum to %d, want %d", convention.Name(), sum, r.Counter)
			}
		}
	})
}
