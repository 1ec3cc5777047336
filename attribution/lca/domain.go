package lca

import (
	"fmt"
	"math"
)

// domain is what a figure can physically be: its value must lie in it, and so
// does every draw.
type domain struct {
	low, high float64
	open      bool   // low itself is outside
	problem   string // what is wrong with a value outside
}

var (
	positive    = domain{low: 0, high: math.Inf(1), open: true, problem: "must be above 0"}
	notNegative = domain{low: 0, high: math.Inf(1), problem: "must not be negative"}
	share       = domain{low: 0, high: 1, open: true, problem: "must be above 0 and at most 1 (100 %)"}
	// A facility that uses twenty times what its machines use, or a server a
	// hundred times what its devices use, is a slip of the unit.
	overhead   = domain{low: 1, high: 20, problem: "must be at least 1 and at most 20"}
	hostFactor = domain{low: 1, high: 100, problem: "must be at least 1 and at most 100"}
)

// beyond is a number, in any canonical unit, that nothing of a life cycle comes
// near: products of a few figures below it can be held.
const beyond = 1e40

// check says what is wrong with the value, "" if nothing is.
func (d domain) check(value float64) string {
	if value < d.low || value > d.high || d.open && value == d.low {
		return d.problem
	}
	return ""
}

// bounds checks the ends of a spread, which are in the figure's own unit;
// perUnit is the canonical value of one.
func (d domain) bounds(s Spread, perUnit float64) error {
	switch s.Shape {
	case Normal:
		if s.SD*perUnit > beyond {
			return fmt.Errorf("sd %g is beyond anything there is: check the spread and the figure's unit", s.SD)
		}
	case Uniform, LogUniform, Triangular:
		for _, end := range []struct {
			name  string
			value float64
		}{{"low", s.Low}, {"high", s.High}} {
			v := end.value * perUnit
			if math.Abs(v) > beyond {
				return fmt.Errorf("%s %g is beyond anything there is: check the spread and the figure's unit", end.name, end.value)
			}
			if v < d.low || v > d.high {
				return fmt.Errorf("%s %g %s: give the ends of what it can be", end.name, end.value, d.problem)
			}
		}
	}
	return nil
}
