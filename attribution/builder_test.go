package attribution_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
)

// reads makes readings every 10 ms, each taking 1 µs, of the given registers in
// J; status is by index, OK where it is not given.
func reads(status map[int]meter.Status, joules ...float64) []meter.Reading {
	var out []meter.Reading
	for i, j := range joules {
		at := time.Duration(i) * 10 * ms
		r := meter.Reading{Before: at, After: at + time.Microsecond, HasEnergy: true, Energy: meter.Energy(j * 1e6), Status: meter.StatusOK}
		if s, ok := status[i]; ok {
			r.Status = s
			r.HasEnergy = s != meter.StatusTransient && s != meter.StatusLost
		}
		out = append(out, r)
	}
	return out
}

func TestCurveTakesReadingsByTheirStatus(t *testing.T) {
	domain := meter.Domain{Name: "d", Kind: meter.KindCounter, UpdatePeriod: 10 * ms}
	wrapping := domain
	wrapping.Range = 8 * meter.Joule
	all := meter.Window{Start: 0, End: 50*ms + time.Microsecond}
	for _, row := range []struct {
		name     string
		domain   meter.Domain
		readings []meter.Reading
		window   meter.Window
		counter  meter.Energy
		flags    []string // of the window's energy
		refused  string   // of its counter
		warnings int
	}{
		{"a plain counter", domain, reads(nil, 1, 2, 3, 4, 5, 6), all, 5 * meter.Joule, nil, "", 0},
		{"a wrap is undone", wrapping, reads(map[int]meter.Status{3: meter.StatusWrap}, 5, 6, 7, 0, 1, 2), all, 5 * meter.Joule, nil, "", 0},
		{"a fall without a status wraps if the range allows it", wrapping, reads(nil, 5, 6, 7, 0, 1, 2), all, 5 * meter.Joule, nil, "", 0},
		{"and is a reset if it would be too much", wrapping, reads(nil, 1, 2, 3, 0, 1, 2), all, 0, []string{"invalid_reset"}, "invalid_reset", 1},
		{"a reset leaves no energy across it", domain, reads(map[int]meter.Status{3: meter.StatusReset}, 5, 6, 7, 0, 1, 2), all, 0, []string{"invalid_reset"}, "invalid_reset", 1},
		{"but before it there is", domain, reads(map[int]meter.Status{3: meter.StatusReset}, 5, 6, 7, 0, 1, 2), meter.Window{Start: 0, End: 20*ms + time.Microsecond}, 2 * meter.Joule, nil, "", 1},
		{"a glitch is left out and flagged", domain, reads(map[int]meter.Status{2: meter.StatusGlitch}, 1, 2, 900, 4, 5, 6), all, 5 * meter.Joule, []string{"glitch"}, "", 0},
		{"a failed read is left out", domain, reads(map[int]meter.Status{2: meter.StatusTransient}, 1, 2, 0, 4, 5, 6), all, 5 * meter.Joule, nil, "", 0},
		{"a gap is flagged", domain, reads(map[int]meter.Status{3: meter.StatusGap}, 1, 2, 3, 4, 5, 6), all, 5 * meter.Joule, []string{"gap"}, "", 0},
		{"a stall is flagged", domain, reads(map[int]meter.Status{3: meter.StatusStalled}, 1, 2, 3, 3, 5, 6), all, 5 * meter.Joule, []string{"stalled"}, "", 0},
		{"a clock step is flagged", domain, reads(map[int]meter.Status{3: meter.StatusClockStep}, 1, 2, 3, 4, 5, 6), all, 5 * meter.Joule, []string{"clock_step"}, "", 0},
		{"a lost device ends the curve", domain, reads(map[int]meter.Status{3: meter.StatusLost, 4: meter.StatusLost, 5: meter.StatusLost}, 1, 2, 3, 0, 0, 0), all, 0, []string{"outside_readings"}, "outside_readings", 0},
		{"no reading at all", domain, nil, all, 0, []string{"outside_readings"}, "outside_readings", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, warnings := attribution.NewCurve(row.domain, row.readings)
			if len(warnings) != row.warnings {
				t.Errorf("got warnings %v, want %d", warnings, row.warnings)
			}
			// The first read ends a microsecond after zero.
			w := meter.Window{Start: row.window.Start + time.Microsecond, End: row.window.End}
			got := c.Counter(w)
			if got.Energy != row.counter || got.Flag != row.refused {
				t.Errorf("counter difference: got %v and flag %q, want %v and %q", got.Energy, got.Flag, row.counter, row.refused)
			}
			flags := slices.DeleteFunc(c.Energy(w).Flags, func(f string) bool { return f == attribution.FlagUnbounded })
			if !slices.Equal(flags, row.flags) {
				t.Errorf("flags: got %v, want %v", flags, row.flags)
			}
		})
	}
}

