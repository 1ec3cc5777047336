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

// Spread is the distribution of one figure around its value: the median of a
// lognormal, the mean of a normal. SD, Low and High are in the figure's own
// unit. A figure that has a least or a largest value keeps to it in every draw:
// what exceeds 1 in a PUE or a host factor is lognormal, not the whole; the odds
// of a share are; a normal is cut off.
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

// SpreadOf is the figure's own spread, else that of its pedigree, else its
// quality's.
func (d *Datum) SpreadOf() Spread {
	switch {
	case d.Spread != nil:
		return *d.Spread
	case d.Pedigree != nil:
		return Spread{Shape: Lognormal, GSD: d.Pedigree.GSD()}
	}
	return DefaultSpread(d.Quality)
}

// bounded reports whether the shape has two ends.
func (s Spread) bounded() bool {
	return s.Shape == Uniform || s.Shape == LogUniform || s.Shape == Triangular
}

// check says what is wrong with the spread of a figure of this value.
func (s Spread) check(value float64) error {
	for _, extra := range []struct {
		name   string
		given  bool
		shapes []Shape
	}{
		{"gsd", s.GSD != 0, []Shape{Lognormal}}, {"sd", s.SD != 0, []Shape{Normal}},
		{"low", s.Low != 0, []Shape{Uniform, LogUniform, Triangular}}, {"high", s.High != 0, []Shape{Uniform, LogUniform, Triangular}},
	} {
		known, used := false, false
		for _, shape := range []Shape{Lognormal, Normal, Uniform, LogUniform, Triangular, Fixed} {
			known = known || s.Shape == shape
		}
		for _, shape := range extra.shapes {
			used = used || s.Shape == shape
		}
		if known && extra.given && !used {
			return fmt.Errorf("%s means nothing to a %s spread: leave it out", extra.name, s.Shape)
		}
	}
	switch s.Shape {
	case Fixed:
		return nil
	case Lognormal:
		if !(s.GSD > 1 && s.GSD <= 100) {
			return fmt.Errorf("lognormal gsd is %g: give a geometric standard deviation above 1 and at most 100", s.GSD)
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
		return fmt.Sprintf("lognormal, GSD %.4g", s.GSD)
	case Normal:
		return fmt.Sprintf("normal, SD %g", s.SD)
	case Fixed:
		return "fixed"
	}
	return fmt.Sprintf("%s, %g to %g", s.Shape, s.Low, s.High)
}

// distribution is a Spread around a canonical value, within its domain.
type distribution struct {
	shape     Shape
	value     float64
	sigma     float64 // of the logarithm (lognormal) or of the value (normal)
	low, high float64
	within    domain
	// below and between are the share of an uncut normal that lies below the
	// domain, and inside it.
	below, between float64
}

// distributionOf is the figure's spread in canonical units.
func distributionOf(d *Datum) distribution {
	s := d.SpreadOf()
	perUnit := 1.0
	if d.Value != 0 {
		perUnit = d.canonical / d.Value
	} else if dim := dimensionOf(d.dimension); dim.units[d.Unit] != 0 {
		perUnit = dim.units[d.Unit]
	}
	within := d.limits
	if within == (domain{}) {
		within = domain{low: math.Inf(-1), high: math.Inf(1)}
	}
	return newDistribution(s, d.canonical, perUnit, within)
}

// newDistribution puts the spread around a value; its ends and SD are in units
// of perUnit.
func newDistribution(s Spread, value, perUnit float64, within domain) distribution {
	out := distribution{shape: s.Shape, value: value, low: s.Low * perUnit, high: s.High * perUnit, within: within, between: 1}
	switch s.Shape {
	case Lognormal:
		out.sigma = math.Log(s.GSD)
		// Nothing above 1, no share of a whole, nothing at all: no spread.
		if value <= 0 || value == within.low || value == within.high {
			out.shape = Fixed
		}
	case Normal:
		out.sigma = s.SD * perUnit
		out.below = normalShare((within.low - value) / out.sigma)
		out.between = normalShare((within.high-value)/out.sigma) - out.below
	}
	return out
}

// at is the value at z standard deviations of a standard normal: the one way to
// draw, so that inputs that share z are one.
func (d distribution) at(z float64) float64 {
	switch d.shape {
	case Fixed:
		return d.value
	case Lognormal:
		switch {
		case !math.IsInf(d.within.high, 0) && d.within.low == 0:
			odds := d.value / (d.within.high - d.value) * math.Exp(d.sigma*z)
			return d.within.high * (odds / (1 + odds))
		case d.within.low > 0:
			return math.Min(d.within.low+(d.value-d.within.low)*math.Exp(d.sigma*z), d.within.high)
		}
		return d.value * math.Exp(d.sigma*z)
	case Normal:
		if d.between == 1 { // to the last bit: the domain still cuts off what is further out
			return math.Min(math.Max(d.value+d.sigma*z, d.within.low), d.within.high)
		}
	}
	return d.quantile(normalShare(z))
}

// quantile is the value below which the fraction p lies.
func (d distribution) quantile(p float64) float64 {
	switch d.shape {
	case Normal:
		v := d.value + d.sigma*normalQuantile(d.below+p*d.between)
		return math.Min(math.Max(v, d.within.low), d.within.high)
	case Uniform:
		return d.low + p*(d.high-d.low)
	case LogUniform:
		return math.Min(d.low*math.Exp(p*math.Log(d.high/d.low)), d.high)
	case Triangular:
		rise := (d.value - d.low) / (d.high - d.low)
		if p < rise {
			return d.low + math.Sqrt(p*(d.high-d.low)*(d.value-d.low))
		}
		return d.high - math.Sqrt((1-p)*(d.high-d.low)*(d.high-d.value))
	}
	return d.at(normalQuantile(p))
}

// normalQuantile is the inverse of the standard normal distribution function.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalShare is the standard normal distribution function.
func normalShare(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
