package attribution

import (
	"encoding/json"
	"fmt"
)

// Calibration is a model of Shapley shares, fitted on measured groups.
type Calibration struct {
	// Coefficients are by feature; see Features.
	Coefficients []float64 `json:"coefficients"`
}

// ParseCalibration reads a calibration file. One for other features is
// refused.
func ParseCalibration(text []byte) (*Calibration, error) {
	var c Calibration
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	if len(c.Coefficients) != len(Features) {
		return nil, fmt.Errorf("it has %d coefficients, want %d: make it anew with 'cfu calibrate'", len(c.Coefficients), len(Features))
	}
	return &c, nil
}

// Shapley divides the energy of every busy period in proportion to the shares
// that a calibration predicts.
type Shapley struct{ Calibration *Calibration }

// Name is "shapley".
func (Shapley) Name() string { return "shapley" }

// Weigh predicts each request's share from its features.
func (p Shapley) Weigh(s Scene) (Weights, error) {
	rows := featuresOf(s.Timeline(0))
	return Weights{Basis: ByPeriod, Of: func(i int) (float64, float64) {
		e := 0.0
		for k, x := range rows[i] {
			e += p.Calibration.Coefficients[k] * x
		}
		return 0, e
	}}, nil
}