func TestShortWindowsHaveABracketOnly(t *testing.T) {
	d := meter.Domain{Name: "d", Kind: meter.KindCounter, UpdatePeriod: 10 * ms, Limit: 200 * meter.Watt}
	c, _ := attribution.NewCurve(d, reads(nil, 0, 1, 2, 3, 4, 5, 6, 7, 8)) // 100 W
	e := c.Energy(meter.Window{Start: 30 * ms, End: 49 * ms})
	if e.HasEnergy || e.Energy != 0 || !slices.Contains(e.Flags, attribution.FlagBelowResolution) {
		t.Errorf("window of 19 ms at a period of 10: got %+v, want no energy and flag %s", e, attribution.FlagBelowResolution)
	}
	if e.Lo > 1900*meter.Millijoule || e.Hi < 1900*meter.Millijoule || e.Hi > 38*meter.Joule/10 {
		t.Errorf("got bracket [%v, %v], want it to hold 1.9 J and not to pass the limit's 3.8 J", e.Lo, e.Hi)
	}
	if e := c.Energy(meter.Window{Start: 30 * ms, End: 50 * ms}); !e.HasEnergy {
		t.Errorf("window of two periods: got no energy and flags %v, want an energy", e.Flags)
	}
}

func TestLimitsThatTheRegisterContradictsAreNotUsed(t *testing.T) {
	for _, row := range []struct {
		name         string
		limit, floor meter.Power
		want         string
	}{
		{"100 W over a limit of 20, beyond what a limit lets pass for a moment", 20 * meter.Watt, 0, "above_limit"},
		{"100 W under a floor of 250", 0, 250 * meter.Watt, "below_floor"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := meter.Domain{Name: "d", Kind: meter.KindCounter, UpdatePeriod: 10 * ms, Limit: row.limit, Floor: row.floor}
			c, warnings := attribution.NewCurve(d, reads(nil, 0, 1, 2, 3, 4, 5, 6, 7, 8))
			if len(warnings) != 1 || warnings[0].Code != row.want {
				t.Fatalf("got warnings %v, want one %s", warnings, row.want)
			}
			e := c.Energy(meter.Window{Start: 20 * ms, End: 60 * ms})
			if e.Lo > 4*meter.Joule || e.Hi < 4*meter.Joule {
				t.Errorf("got bracket [%v, %v], want it to hold the true 4 J", e.Lo, e.Hi)
			}
		})
	}
}

// looks makes readings of a gauge every 100 ms, of which those that are negative
// failed.
func looks(watts ...float64) []meter.Reading {
	var readings []meter.Reading
	for i, w := range watts {
		at := time.Duration(i) * 100 * ms
		r := meter.Reading{Before: at, After: at, HasPower: true, Power: meter.Power(w * 1e6), Status: meter.StatusOK}
		if w < 0 {
			r = meter.Reading{Before: at, After: at, Status: meter.StatusTransient}
		}
		readings = append(readings, r)
	}
	return readings
}

// A gauge is integrated by trapezoids between its publications, which are half
// an update before the reads that show them, and bounded by its limits alone: by
// the enforced limit over the window, and by an excursion of a tenth of a second.
func TestPowerGauge(t *testing.T) {
	d := meter.Domain{Name: "d", Kind: meter.KindPower, UpdatePeriod: 10 * ms, Limit: 400 * meter.Watt, Floor: 50 * meter.Watt}
	c, _ := attribution.NewCurve(d, looks(100, 100, 200, 200, 200))
	w := meter.Window{Start: 50 * ms, End: 300 * ms}
	e := c.Energy(w)
	// 50 ms at 100 W, 95 ms at 150 on average, 105 ms at 200.
	if want := 40250 * meter.Millijoule; e.Energy != want || c.Counter(w).Energy != want {
		t.Errorf("got %v and a difference of %v, want %v", e.Energy, c.Counter(w).Energy, want)
	}
	if e.Lo != 12500*meter.Millijoule || e.Hi != 160*meter.Joule {
		t.Errorf("got bracket [%v, %v], want the floor's 12.5 J and 100 J by the limit with 60 J of an excursion", e.Lo, e.Hi)
	}
	if p, _ := c.MeanPower(w); p != 161*meter.Watt {
		t.Errorf("mean power: got %v, want 161 W", p)
	}
}

