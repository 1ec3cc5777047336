package svg

import (
	"math"
	"strconv"
	"strings"

	"cfubench/internal/si"
)

// scale maps values to pixels.
type scale struct {
	min, max float64
	log      bool
	from, to float64   // pixels of min and max
	prefix   si.Prefix // of the unit in which values are labelled; the zero Prefix for none
}

// linear covers low to high, rounded out to whole ticks.
func linear(low, high, from, to float64) scale {
	if !(high > low) {
		pad := math.Abs(low) / 2
		if pad == 0 {
			pad = 1
		}
		low, high = low-pad, high+pad
	}
	step := niceStep(high-low, 5)
	return scale{min: math.Floor(low/step+1e-9) * step, max: math.Ceil(high/step-1e-9) * step, from: from, to: to}
}

// logarithmic covers low to high, both positive, with a margin of a twentieth,
// and at most thirty decades: what is further down lies off the chart.
func logarithmic(low, high, from, to float64) scale {
	low = max(low, high*1e-30)
	ratio := high / low
	if ratio < 1.5 { // widened on both sides alike
		middle := math.Sqrt(low) * math.Sqrt(high) // low·high may be below every number
		ratio = 1.5
		low, high = middle/math.Sqrt(ratio), middle*math.Sqrt(ratio)
	}
	pad := math.Pow(ratio, 0.05)
	return scale{min: low / pad, max: high * pad, log: true, from: from, to: to}
}

func (s scale) at(v float64) float64 {
	if s.log {
		return s.from + (math.Log(v)-math.Log(s.min))/(math.Log(s.max)-math.Log(s.min))*(s.to-s.from)
	}
	return s.from + (v-s.min)/(s.max-s.min)*(s.to-s.from)
}

// niceStep is 1, 2 or 5 times a power of ten such that about n steps make span.
func niceStep(span float64, n int) float64 {
	raw := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	switch f := raw / power; {
	case f < 1.5:
		return power
	case f < 3.5:
		return 2 * power
	case f < 7.5:
		return 5 * power
	}
	return 10 * power
}

// ticks are about n values to label.
func (s scale) ticks(n int) []float64 {
	if s.log {
		return s.logTicks(n)
	}
	step := niceStep(s.max-s.min, n)
	var t []float64
	for k := math.Ceil(s.min/step - 1e-9); k*step <= s.max+step*1e-9; k++ {
		t = append(t, k*step)
	}
	return t
}

// logTicks are powers of ten, with 2 and 5 between where there is room for
// them.
func (s scale) logTicks(n int) []float64 {
	decades := math.Log10(s.max / s.min)
	within := []float64{1}
	if decades < float64(n)/3 {
		within = []float64{1, 2, 5}
	}
	if decades < 0.7 {
		within = []float64{1, 1.5, 2, 3, 4, 5, 6, 8}
	}
	skip := max(1, int(math.Ceil(decades/float64(n))))
	var t []float64
	for e := int(math.Floor(math.Log10(s.min))); e <= int(math.Ceil(math.Log10(s.max))); e++ {
		if e%skip != 0 {
			continue
		}
		for _, m := range within {
			if v := m * math.Pow(10, float64(e)); v >= s.min*(1-1e-9) && v <= s.max*(1+1e-9) {
				t = append(t, v)
			}
		}
	}
	if len(t) < 3 && decades < 0.7 { // too narrow for any of these: equal steps
		return scale{min: s.min, max: s.max}.ticks(n)
	}
	return t
}

// Prefixable stands in the title of an axis before the unit that takes an SI prefix:
// Prefixable + "J per request".
const Prefixable = "\x00"

// titled gives the scale the prefix that its title asks for, and the title with it.
func (s scale) titled(title string) (scale, string) {
	before, after, ok := strings.Cut(title, Prefixable)
	if !ok {
		return s, title
	}
	s.prefix = si.Common(s.ticks(yTicks)...)
	return s, before + s.prefix.Unit(after)
}

// label is a value in the unit of the scale's title.
func (s scale) label(v float64) string {
	if s.prefix.Factor != 0 {
		v = s.prefix.In(v)
	}
	return label(v)
}

// label formats a tick: short, without noise digits, with powers of ten beyond
// four digits.
func label(v float64) string {
	a := math.Abs(v)
	switch {
	case a < 1e-12:
		return "0"
	case a >= 1e4 || a < 1e-3:
		e := math.Floor(math.Log10(a) + 1e-9)
		m := v / math.Pow(10, e)
		power := "10" + superscript(int(e))
		if math.Abs(m-1) < 1e-9 {
			return power
		}
		return strconv.FormatFloat(math.Round(m*100)/100, 'f', -1, 64) + "·" + power
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func superscript(n int) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	var out []rune
	for _, d := range strconv.Itoa(n) {
		if d == '-' {
			out = append(out, '⁻')
			continue
		}
		out = append(out, digits[d-'0'])
	}
	return string(out)
}
