package lca_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

func TestParseCarbonGrid(t *testing.T) {
	for _, tt := range []struct{ name, text, err string }{
		{"a number is g CO2e/kWh", "380.5", ""},
		{"a grid without any carbon is one", "0", ""},
		{"a preset has its source", "ecologits-fra", ""},
		{"no grid has less than none", "-1", "or more"},
		{"nor without end", "inf", "or more"},
		{"a name that is no preset's is refused with where to look", "moon", "--list-presets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := lca.ParseCarbonGrid(tt.text)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("got %v, want %q", err, tt.err)
			}
			if err == nil && (g.Source == "" || !(g.Carbon >= 0)) {
				t.Errorf("got %+v", g)
			}
		})
	}
}

// TestGridAgreesWithItsPreset: the grid's figure is the preset's own.
func TestGridAgreesWithItsPreset(t *testing.T) {
	g, err := lca.ParseCarbonGrid("ecologits-fra")
	if err != nil {
		t.Fatal(err)
	}
	text, err := lca.PresetText("ecologits-fra")
	if err != nil {
		t.Fatal(err)
	}
	var preset struct {
		Carbon struct {
			Value float64
			Unit  string
		}
	}
	if err := json.Unmarshal(text, &preset); err != nil {
		t.Fatal(err)
	}
	if preset.Carbon.Unit != "kg CO2e/kWh" || math.Abs(g.Carbon-1000*preset.Carbon.Value) > 1e-9 {
		t.Errorf("got %v g CO2e/kWh, the preset has %+v", g.Carbon, preset.Carbon)
	}
	if got := g.Grams(3600 * 1000 * meter.Joule); math.Abs(got-g.Carbon) > 1e-9 {
		t.Errorf("a kilowatt-hour has %v g, want %v", got, g.Carbon)
	}
}
