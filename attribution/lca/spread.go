package lca

import (
	"fmt"
	"math"
)

// Shape is a family of distributions.
type Shape string

// Shapes of a Spread.
const (
	Lognormal  Shape = "lognormal"  // median value, geometric standard deviation GSD
	Normal     Shape = "normal"     // mean value, standard deviation SD in the figure's unit
	Uniform    Shape = "uniform"    // between Low and High
	LogUniform Shape = "loguniform" // its logarithm uniform between Low and High
	Triangular Shape = "triangular" // between Low and High with the value as mode
	Fixed      Shape = "fixed"      // no spread, for definitions
)

// Spread is the distribution of one figure around its value. SD, Low and High
// are in the figure's own unit.
type Spread struct {
	Shape Shape   `json:"shape"`
	GSD   float64 `json:"gsd,omitzero"`
	SD    float64 `json:"sd,omitzero"`
	Low   float64 `json:"low,omitzero"`
	High  float64 `json:"high,omitzero"`
}

// DefaultSpread is the lognormal that a figure gets from its quality tag alone.
// The construction is that of the pedigree approach of LCA databases
// (Weidema & Wesnæs 1996; Wernet et al. 2016), a geometric standard deviation
// per data quality score; the seven values are this program's convention, not
// an estimate, and any figure can carry its own instead.
func DefaultSpread(q Quality) Spread {
	gsd := 0.0
	switch q {
	case Measured:
		gsd = 1.02
	case Published:
		gsd = 1.05
	case Vendor:
		gsd = 1.10
	case Secondary:
		gsd = 1.15
	case Derived:
		gsd = 1.20
	case Modelled:
		gsd = 1.30
	case Assumption:
		gsd = 2.00
	}
	return Spread{Shape: Lognormal, GSD: gsd}
}

// check says what is wrong with the spread of a figure of this value.
func (s Spread) check(value float64) error {
	switch s.Shape {
	case Fixed:
		return nil
	case Lognormal:
		if !(s.GSD > 1) || math.IsInf(s.GSD, 0) {
			return fmt.Errorf("lognormal gsd is %g: give a geometric standard deviation above 1", s.GSD)
		}
		if value <= 0 {
			return fmt.Errorf("lognormal spread around %g: use normal or uniform for values that are not positive", value)
		}
		return nil
	case Normal:
		if !(s.SD > 0) || math.IsInf(s.SD, 0) {
			return fmt.Errorf("normal sd is %g: give a standard deviation above 0", s.SD)
		}
		return nil
	case Uniform, LogUniform, Triangular:
		if !(s.Low < s.High) || math.IsInf(s.Low, 0) || math.IsInf(s.High, 0) {
			return fmt.Errorf("%s from %g to %g: low must be below high", s.Shape, s.Low, s.High)
		}
		if value < s.Low || value > s.High {
			return fmt.Errorf("%s from %g to %g does not hold the value %g", s.Shape, s.Low, s.High, value)
		}
		if s.Shape == LogUniform && s.Low <= 0 {
			return fmt.Errorf("loguniform from %g: low must be above 0", s.Low)
		}
		return nil
	}
	return fmt.Errorf("shape %q is unknown: use lognormal, normal, uniform, loguniform, triangular or fixed", s.Shape)
}

// String says the spread in words.
func (s Spread) String() string {
	switch s.Shape {
	case Lognormal:
		return fmt.Sprintf("lognormal, GSD %g", s.GSD)
	case Normal:
		return fmt.Sprintf("normal, SD %g", s.SD)
	case Fixed:
		return "fixed"
	}
	return fmt.Sprintf("%s, %g to %g", s.Shape, s.Low, s.High)
}

// distribution is a Spread around a canonical value.
type distribution struct {
	shape     Shape
	value     float64
	sigma     float64 // of the logarithm (lognormal) or of the value (normal)
	low, high float64
}

// distributionOf is the figure's own spread or its quality's default, in
// canonical units.
func distributionOf(d *Datum) distribution {
	s := DefaultSpread(d.Quality)
	if d.Spread != nil {
		s = *d.Spread
	}
	factor := 1.0
	if d.Value != 0 {
		factor = d.canonical / d.Value
	} else if dim := dimensionOf(d.dimension); dim.units[d.Unit] != 0 {
		factor = dim.units[d.Unit]
	}
	out := distribution{shape: s.Shape, value: d.canonical, low: s.Low * factor, high: s.High * factor}
	switch {
	case s.Shape == Lognormal && d.canonical > 0:
		out.sigma = math.Log(s.GSD)
	case s.Shape == Lognormal: // zero stays zero: a share of nothing
		out.shape = Fixed
	case s.Shape == Normal:
		out.sigma = s.SD * factor
	}
	return out
}

// quantile is the value below which the fraction p lies.
func (d distribution) quantile(p float64) float64 {
	switch d.shape {
	case Lognormal:
		return d.value * math.Exp(d.sigma*normalQuantile(p))
	case Normal:
		return d.value + d.sigma*normalQuantile(p)
	case Uniform:
		return d.low + p*(d.high-d.low)
	case LogUniform:
		return d.low * math.Exp(p*math.Log(d.high/d.low))
	case Triangular:
		rise := (d.value - d.low) / (d.high - d.low)
		if p < rise {
			return d.low + math.Sqrt(p*(d.high-d.low)*(d.value-d.low))
		}
		return d.high - math.Sqrt((1-p)*(d.high-d.low)*(d.high-d.value))
	}
	return d.value
}

// mean is the distribution's mean, the target of the Monte Carlo test.
func (d distribution) mean() float64 {
	switch d.shape {
	case Lognormal:
		return d.value * math.Exp(d.sigma*d.sigma/2)
	case Uniform:
		return (d.low + d.high) / 2
	case LogUniform:
		return (d.high - d.low) / math.Log(d.high/d.low)
	case Triangular:
		return (d.low + d.value + d.high) / 3
	}
	return d.value
}

// normalQuantile is the inverse of the standard normal distribution function.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
