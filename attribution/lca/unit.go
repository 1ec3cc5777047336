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
// years, as in Morrison et al. 2025) and a month a twelfth of it.
const (
	kgPerPound      = 0.45359237
	litresPerGallon = 3.785411784
	hoursPerYear    = 365 * 24
	mjPerKWh        = 3.6
)

// currencies are typed: amounts in one are never added to those in another.
func currencies() []string {
	return []string{"USD", "EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CAD", "AUD", "JPY", "CNY", "INR", "KRW", "BRL", "SGD"}
}

// massOf is a dimension of kilograms of a reference substance.
func massOf(name, substance string) dimension {
	return dimension{name, "kg " + substance, map[string]float64{
		"mg " + substance: 1e-6, "g " + substance: 1e-3, "kg " + substance: 1, "t " + substance: 1e3, "kt " + substance: 1e6}}
}

// massRateOf is the same per kWh.
func massRateOf(name, substance string) dimension {
	return dimension{name, "kg " + substance + "/kWh", map[string]float64{
		"mg " + substance + "/kWh": 1e-6, "g " + substance + "/kWh": 1e-3, "kg " + substance + "/kWh": 1,
		"kg " + substance + "/MWh": 1e-3, "t " + substance + "/MWh": 1,
		"lb " + substance + "/MWh": kgPerPound / 1e3, "lb " + substance + "/kWh": kgPerPound}}
}

// money and price accept every currency; the currency of a figure is its unit's.
func money(name, per string, scales map[string]float64) dimension {
	d := dimension{name, "USD" + per, map[string]float64{}}
	for _, currency := range currencies() {
		for unit, factor := range scales {
			d.units[strings.ReplaceAll(unit, "¤", currency)] = factor
		}
	}
	return d
}

// masses are the reference substances of the dimensions that are masses.
var masses = map[string]string{
	"carbon": "CO2e", "depletion": "Sb eq", "acidification": "SO2 eq", "particulate matter": "PM2.5 eq",
	"smog": "O3 eq", "eutrophication": "N eq", "ozone formation": "NOx eq", "ozone formation, EF": "NMVOC eq",
}

// plainUnits are those of dimensions that have one unit, by name.
var plainUnits = map[string]string{
	"acidification, EF": "mol H+ eq", "eutrophication, terrestrial": "mol N eq", "disease": "disease incidence",
}

