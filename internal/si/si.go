// Package si writes figures for people: three significant digits, with the SI
// prefix of a fitting size before the unit. A single figure has one to three digits
// before the point: 2.49 mg. Figures that are compared, as those of a column or an
// axis, share one prefix. CSV and JSON hold base units, and need none of this.
package si

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Prefix is a decimal prefix of units.
type Prefix struct {
	Symbol string // "m"
	Factor float64
}

// None leaves a unit as it is.
var None = Prefix{"", 1}

// prefixes are the SI's, by rising powers of a thousand.
var prefixes = []Prefix{{"f", 1e-15}, {"p", 1e-12}, {"n", 1e-9}, {"µ", 1e-6}, {"m", 1e-3}, None, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}}

// Of is the prefix that leaves one to three digits before v's point.
func Of(v float64) Prefix {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return None
	}
	a := math.Abs(v) * (1 + 5e-4) // 999.6 is written as 1000
	for i := len(prefixes) - 1; i > 0; i-- {
		if a >= prefixes[i].Factor {
			return prefixes[i]
		}
	}
	return prefixes[0]
}

// Common is one prefix for figures that are read beside each other: none where the
// middle one lies between a tenth and a thousand, else the middle one's.
func Common(values ...float64) Prefix {
	var sizes []float64
	for _, v := range values {
		if a := math.Abs(v); a > 0 && !math.IsInf(a, 0) {
			sizes = append(sizes, a)
		}
	}
	if len(sizes) == 0 {
		return None
	}
	slices.Sort(sizes)
	middle := sizes[len(sizes)/2]
	if middle >= 0.1 && middle < 999.5 {
		return None
	}
	return Of(middle)
}

// In is v in the unit with the prefix.
func (p Prefix) In(v float64) float64 { return v / p.Factor }

// Unit is a unit with the prefix: "mJ/req" of "J/req".
func (p Prefix) Unit(unit string) string { return p.Symbol + unit }

// Short is v in the unit with the prefix, without the unit.
func (p Prefix) Short(v float64) string { return Short(p.In(v)) }

// symbols are the units that take a prefix.
var symbols = []string{"J", "W", "Wh", "s", "g", "gCO2e"}

// Takes reports whether a unit takes a prefix: "J/req" and "s, p50/p99" do, "%",
// "tok/s" and "USD/M tok" do not.
func Takes(unit string) bool {
	symbol, _, _ := strings.Cut(unit, "/")
	if i := strings.IndexAny(symbol, " ,·"); i >= 0 {
		symbol = symbol[:i]
	}
	return slices.Contains(symbols, symbol)
}

// For is Common for a unit that takes a prefix, and None for all others.
func For(unit string, values ...float64) Prefix {
	if !Takes(unit) {
		return None
	}
	return Common(values...)
}

// Format is a single figure with its unit, which takes a prefix: "1.20 kJ".
func Format(v float64, unit string) string {
	p := Of(v)
	return p.Short(v) + " " + p.Unit(unit)
}

// Bounded is a figure with its interval, in one unit, which takes a prefix if it can:
// "1.20 (1.10 to 1.30) kJ". There is no interval where a bound is unknown.
func Bounded(v, lo, hi float64, unit string) string {
	p := For(unit, v)
	text := p.Short(v)
	if !math.IsNaN(lo) && !math.IsNaN(hi) {
		text += " (" + p.Short(lo) + " to " + p.Short(hi) + ")"
	}
	return text + " " + p.Unit(unit)
}

// Short is a figure with three significant digits, the thousands of a large one
// apart, without exponents between a millionth and a million millions: 573,000. An
// unknown one is "–".
func Short(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v == 0:
		return "0"
	case a >= 1e12 || a < 1e-6:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		n, _ := strconv.Atoi(exponent)
		return mantissa + "e" + strconv.Itoa(n)
	case a >= 9995:
		return grouped(v)
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// Count is a number of things: all its digits up to four, of a larger one three
// significant.
func Count(n int) string {
	if n < 9995 {
		return strconv.Itoa(n)
	}
	return Short(float64(n))
}

// grouped is a large figure with its thousands apart.
func grouped(v float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	digits := strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
