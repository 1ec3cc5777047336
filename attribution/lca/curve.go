package lca

import "math"

// Balance is the two sides of the curves in one category: what is paid once,
// and what each request adds.
type Balance struct {
	Category Category
	// Training, Experimentation and their hardware are paid once.
	Training, Experimentation, UpfrontHardware float64
	// Operation and Hardware are per request.
	Operation, Hardware float64
}

// Upfront is all that is paid before the first request.
func (b Balance) Upfront() float64 { return b.Training + b.Experimentation + b.UpfrontHardware }

// Marginal is what C_FU falls to as lifetime inferences grow.
func (b Balance) Marginal() float64 { return b.Operation + b.Hardware }

// PerRequest is C_FU of one request when the model serves n in its life:
// marginal cost plus amortized upfront cost.
func (b Balance) PerRequest(n float64) float64 { return b.Marginal() + b.Upfront()/n }

// Aggregate is the cost of all n requests and of what came before them.
func (b Balance) Aggregate(n float64) float64 { return b.Upfront() + n*b.Marginal() }

// BreakEven is the number of requests at which the requests have cost as much
// as what came before them, +Inf if they cost nothing.
func (b Balance) BreakEven() float64 {
	if b.Marginal() == 0 {
		return math.Inf(1)
	}
	return b.Upfront() / b.Marginal()
}

// Balance gives the two sides in a category.
func (a *Assessment) Balance(c Category) Balance {
	s := a.system
	var point costs
	s.evaluate(s.values, &point)
	x, i := point[index(c)], index(c)
	once := s.values[s.lifetime] / s.requests
	for t, has := range s.has[i] {
		if !has {
			x[t] = 0
		}
	}
	return Balance{
		Category:        c,
		Training:        x[trainingOperation] * once,
		Experimentation: x[experimentationOperation] * once,
		UpfrontHardware: (x[trainingHardware] + x[experimentationHardware]) * once,
		Operation:       x[inferenceOperation] / s.requests,
		Hardware:        x[inferenceHardware] / s.requests,
	}
}

// Assessed lists the categories of the assessment.
func (a *Assessment) Assessed() []Category { return a.system.categories() }
