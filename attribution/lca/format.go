package lca

import (
	"cmp"
	"fmt"
	"math"

	"cfubench/internal/si"
)

// Readable formats the impact for people, three significant digits with a unit
// of fitting size: "2.49 mg CO2e", "157 MWh".
func (i Impact) Readable() string {
	row := i.Category.row()
	switch {
	case i.Category == Cost:
		return cmp.Or(i.Currency, "USD") + " " + si.Short(i.Value)
	case i.Category == GWP && math.Abs(i.Value) >= 1e3:
		return si.Format(i.Value/1e3, "t CO2e")
	case row.symbol != "":
		return si.Format(i.Value*row.scale, row.symbol)
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
