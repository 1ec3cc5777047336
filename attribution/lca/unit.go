package lca

import (
	"maps"
	"slices"
	"strings"
)

// dimension is what a figure measures: the set of units that are accepted for
// it and how many of the dimension's first unit each is.
type dimension struct {
	name      string
	canonical string
	units     map[string]float64
}

// Exact by definition: the international pound, the hour, the US gallon, and
// the Julian-free convention of LCA that a year has 365 days (35,040 h in four
// years, as in Morrison et al. 2025).
const (
	kgPerPound      = 0.45359237
	litresPerGallon = 3.785411784
	hoursPerYear    = 365 * 24
	mjPerKWh        = 3.6
)

// dimensions holds every dimension of an inventory by name.
func dimensionOf(name string) dimension {
	switch name {
	case "energy":
		return dimension{name, "kWh", map[string]float64{
			"J": 1 / 3.6e6, "kJ": 1 / 3.6e3, "MJ": 1 / mjPerKWh, "Wh": 1e-3, "kWh": 1, "MWh": 1e3, "GWh": 1e6}}
	case "carbon":
		return dimension{name, "kg CO2e", map[string]float64{
			"mg CO2e": 1e-6, "g CO2e": 1e-3, "kg CO2e": 1, "t CO2e": 1e3, "kt CO2e": 1e6}}
	case "carbon intensity":
		return dimension{name, "kg CO2e/kWh", map[string]float64{
			"g CO2e/kWh": 1e-3, "kg CO2e/kWh": 1, "kg CO2e/MWh": 1e-3, "t CO2e/MWh": 1,
			"lb CO2e/MWh": kgPerPound / 1e3, "lb CO2e/kWh": kgPerPound}}
	case "gas intensity":
		return dimension{name, "kg/kWh", map[string]float64{
			"g/kWh": 1e-3, "kg/kWh": 1, "kg/MWh": 1e-3, "lb/MWh": kgPerPound / 1e3}}
	case "water":
		return dimension{name, "L", map[string]float64{
			"mL": 1e-3, "L": 1, "kL": 1e3, "ML": 1e6, "m3": 1e3, "gal": litresPerGallon}}
	case "water intensity":
		return dimension{name, "L/kWh", map[string]float64{
			"mL/kWh": 1e-3, "L/kWh": 1, "m3/MWh": 1, "gal/kWh": litresPerGallon}}
	case "depletion":
		return dimension{name, "kg Sb eq", map[string]float64{
			"mg Sb eq": 1e-6, "g Sb eq": 1e-3, "kg Sb eq": 1}}
	case "depletion intensity":
		return dimension{name, "kg Sb eq/kWh", map[string]float64{
			"mg Sb eq/kWh": 1e-6, "g Sb eq/kWh": 1e-3, "kg Sb eq/kWh": 1}}
	case "primary energy":
		return dimension{name, "MJ", map[string]float64{
			"MJ": 1, "GJ": 1e3, "kWh": mjPerKWh, "MWh": mjPerKWh * 1e3}}
	case "primary energy intensity":
		return dimension{name, "MJ/kWh", map[string]float64{"MJ/kWh": 1, "kWh/kWh": mjPerKWh}}
	case "money":
		return dimension{name, "USD", map[string]float64{"USD": 1, "cent": 0.01, "kUSD": 1e3}}
	case "price":
		return dimension{name, "USD/kWh", map[string]float64{
			"USD/kWh": 1, "cent/kWh": 0.01, "USD/MWh": 1e-3}}
	case "time":
		return dimension{name, "h", map[string]float64{
			"s": 1.0 / 3600, "h": 1, "day": 24, "year": hoursPerYear}}
	case "ratio":
		return dimension{name, "1", map[string]float64{"1": 1, "%": 0.01}}
	case "count":
		return dimension{name, "requests", map[string]float64{"requests": 1, "million requests": 1e6, "billion requests": 1e9}}
	}
	return dimension{name: name}
}

// dimensionNames lists the names that dimensionOf knows.
func dimensionNames() []string {
	return []string{"energy", "carbon", "carbon intensity", "gas intensity", "water", "water intensity",
		"depletion", "depletion intensity", "primary energy", "primary energy intensity",
		"money", "price", "time", "ratio", "count"}
}

// convert gives value in the canonical unit; false if the unit is not one of
// the dimension's.
func (d dimension) convert(value float64, unit string) (float64, bool) {
	factor, ok := d.units[unit]
	return value * factor, ok
}

// list names the accepted units, for error messages.
func (d dimension) list() string {
	return strings.Join(slices.Sorted(maps.Keys(d.units)), ", ")
}
