package lca

import (
	"cmp"
	"fmt"
	"math"

	"cfubench/internal/si"
)

// Readable formats the impact for people, three significant digits with a unit
// of fitting size: "2.49 mg CO2e", "157 MWh".
func (i Impact) Readable() string { return i.ReadableBeside(i.Value) }

// ReadableBeside is Readable in the unit and prefix that fit another value of the
// category, in its canonical unit: figures that are compared have one.
func (i Impact) ReadableBeside(value float64) string {
	row := i.Category.row()
	unit, factor := row.symbol, row.scale
	switch {
	case i.Category == Cost:
		return cmp.Or(i.Currency, "USD") + " " + si.Short(i.Value)
	case i.Category == GWP && math.Abs(value) >= 1e3:
		unit, factor = "t CO2e", 1e-3
	}
	if unit != "" {
		p := si.Of(value * factor)
		return p.Short(i.Value*factor) + " " + p.Unit(unit)
	}
	return si.Short(i.Value) + " " + i.Category.Unit()
}

// Readable is the unit in which people read the category, which takes SI prefixes,
// and its factor on the canonical unit: "g CO2e" and 1000. Of costs it is the
// inventory's currency, which this does not know.
func (c Category) Readable() (unit string, factor float64) {
	if row := c.row(); row.symbol != "" {
		return row.symbol, row.scale
	}
	return c.Unit(), 1
}

// Count writes a number of requests as people say it: "20.9 billion".
func Count(n float64) string {
	switch {
	case math.IsInf(n, 0) || n < 0:
		return "never"
	case n >= 1e12:
		return si.Short(n/1e12) + " trillion"
	case n >= 1e9:
		return si.Short(n/1e9) + " billion"
	case n >= 1e6:
		return si.Short(n/1e6) + " million"
	}
	return fmt.Sprintf("%.0f", n)
}
