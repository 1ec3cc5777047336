package attribution

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ShapleyModel is a model of Shapley shares, fitted on groups of requests whose
// subsets were measured on one engine.
type ShapleyModel struct {
	// Engine and Model are what was measured: the model holds for them.
	Engine string `json:"engine"`
	Model  string `json:"model"`
	// Meter says in words what was read, Unit in what the costs are:
	// UnitCPUTime, or "" in older files, for CPU time.
	Meter string `json:"meter"`
	Unit  string `json:"unit"`
	// Coefficients are by feature; see Features.
	Features     []string  `json:"features"`
	Coefficients []float64 `json:"coefficients"`
}

// UnitCPUTime is the unit of a Shapley model without a counter: seconds of
// CPU time.
const UnitCPUTime = "CPU s"

// OfCPUTime reports whether the Shapley model knows CPU time, and nothing
// of what an accelerator uses.
func (c *ShapleyModel) OfCPUTime() bool { return c.Unit == "" || c.Unit == UnitCPUTime }

// ParseShapleyModel reads a Shapley model file. One without a fitted model, for
// other features or with a coefficient under zero is refused.
func ParseShapleyModel(text []byte) (*ShapleyModel, error) {
	var c ShapleyModel
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	if len(c.Coefficients) == 0 {
		return nil, errors.New("it holds no fitted model: measure more groups with 'cfu shapley'")
	}
	if !slices.Equal(c.Features, Features) || len(c.Coefficients) != len(Features) {
		return nil, fmt.Errorf("its model is of %v, this version's of %v: fit it again with 'cfu shapley --refit'", c.Features, Features)
	}
	sum := 0.0
	for k, x := range c.Coefficients {
		if !(x >= 0) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("its coefficient of %s is %g: want zero or more", c.Features[k], x)
		}
		sum += x
	}
	if sum == 0 {
		return nil, errors.New("all of its coefficients are zero")
	}
	return &c, nil
}

// Shapley divides the energy of every busy period (from a moment without any
// request in flight to the next) in proportion to the shares that a
// Shapley model predicts, so that it closes exactly whatever the model's scale
// (Luo et al. 2026, JouleShare's JCalib, arXiv 2608.00026). The part that goes
// with the prompt's tokens counts as prefill, all else as decode. A failed
// request is predicted from the tokens that were counted for it.
type Shapley struct{ Model *ShapleyModel }

// Name is "shapley".
func (Shapley) Name() string { return "shapley" }

// Weigh predicts each request's share from its features.
func (p Shapley) Weigh(s Scene) (Weights, error) {
	features := featuresOf(s.Timeline(nil))
	var notes []string
	if p.Model.Meter != "" {
		notes = []string{"calibrated on " + p.Model.Meter}
	}
	return Weights{Basis: ByPeriod, Split: true, Notes: notes, Of: func(i int) (prefill, decode float64) {
		for k, x := range features.row(i) {
			if k == promptFeature {
				prefill = p.Model.Coefficients[k] * x
			} else {
				decode += p.Model.Coefficients[k] * x
			}
		}
		return prefill, decode
	}}, nil
}
