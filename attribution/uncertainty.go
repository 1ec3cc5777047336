package attribution

import (
	"encoding/json"
	"math"

	"cfubench/meter"
)

// Uncertainty is the standard uncertainty (k=1) of an energy, by where it comes
// from. Boundary, Sampling and Lag differ from window to window. Gain and Offset
// are the same in all windows that one sensor measures: they are common to all
// cells of a run, so they cancel where cells of one run are compared, and stay
// where a figure stands alone.
type Uncertainty struct {
	// Boundary is what the window's two ends leave open, Sampling what a sensor
	// leaves open that looks part of the time, Lag what it shows too late.
	Boundary, Sampling, Lag meter.Energy
	// Gain and Offset are the sensor's.
	Gain, Offset meter.Energy
}

// UncertaintyJSON is the standard uncertainty (k=1) of an energy, by where it comes
// from, as JSON has it: a part that nothing bounds is null. Boundary, Sampling and
// Lag differ from window to window. Gain and Offset are the same in all windows that
// one sensor measures, and so common to all cells of a run.
type UncertaintyJSON struct {
	// Boundary is what the window's two ends leave open, Sampling what a sensor
	// leaves open that looks part of the time, Lag what it shows too late.
	Boundary meter.Bound `json:"boundary_uj"`
	Sampling meter.Bound `json:"sampling_uj"`
	Lag      meter.Bound `json:"lag_uj"`
	// Gain and Offset are the sensor's.
	Gain   meter.Bound `json:"gain_uj"`
	Offset meter.Bound `json:"offset_uj"`
}

// MarshalJSON writes an UncertaintyJSON.
func (u Uncertainty) MarshalJSON() ([]byte, error) {
	return json.Marshal(UncertaintyJSON{meter.Bound(u.Boundary), meter.Bound(u.Sampling), meter.Bound(u.Lag), meter.Bound(u.Gain), meter.Bound(u.Offset)})
}

// UnmarshalJSON reads an UncertaintyJSON.
func (u *Uncertainty) UnmarshalJSON(text []byte) error {
	var j UncertaintyJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*u = Uncertainty{meter.Energy(j.Boundary), meter.Energy(j.Sampling), meter.Energy(j.Lag), meter.Energy(j.Gain), meter.Energy(j.Offset)}
	return nil
}

// coverage is k of a 95 % interval.
const coverage = 2

// Independent is the part that differs from window to window.
func (u Uncertainty) Independent() meter.Energy { return quadrature(u.Boundary, u.Sampling, u.Lag) }

// Common is the part that all cells of a run share.
func (u Uncertainty) Common() meter.Energy { return quadrature(u.Gain, u.Offset) }

// U95 is the half-width of the interval that covers 95 %: twice all parts in
// quadrature.
func (u Uncertainty) U95() meter.Energy {
	return times(quadrature(u.Independent(), u.Common()), coverage)
}

// IndependentU95 is the same without what all cells of a run share: what cells
// of one run are compared by.
func (u Uncertainty) IndependentU95() meter.Energy { return times(u.Independent(), coverage) }

// Plus is the uncertainty of the sum of two domains' energies. What differs from
// window to window adds in quadrature. Gains and offsets add as they are: cards
// of one kind err in the same direction.
func (u Uncertainty) Plus(v Uncertainty) Uncertainty {
	return Uncertainty{
		Boundary: quadrature(u.Boundary, v.Boundary), Sampling: quadrature(u.Sampling, v.Sampling), Lag: quadrature(u.Lag, v.Lag),
		Gain: sum(u.Gain, v.Gain), Offset: sum(u.Offset, v.Offset),
	}
}

func quadrature(parts ...meter.Energy) meter.Energy {
	total := 0.0
	for _, p := range parts {
		if p == meter.Unbounded {
			return meter.Unbounded
		}
		total = math.Hypot(total, float64(p))
	}
	return roundUp(total)
}

func times(e meter.Energy, k float64) meter.Energy {
	if e == meter.Unbounded {
		return e
	}
	return roundUp(k * float64(e))
}

func sum(a, b meter.Energy) meter.Energy {
	if a == meter.Unbounded || b == meter.Unbounded {
		return meter.Unbounded
	}
	return roundUp(float64(a) + float64(b))
}
