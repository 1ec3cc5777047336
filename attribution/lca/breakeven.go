package lca

import "math"

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

	upfront, request []term
}

// breakEven lists the comparisons that have figures on both sides: training
// alone (the published convention of Morrison et al. 2025, Table 3), training
// with experimentation, and everything, hardware included.
func (s *system) breakEven(point *costs) []BreakEven {
	variants := []BreakEven{
		{UpfrontTerms: "training", RequestTerms: "inference",
			upfront: []term{trainingOperation}, request: []term{inferenceOperation}},
		{UpfrontTerms: "training and experimentation", RequestTerms: "inference",
			upfront: []term{trainingOperation, experimentationOperation}, request: []term{inferenceOperation}},
		{UpfrontTerms: "training and experimentation with their hardware", RequestTerms: "inference and its hardware",
			upfront: []term{trainingOperation, trainingHardware, experimentationOperation, experimentationHardware},
			request: []term{inferenceOperation, inferenceHardware}},
	}
	var list []BreakEven
	for _, category := range s.categories() {
		c := index(category)
		for _, b := range variants {
			if !s.compares(c, b) {
				continue
			}
			up, per := s.sides(point, c, b, s.values[s.lifetime])
			b.Category, b.Upfront, b.PerRequest = category, Impact{category, up}, Impact{category, per}
			b.Requests = requestsFor(up, per)
			b.Lo, b.Hi = b.Requests, b.Requests
			list = append(list, b)
		}
	}
	return list
}

// compares reports whether both sides have the figures that their names
// promise: every operation, and some hardware where hardware is named.
func (s *system) compares(c int, b BreakEven) bool {
	hardware, someHardware := false, false
	for _, t := range append(b.upfront, b.request...) {
		switch t {
		case trainingHardware, experimentationHardware, inferenceHardware:
			hardware, someHardware = true, someHardware || s.has[c][t]
		default:
			if !s.has[c][t] {
				return false
			}
		}
	}
	return !hardware || someHardware
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
func (s *system) sides(x *costs, c int, b BreakEven, lifetime float64) (upfront, perRequest float64) {
	for _, t := range b.upfront {
		upfront += x[c][t]
	}
	for _, t := range b.request {
		perRequest += x[c][t]
	}
	return upfront * lifetime / s.requests, perRequest / s.requests
}
