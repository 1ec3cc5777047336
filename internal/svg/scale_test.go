package svg

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is shown on a logarithmic axis lies within the chart.
func TestLogarithmicAxisHoldsItsData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(1e-6, 1e6).Draw(t, "low")
		high := low * rapid.Float64Range(1, 3).Draw(t, "ratio")
		s := logarithmic(low, high, 0, 100)
		for _, v := range []float64{low, high} {
			if at := s.at(v); at < 0 || at > 100 {
				t.Fatalf("%g of %g to %g lies at %.2f of an axis from 0 to 100", v, low, high, at)
			}
		}
	})
}
