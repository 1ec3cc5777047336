package lca

import (
	"math"
	"slices"
)

// BreakEven is the number of requests at which what inference has cost equals
// what was spent before the first one.
type BreakEven struct {
	Category Category
	// Upfront and PerRequest are what is compared, with the terms in each.
	Upfront, PerRequest        Impact
	UpfrontTerms, RequestTerms string
	// Requests is Upfront over PerRequest, +Inf where a request costs nothing;
	// Lo and Hi are its 95 % interval, equal to it without a Monte Carlo.
	Requests, Lo, Hi float64

	category         int // its place among the categories
	upfront, request []int
}

// breakEven lists the comparisons that have figures on both sides: training
// alone (the published convention of Morrison et al. 2025, Table 3), training
// with experimentation, and everything, hardware included.
func (s *system) breakEven(point *costs) []BreakEven {
	var training, experimentation, all, hardware []int
	request := []int{inferenceTerm, inferenceTerm + 1, idleTerm, idleTerm + 1}
	for i, u := range s.upfront {
		t := upfrontTerm + 2*i
		if u.process.Kind == Service {
			request = append(request, t, t+1)
			continue
		}
		all, hardware = append(all, t, t+1), append(hardware, t+1)
		switch u.process.Kind {
		case Training, Data:
			training = append(training, t)
		case Experimentation, Evaluation:
			experimentation = append(experimentation, t)
		}
	}
	both := slices.Concat(training, experimentation)
	var list []BreakEven
	share := s.amortized(s.values)
	if len(s.upfront) == 0 {
		return nil
	}
	for _, category := range s.categories() {
		c := index(category)
		add := func(upfrontTerms, requestTerms string, upfront, request []int) {
			b := BreakEven{Category: category, category: c, UpfrontTerms: upfrontTerms, RequestTerms: requestTerms, upfront: upfront, request: request}
			up, per := s.sides(point, b, share)
			b.Upfront, b.PerRequest = Impact{category, up, s.currency}, Impact{category, per, s.currency}
			b.Requests = requestsFor(up, per)
			b.Lo, b.Hi = b.Requests, b.Requests
			list = append(list, b)
		}
		// Both sides have the figures that their names promise: every operation,
		// and some hardware where hardware is named.
		complete := func(terms []int) bool {
			return len(terms) > 0 && !slices.ContainsFunc(terms, func(t int) bool { return !s.has[c][t] })
		}
		if !s.has[c][inferenceTerm] {
			continue
		}
		if complete(training) {
			add("training", "inference", training, []int{inferenceTerm})
		}
		if !complete(training) || len(experimentation) > 0 && !complete(experimentation) {
			continue
		}
		what := "training with its hardware"
		if len(experimentation) > 0 {
			add("training and experimentation", "inference", both, []int{inferenceTerm})
			what = "training and experimentation with their hardware"
		}
		if s.hasAny(c, append(hardware, inferenceTerm+1)) {
			add(what, "inference and its hardware", all, request)
		}
	}
	return list
}

// requestsFor is the number of requests that cost as much as upfront, +Inf if
// they cost nothing.
func requestsFor(upfront, perRequest float64) float64 {
	if perRequest == 0 {
		return math.Inf(1)
	}
	return upfront / perRequest
}

// sides are the upfront cost and the cost of a request.
func (s *system) sides(x *costs, b BreakEven, amortized float64) (upfront, perRequest float64) {
	return x.sumOf(b.category, b.upfront) / amortized, x.sumOf(b.category, b.request) / s.requests
}