// What a gauge says is compared with what can be.
func TestFiguresThatAreNoPower(t *testing.T) {
	card := meter.Domain{Name: "gpu0", Kind: meter.KindPower, Scope: meter.ScopeGPU, Source: "nvml", Limit: 700 * meter.Watt}
	unlimited, rail, small := card, card, card
	unlimited.Limit = 0
	rail.Scope, rail.Source, rail.Limit = meter.ScopeCore, "hwmon", 0
	small.Limit = 100 * meter.Watt
	steady := func(n int, odd map[int]float64) []float64 {
		w := make([]float64, n)
		for i := range w {
			w[i] = 300
			if x, ok := odd[i]; ok {
				w[i] = x
			}
		}
		return w
	}
	for _, row := range []struct {
		name    string
		domain  meter.Domain
		watts   []float64
		want    float64 // J over 0.1 to 2.9 s
		flag    string  // "" for none of the glitch
		warning string
	}{
		{"steady", card, steady(31, nil), 840, "", ""},
		{"a failed look is unknown and not zero", card, steady(31, map[int]float64{7: -1, 8: -1}), 840, "", ""},
		{"nor does a card that answers draw nothing", card, steady(31, map[int]float64{7: 0, 20: 0}), 840, "", ""},
		{"a rail may be off", rail, steady(31, map[int]float64{7: 0}), 810, "", ""},
		{"4294967295 mW is no power", card, steady(31, map[int]float64{7: 4294967.295, 27: 4294967.295}), 840, attribution.FlagGlitch, ""},
		{"whatever the limit", unlimited, steady(31, map[int]float64{7: 4294967.295}), 840, attribution.FlagGlitch, ""},
		{"far over the enforced limit is none either", card, steady(31, map[int]float64{7: 2000}), 840, attribution.FlagGlitch, "gauge_glitch"},
		{"a moment's excursion is", card, steady(31, map[int]float64{7: 1400}), 950, "", ""},
		{"where most are over it, the limit is wrong", small, steady(31, nil), 840, "", "above_limit"},
		{"where many hold no power, that is said", card, steady(31, map[int]float64{3: -1, 7: 0, 11: 4294967.295, 20: 0, 27: -1}), 840, attribution.FlagGlitch, "gauge_blank"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, warnings := attribution.NewCurve(row.domain, looks(row.watts...))
			e := c.Energy(meter.Window{Start: 100 * ms, End: 2900 * ms})
			if off := e.Energy.Joules() - row.want; off > 1e-3 || off < -1e-3 {
				t.Errorf("got %v, want %g J", e.Energy, row.want)
			}
			if e.Lo > e.Energy || e.Hi < e.Energy {
				t.Errorf("the bracket [%v, %v] cuts off its own estimate %v", e.Lo, e.Hi, e.Energy)
			}
			if got := slices.Contains(e.Flags, attribution.FlagGlitch); got != (row.flag != "") {
				t.Errorf("got flags %v, want %q", e.Flags, row.flag)
			}
			switch {
			case row.warning == "" && len(warnings) > 0, row.warning != "" && (len(warnings) != 1 || warnings[0].Code != row.warning):
				t.Errorf("got warnings %v, want %q", warnings, row.warning)
			}
		})
	}
}

// A sampler that calls whatever is over twice the limit a glitch does not know whether
// the limit is right: seconds of it are load.
func TestAWrongLimitTakesNoLoad(t *testing.T) {
	card := meter.Domain{Name: "gpu0", Kind: meter.KindPower, Scope: meter.ScopeGPU, UpdatePeriod: 100 * ms, Limit: 220 * meter.Watt}
	var readings []meter.Reading
	for i, r := range looks(slices.Concat(slices.Repeat([]float64{60}, 10), slices.Repeat([]float64{490}, 15), slices.Repeat([]float64{60}, 10))...) {
		if i >= 10 && i < 25 {
			r.Status = meter.StatusGlitch
		}
		readings = append(readings, r)
	}
	c, _ := attribution.NewCurve(card, readings)
	all := c.Energy(meter.Window{Start: 0, End: 3400 * ms})
	if got, want := all.Energy.Joules(), 15*49.0+19*6.0; math.Abs(got/want-1) > 0.03 {
		t.Errorf("got %.0f J, want %.0f", got, want)
	}
	if slices.Contains(all.Flags, attribution.FlagGlitch) {
		t.Errorf("flags %v: what is counted is no glitch", all.Flags)
	}
}

// A model's register stands still while its processes do: what it does not
// count was not used, however long ago its last step was.
func TestIdleModelUsesNothing(t *testing.T) {
	d := meter.Domain{Name: "cpu", Kind: meter.KindModel, UpdatePeriod: 10 * ms}
	values := make([]float64, 100)
	for i := range values {
		values[i] = min(float64(i), 20) // 100 W for 200 ms, then nothing
	}
	c, _ := attribution.NewCurve(d, reads(nil, values...))
	e := c.Energy(meter.Window{Start: 300 * ms, End: 900 * ms})
	if !e.HasEnergy || e.Energy != 0 || e.Hi > meter.Microjoule {
		t.Errorf("got %v in [%v, %v], want nothing", e.Energy, e.Lo, e.Hi)
	}
	if e.Scale != 0 || e.Sampling != 0 || e.Method != meter.KindModel {
		t.Errorf("got scale %v and sampling %v of a %s, want none of a model", e.Scale, e.Sampling, e.Method)
	}
}
