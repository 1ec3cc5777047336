package attribution_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfubench/attribution"
	"cfubench/meter"
)

func TestMeasureIdle(t *testing.T) {
	// 60 W before the run, 66 W after it.
	curve := varyingPower(3*time.Second, func(at time.Duration) meter.Power {
		switch {
		case at < time.Second:
			return 60 * meter.Watt
		case at < 2*time.Second:
			return 300 * meter.Watt
		}
		return 66 * meter.Watt
	})
	before, after := meter.Window{End: 900 * ms}, meter.Window{Start: 2100 * ms, End: 2900 * ms}
	beyond := meter.Window{Start: 10 * time.Second, End: 11 * time.Second}
	for _, row := range []struct {
		name          string
		before, after meter.Window
		want          attribution.Idle
		warn          []string
	}{
		{"neither was measured", meter.Window{}, meter.Window{}, attribution.Idle{}, nil},
		{"one alone has no drift", before, meter.Window{}, attribution.Idle{Loaded: 60 * meter.Watt, Known: true}, nil},
		{"both: their mean, and a drift of 10 % is a warning", before, after, attribution.Idle{Loaded: 63 * meter.Watt, Known: true, Drift: 0.1}, []string{"idle_drift"}},
		{"a window without readings is a warning and counts as not measured", before, beyond, attribution.Idle{Loaded: 60 * meter.Watt, Known: true}, []string{"idle"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, warnings := attribution.MeasureIdle(curve, row.before, row.after)
			if d := got.Loaded - row.want.Loaded; d.Watts() > 0.2 || d.Watts() < -0.2 {
				t.Errorf("loaded idle: got %v, want %v", got.Loaded, row.want.Loaded)
			}
			if got.Known != row.want.Known || math.Abs(got.Drift-row.want.Drift) > 0.002 {
				t.Errorf("got known %v and drift %.4f, want %v and %.4f", got.Known, got.Drift, row.want.Known, row.want.Drift)
			}
			var codes []string
			for _, w := range warnings {
				codes = append(codes, w.Code)
			}
			if !slices.Equal(codes, row.warn) {
				t.Errorf("got warnings %v, want %v", warnings, row.warn)
			}
		})
	}
}

// Bare idle is measured where it can be, and known of a model without it.
func TestMeasureBare(t *testing.T) {
	gpu := meter.Domain{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU}
	model := meter.Domain{Name: "cpu", Kind: meter.KindModel, Scope: meter.ScopeProcess}
	curve := steadyPower(30*meter.Watt, time.Second)
	within, beyond := meter.Window{Start: 100 * ms, End: 900 * ms}, meter.Window{Start: 5 * time.Second, End: 6 * time.Second}
	for _, row := range []struct {
		name   string
		domain meter.Domain
		curve  *attribution.Curve
		window meter.Window
		want   meter.Power
		has    bool
		warn   string
	}{
		{"a window before the server is its power", gpu, curve, within, 30 * meter.Watt, true, ""},
		{"without readings there is none", gpu, nil, within, 0, false, ""},
		{"without a window there is none", gpu, curve, meter.Window{}, 0, false, ""},
		{"a window that the readings do not cover is a warning", gpu, curve, beyond, 0, false, "bare_idle"},
		{"a model of the server's processes has nothing to count without them", model, nil, meter.Window{}, 0, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			idle := attribution.Idle{Loaded: 50 * meter.Watt, Known: true}
			warnings := idle.MeasureBare(row.domain, row.curve, row.window)
			if off := (idle.Bare - row.want).Watts(); math.Abs(off) > 0.2 || idle.HasBare != row.has {
				t.Errorf("got bare %v (known: %v), want %v (%v)", idle.Bare, idle.HasBare, row.want, row.has)
			}
			if idle.Loaded != 50*meter.Watt || !idle.Known {
				t.Errorf("got loaded idle %v, want it left alone", idle.Loaded)
			}
			if row.warn == "" && len(warnings) > 0 || row.warn != "" && (len(warnings) != 1 || warnings[0].Code != row.warn) {
				t.Errorf("got warnings %v, want %q", warnings, row.warn)
			}
		})
	}
}

func TestThreeFiguresStandSideBySide(t *testing.T) {
	w := meter.Window{Start: time.Second, End: 3 * time.Second}
	for _, row := range []struct {
		name string
		idle attribution.Idle
		want attribution.Figures
	}{
		{"nothing was measured: the total alone", attribution.Idle{}, attribution.Figures{Total: 700 * meter.Joule}},
		{"both idles", attribution.Idle{Loaded: 100 * meter.Watt, Bare: 30 * meter.Watt, Known: true, HasBare: true},
			attribution.Figures{Total: 700 * meter.Joule, AboveLoaded: 500 * meter.Joule, AboveBare: 640 * meter.Joule, HasLoaded: true, HasBare: true}},
		{"a bare idle of nothing is a figure too", attribution.Idle{HasBare: true}, attribution.Figures{Total: 700 * meter.Joule, AboveBare: 700 * meter.Joule, HasBare: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, row.idle.Figures(700*meter.Joule, w)); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
		})
	}
}
