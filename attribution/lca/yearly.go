package lca

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
	// GridDecline is a scenario of the grid: the carbon of a kilowatt-hour falls
	// by this share from year to year, against the first one's. What was made
	// before is not made anew by it.
	GridDecline float64
	// Discount is the yearly rate at which money of later years counts less, as
	// of the first year. Impacts on the environment are not discounted.
	Discount float64
}

// Scenario is what the growth supposes of the world, "" if nothing.
func (g Growth) Scenario() string {
	var list []string
	if g.GridDecline > 0 {
		list = append(list, fmt.Sprintf("the carbon of the grid falls by %g %% a year", 100*g.GridDecline))
	}
	if g.Discount > 0 {
		list = append(list, fmt.Sprintf("money is discounted at %g %% a year", 100*g.Discount))
	}
	return strings.Join(list, ", ")
}

// check says what is wrong with the growth over so many years of an assessment: a
// *GrowthError, or nil.
func (g Growth) check(years int, assessed []Category) error {
	switch {
	case !(g.RequestsPerMonth > 0) || math.IsInf(g.RequestsPerMonth, 0):
		return growthError("requests per month %g: give a number above 0", g.RequestsPerMonth)
	case !(g.Monthly > -1 && g.Monthly < 10):
		return growthError("growth %g a month: give more than -1 (-100 %%) and less than 10", g.Monthly)
	case years < 1 || years > 50:
		return growthError("%d years: give 1 to 50", years)
	case !(g.Rebound >= 0 && g.Baseline >= 0) || math.IsInf(g.Rebound, 0) || math.IsInf(g.Baseline, 0):
		return growthError("rebound: give a finite elasticity and baseline of 0 or more")
	case !(g.GridDecline >= 0 && g.GridDecline < 1):
		return growthError("grid decline %g a year: give a share of 0 or more and below 1", g.GridDecline)
	case !(g.Discount >= 0 && g.Discount <= 1):
		return growthError("discount %g a year: give a rate of 0 to 1", g.Discount)
	case g.Scenario() != "" && years < 2:
		return growthError("grid decline and discount begin in the second year: give 2 years or more")
	case g.GridDecline > 0 && !slices.Contains(assessed, GWP):
		return growthError("grid decline: it is of carbon, which is not assessed: add the category gwp")
	case g.Discount > 0 && !slices.Contains(assessed, Cost):
		return growthError("discount: it is of money, and cost is not assessed: add the category cost, and a price where the inventory has none")
	}
	return nil
}

// ofYear scales the operation of a category in a year, and all that it comes to,
// by the scenario.
func (g Growth) ofYear(c Category, year int) (operation, all float64) {
	operation, all = 1, 1
	if c == GWP {
		operation = math.Pow(1-g.GridDecline, float64(year-1))
	}
	if c == Cost {
		all = math.Pow(1+g.Discount, -float64(year-1))
	}
	return operation, all
}

// GrowthError says that a growth, or a number of years, cannot be projected.
type GrowthError struct{ problem string }

func (e *GrowthError) Error() string { return e.problem }

// WrongUsage marks it for whoever parsed the flags.
func (*GrowthError) WrongUsage() {}

func growthError(format string, values ...any) error {
	return &GrowthError{fmt.Sprintf(format, values...)}
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

// BeyondLifetime says that the years ask for more requests than the model's making is
// spread over, "" if they do not: then more is charged for it than it cost.
func (a *Assessment) BeyondLifetime(g Growth, years int) string {
	list, err := a.Yearly(g, years)
	lifetime, ok := a.lifetime()
	if err != nil || !ok {
		return ""
	}
	sum := 0.0
	for i, y := range list {
		if i == 0 || y.Year != list[i-1].Year {
			sum += y.Requests
		}
		if sum > lifetime {
			return fmt.Sprintf("cell %q: by year %d the service has had more requests (%s) than the model's making is spread over (%s): from there on it is charged beyond what it cost; give --lifetime-inferences", a.Usage.Cell, y.Year, Count(sum), Count(lifetime))
		}
	}
	return ""
}

// lifetime is how many requests the upfront stages are spread over, false if there are
// none.
func (a *Assessment) lifetime() (requests float64, ok bool) {
	s := a.system
	if s == nil || len(s.upfront) == 0 || s.lifetime == absent || !(s.delivered > 0) {
		return 0, false
	}
	return s.lifetimeRequests(), true
}

// Yearly projects the assessment over years of use. The upfront stages are
// amortized over the lifetime, as in C_FU. An error is a *GrowthError.
func (a *Assessment) Yearly(g Growth, years int) ([]Yearly, error) {
	if err := g.check(years, a.Assessed()); err != nil {
		return nil, err
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
			return nil, &GrowthError{fmt.Sprintf("growth %g a month: the requests of year %d are beyond all numbers: give fewer years", g.Monthly, year)}
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
			operation, all := g.ofYear(c, year)
			once := a.Balance(c).Operation * requests
			scope2, scope3 := all*operation*once, all*(total(Total)-once)
			list = append(list, Yearly{year, requests, c, a.Impact(c, scope2), a.Impact(c, scope3), a.Impact(c, scope2+scope3), all * total(UpfrontKinds()...)})
		}
	}
	return list, nil
}
