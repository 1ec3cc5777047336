package lca

import (
	"errors"
	"fmt"
	"math"
)

// Growth is how a service's use develops: requests in the first month, their
// growth from month to month, and how demand answers cost.
type Growth struct {
	RequestsPerMonth float64
	// Monthly is relative: 0.05 is five per cent more each month.
	Monthly float64
	// Rebound is the elasticity of demand: a design that costs a tenth less is
	// used Rebound tenths more, against Baseline, the marginal cost before it in
	// the yearly view's first category; 0 is no rebound.
	Rebound, Baseline float64
}

// Yearly is what a year of the service costs in one category, by scope of the
// GHG Protocol for somebody who rents the machines: 2 is purchased electricity,
// 3 the making of machines and model.
type Yearly struct {
	Year             int
	Requests         float64
	Category         Category
	Scope2, Scope3   Impact
	Total            Impact
	UpfrontAmortized float64 // the part of Scope3 that was paid before
}

// Yearly projects the assessment over years of use. The upfront stages are
// amortized over the lifetime, as in C_FU.
func (a *Assessment) Yearly(g Growth, years int) ([]Yearly, error) {
	switch {
	case !(g.RequestsPerMonth > 0) || math.IsInf(g.RequestsPerMonth, 0):
		return nil, fmt.Errorf("requests per month %g: give a number above 0", g.RequestsPerMonth)
	case !(g.Monthly > -1 && g.Monthly < 10):
		return nil, fmt.Errorf("growth %g a month: give more than -1 (-100 %%) and less than 10", g.Monthly)
	case years < 1 || years > 50:
		return nil, fmt.Errorf("%d years: give 1 to 50", years)
	case !(g.Rebound >= 0 && g.Baseline >= 0) || math.IsInf(g.Rebound, 0) || math.IsInf(g.Baseline, 0):
		return nil, errors.New("rebound: give a finite elasticity and baseline of 0 or more")
	}
	first := a.Assessed()[0]
	rebound := 1.0
	if marginal := a.Balance(first).Marginal(); g.Rebound > 0 && g.Baseline > 0 && marginal > 0 {
		rebound = math.Pow(g.Baseline/marginal, g.Rebound)
	}
	var list []Yearly
	month := g.RequestsPerMonth * rebound
	for year := 1; year <= years; year++ {
		requests := 0.0
		for range 12 {
			requests += month
			month *= 1 + g.Monthly
		}
		if math.IsInf(requests, 0) {
			return nil, fmt.Errorf("growth %g a month: the requests of year %d are beyond all numbers: give fewer years", g.Monthly, year)
		}
		for _, c := range a.Assessed() {
			total := func(kinds ...Stage) float64 {
				sum := 0.0
				for _, k := range kinds {
					o, _ := a.Outcome(c, k)
					sum += o.Value
				}
				return sum / float64(a.Usage.Requests) * requests
			}
			upfront := total(UpfrontKinds()...)
			scope2 := a.Balance(c).Operation * requests
			all := total(Total)
			list = append(list, Yearly{year, requests, c, a.Impact(c, scope2), a.Impact(c, all-scope2), a.Impact(c, all), upfront})
		}
	}
	return list, nil
}
