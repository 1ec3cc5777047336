package lca

import (
	"fmt"
	"math"
	"strconv"

	"cfubench/meter"
)

// CarbonGrid is the location-based carbon of a kilowatt-hour where it is used.
type CarbonGrid struct {
	// Name is the electricity preset's, or the number that was given.
	Name string `json:"grid"`
	// Carbon is in g CO2e/kWh.
	Carbon float64 `json:"g_co2e_per_kwh"`
	Scope  Scope   `json:"scope,omitempty"` // of a preset that says it
	Source string  `json:"source"`
}

// ParseCarbonGrid reads a grid: the name of an electricity preset, or g CO2e/kWh.
func ParseCarbonGrid(text string) (CarbonGrid, error) {
	if g, err := strconv.ParseFloat(text, 64); err == nil {
		if !(g >= 0) || math.IsInf(g, 0) {
			return CarbonGrid{}, fmt.Errorf("%q: want 0 g CO2e/kWh or more", text)
		}
		return CarbonGrid{Name: text + " g/kWh", Carbon: g, Source: "as given"}, nil
	}
	e, err := gridPreset(text)
	if err != nil {
		return CarbonGrid{}, fmt.Errorf("%w, nor a number of g CO2e/kWh", err)
	}
	carbon := e.Impacts[GWP.row().key]
	if carbon == nil {
		return CarbonGrid{}, fmt.Errorf("grid %q has no carbon intensity", text)
	}
	return CarbonGrid{Name: text, Carbon: carbon.Canonical() * GWP.row().scale, Scope: e.Scope, Source: carbon.Source}, nil
}

// Grams is the carbon of an energy at the meter, in g CO2e: without the facility's
// overhead and losses before the meter.
func (g CarbonGrid) Grams(e meter.Energy) float64 { return g.Carbon * e.Joules() / 3.6e6 }
