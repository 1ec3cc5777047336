package lca

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
)

// Readable formats the impact for people, three significant digits with a unit
// of fitting size: "2.49 mg CO2e", "157 MWh".
func (i Impact) Readable() string {
	row := i.Category.row()
	switch {
	case i.Category == Cost:
		return cmp.Or(i.Currency, "USD") + " " + digits(i.Value)
	case i.Category == GWP && math.Abs(i.Value) >= 1e3:
		return prefixed(i.Value/1e3, "t CO2e")
	case row.symbol != "":
		return prefixed(i.Value*row.scale, row.symbol)
	}
	return digits(i.Value) + " " + i.Category.Unit()
}

// prefixed writes v with the SI prefix that leaves one to three digits before
// the point.
func prefixed(v float64, unit string) string {
	prefixes := []string{"f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P"}
	const none = 5
	p := none
	if v != 0 {
		p += int(math.Floor((math.Log10(math.Abs(v)) + 1e-9) / 3))
	}
	p = min(max(p, 0), len(prefixes)-1)
	return digits(v/math.Pow(1000, float64(p-none))) + " " + prefixes[p] + unit
}

// digits writes three significant digits without an exponent for ordinary
// sizes.
func digits(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e6) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	d := 0
	if v != 0 {
		d = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	return strconv.FormatFloat(v, 'f', d, 64)
}

// Count writes a number of requests as people say it: "20.9 billion".
func Count(n float64) string {
	switch {
	case math.IsInf(n, 0) || n < 0:
		return "never"
	case n >= 1e12:
		return digits(n/1e12) + " trillion"
	case n >= 1e9:
		return digits(n/1e9) + " billion"
	case n >= 1e6:
		return digits(n/1e6) + " million"
	}
	return fmt.Sprintf("%.0f", n)
}