// dimensionOf gives the dimension of that name.
func dimensionOf(name string) dimension {
	if substance := masses[name]; substance != "" {
		return massOf(name, substance)
	}
	if of, ok := strings.CutSuffix(name, " intensity"); ok && masses[of] != "" {
		return massRateOf(name, masses[of])
	}
	if unit := plainUnits[name]; unit != "" {
		return dimension{name, unit, map[string]float64{unit: 1}}
	}
	if of, ok := strings.CutSuffix(name, " intensity"); ok && plainUnits[of] != "" {
		unit := plainUnits[of]
		return dimension{name, unit + "/kWh", map[string]float64{unit + "/kWh": 1, unit + "/MWh": 1e-3}}
	}
	switch name {
	case "energy":
		return dimension{name, "kWh", map[string]float64{
			"J": 1 / 3.6e6, "kJ": 1 / 3.6e3, "MJ": 1 / mjPerKWh, "Wh": 1e-3, "kWh": 1, "MWh": 1e3, "GWh": 1e6}}
	case "power":
		return dimension{name, "kW", map[string]float64{"W": 1e-3, "kW": 1, "MW": 1e3}}
	case "emission":
		return dimension{name, "kg", map[string]float64{"mg": 1e-6, "g": 1e-3, "kg": 1, "t": 1e3}}
	case "gas intensity":
		return dimension{name, "kg/kWh", map[string]float64{
			"mg/kWh": 1e-6, "g/kWh": 1e-3, "kg/kWh": 1, "kg/MWh": 1e-3, "lb/MWh": kgPerPound / 1e3}}
	case "water":
		return dimension{name, "L", map[string]float64{
			"mL": 1e-3, "L": 1, "kL": 1e3, "ML": 1e6, "m3": 1e3, "gal": litresPerGallon}}
	case "water intensity":
		return dimension{name, "L/kWh", map[string]float64{
			"mL/kWh": 1e-3, "L/kWh": 1, "m3/MWh": 1, "gal/kWh": litresPerGallon}}
	case "water scarcity":
		return dimension{name, "m3 world eq", map[string]float64{"L world eq": 1e-3, "m3 world eq": 1}}
	case "aware":
		return dimension{name, "m3 world eq/m3", map[string]float64{"m3 world eq/m3": 1}}
	case "primary energy":
		return dimension{name, "MJ", map[string]float64{
			"MJ": 1, "GJ": 1e3, "TJ": 1e6, "kWh": mjPerKWh, "MWh": mjPerKWh * 1e3}}
	case "primary energy intensity":
		return dimension{name, "MJ/kWh", map[string]float64{"MJ/kWh": 1, "kWh/kWh": mjPerKWh}}
	case "money":
		d := money(name, "", map[string]float64{"¤": 1, "k¤": 1e3, "M¤": 1e6})
		d.units["cent"] = 0.01 // of a US dollar, as before there were others
		return d
	case "price":
		d := money(name, "/kWh", map[string]float64{"¤/kWh": 1, "¤/MWh": 1e-3})
		d.units["cent/kWh"] = 0.01
		return d
	case "time":
		return dimension{name, "h", map[string]float64{
			"s": 1.0 / 3600, "min": 1.0 / 60, "h": 1, "day": 24, "month": hoursPerYear / 12.0, "year": hoursPerYear}}
	case "ratio":
		return dimension{name, "1", map[string]float64{"1": 1, "%": 0.01}}
	case "count":
		return counts(name, "requests")
	case "lifetime":
		d := counts(name, "requests", "output tokens", "conversations")
		d.units["month"], d.units["year"] = 1, 12
		return d
	case "rate":
		d := dimension{name, "requests/month", map[string]float64{}}
		for counted, number := range counts("", "requests", "output tokens", "conversations").units {
			for period, perMonth := range map[string]float64{"month": 1, "year": 1.0 / 12, "day": 365.0 / 12, "s": 3600 * hoursPerYear / 12.0} {
				d.units[counted+"/"+period] = number * perMonth
			}
		}
		return d
	case "parameters", "tokens":
		return counts(name, name)
	case "compute":
		return dimension{name, "FLOP", map[string]float64{"FLOP": 1, "PFLOP": 1e15, "EFLOP": 1e18, "ZFLOP": 1e21, "YFLOP": 1e24}}
	case "amount":
		return counts(name, "requests", "output tokens", "total tokens", "conversations", "units")
	}
	return dimension{name: name}
}

// counts is a dimension of counted things, with millions and billions of each.
func counts(name string, things ...string) dimension {
	d := dimension{name, things[0], map[string]float64{}}
	for _, thing := range things {
		d.units[thing], d.units["million "+thing], d.units["billion "+thing], d.units["trillion "+thing] = 1, 1e6, 1e9, 1e12
	}
	return d
}

// thing is what a count's unit counts: "tokens" of "billion tokens".
func thing(unit string) string {
	for _, scale := range []string{"million ", "billion ", "trillion "} {
		if rest, ok := strings.CutPrefix(unit, scale); ok {
			return rest
		}
	}
	return unit
}

// currencyOf is the currency of a unit of money, "" of any other unit.
func currencyOf(unit string) string {
	if unit == "cent" || unit == "cent/kWh" {
		return "USD"
	}
	base, _, _ := strings.Cut(unit, "/")
	for _, currency := range currencies() {
		if base == currency || base == "k"+currency || base == "M"+currency {
			return currency
		}
	}
	return ""
}

// dimensionNames lists the names that dimensionOf knows.
func dimensionNames() []string {
	list := []string{"energy", "power", "emission", "gas intensity", "water", "water intensity", "water scarcity", "aware",
		"primary energy", "primary energy intensity", "money", "price", "time", "ratio", "count", "lifetime", "rate", "amount", "parameters", "tokens", "compute"}
	for _, reference := range []map[string]string{masses, plainUnits} {
		for _, name := range slices.Sorted(maps.Keys(reference)) {
			list = append(list, name, name+" intensity")
		}
	}
	return list
}

// convert gives value in the canonical unit; false if the unit is not one of
// the dimension's.
func (d dimension) convert(value float64, unit string) (float64, bool) {
	factor, ok := d.units[unit]
	return value * factor, ok
}

// list names the accepted units, for error messages; of money, those in two
// currencies and what the others are.
func (d dimension) list() string {
	units := slices.Sorted(maps.Keys(d.units))
	if d.name == "money" || d.name == "price" {
		units = slices.DeleteFunc(units, func(u string) bool {
			c := currencyOf(u)
			return c != "USD" && c != "EUR"
		})
		return strings.Join(units, ", ") + ", or the same in another of " + strings.Join(currencies()[2:], " ")
	}
	return strings.Join(units, ", ")
}
