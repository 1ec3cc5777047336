package lca

import (
	"math"
	"slices"
)

// Balance is the two sides of the curves in one category: what is paid once,
// and what each request adds.
type Balance struct {
	Category Category
	// Training (with data), Experimentation (with evaluation), EndOfLife and the
	// hardware of all of them are paid once.
	Training, Experimentation, EndOfLife, UpfrontHardware float64
	// Operation (idle machines included) and Hardware are per request.
	Operation, Hardware float64
	// Services are what a request costs at other servers.
	Services float64
}

// Upfront is all that is paid apart from the requests.
func (b Balance) Upfront() float64 {
	return b.Training + b.Experimentation + b.EndOfLife + b.UpfrontHardware
}

// Marginal is what C_FU falls to as lifetime inferences grow.
func (b Balance) Marginal() float64 { return b.Operation + b.Hardware + b.Services }

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

// Balance gives the two sides in a category, also in one that was not chosen.
func (a *Assessment) Balance(c Category) Balance {
	s := a.systemOf(c)
	return s.balance(s.inFull(s.values), index(c))
}

// systemOf is the system with these categories in it: the assessment's own where it
// has them, else that of every category there is. Scores and forms have categories of
// their own, whichever were chosen.
func (a *Assessment) systemOf(categories ...Category) *system {
	s := a.system
	has := func(c Category) bool { return slices.Contains(s.active, index(c)) }
	if len(a.Options.Categories) == 0 || !slices.ContainsFunc(categories, func(c Category) bool { return !has(c) }) {
		return s
	}
	if s.whole == nil {
		o := a.Options
		o.Categories = nil
		whole, err := compile(&a.Inventory, a.Usage, o)
		if err != nil {
			return s // it has fewer demands than what was compiled before
		}
		s.whole = whole
	}
	return s.whole
}

// balance is Balance of costs with the making whole.
func (s *system) balance(costs *costs, c int) Balance {
	row := costs.row(c)
	b := Balance{
		Category:  categoryTable[c].name,
		Operation: (row[inferenceTerm] + row[idleTerm]) / s.requests,
		Hardware:  (row[inferenceTerm+1] + row[idleTerm+1]) / s.requests,
	}
	for i, u := range s.upfront {
		if u.process.Kind == Service {
			b.Services += (row[upfrontTerm+2*i] + row[upfrontTerm+2*i+1]) / s.requests
			continue
		}
		operation, hardware := row[upfrontTerm+2*i], row[upfrontTerm+2*i+1]
		b.UpfrontHardware += hardware
		switch u.process.Kind {
		case Training, Data:
			b.Training += operation
		case EndOfLife:
			b.EndOfLife += operation
		default:
			b.Experimentation += operation
		}
	}
	return b
}

// Assessed lists the categories of the assessment.
func (a *Assessment) Assessed() []Category { return a.system.categories() }
