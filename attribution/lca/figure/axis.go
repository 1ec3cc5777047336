// Package figure draws the curves of a life cycle assessment as SVG: no
// script, no font files, readable on light and dark pages.
package figure

import (
	"fmt"
	"math"
	"strings"
)

// axis is a logarithmic axis over whole decades.
type axis struct {
	low, high    int // powers of ten
	start, end   float64
	title        string
	decadesTicks int // a labelled tick every so many decades
}

// logAxis covers the positive values with whole decades, two at least.
func logAxis(values []float64, start, end float64, title string) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
		}
	}
	if low > high {
		low, high = 0, 1
	}
	a := axis{low: int(math.Floor(low + 1e-9)), high: int(math.Ceil(high - 1e-9)), start: start, end: end, title: title}
	if a.high-a.low < 2 {
		a.high = a.low + 2
	}
	a.decadesTicks = 1 + (a.high-a.low)/10
	return a
}

// at is the position of a value; values off the axis are clamped to its ends.
func (a axis) at(v float64) float64 {
	if v <= 0 {
		return a.start
	}
	share := (math.Log10(v) - float64(a.low)) / float64(a.high-a.low)
	return a.start + min(max(share, 0), 1)*(a.end-a.start)
}

// ticks are the labelled powers of ten.
func (a axis) ticks() []int {
	var list []int
	for p := a.low; p <= a.high; p += a.decadesTicks {
		list = append(list, p)
	}
	return list
}

// power writes ten to the p with superscript digits.
func power(p int) string {
	digits := strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")
	return "10" + digits.Replace(fmt.Sprint(p))
}
