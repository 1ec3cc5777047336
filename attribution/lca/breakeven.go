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
		for i, b := range variants {
			needs := []term{trainingOperation, experimentationOperation, experimentationHardware}
			if !s.has[c][trainingOperation] || i > 0 && !s.has[c][experimentationOperation] ||
				i > 1 && !s.has[c][needs[2]] && !s.has[c][trainingHardware] && !s.has[c][inferenceHardware] {
				continue
			}
			b.Category = category
			up, per := s.sides(point, c, b, s.values[s.lifetime])
			b.Upfront, b.PerRequest = Impact{category, up}, Impact{category, per}
			b.Requests = up / per
			if per == 0 {
				b.Requests = math.Inf(1)
			}
			b.Lo, b.Hi = b.Requests, b.Requests
			list = append(list, b)
		}
	}
	return list
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
