package lca

import "slices"

// stageTerms is a stage and the terms that make it up.
type stageTerms struct {
	stage, kind Stage
	terms       []int
}

// stages lists the stages in the order in which they are summed: serving, then
// what is upfront by kind.
func (s *system) stages() []stageTerms {
	if s.stageList == nil {
		s.stageList = s.listStages()
	}
	return s.stageList
}

func (s *system) listStages() []stageTerms {
	list := []stageTerms{
		{Inference, Inference, []int{inferenceTerm}},
		{Idle, Idle, []int{idleTerm, idleTerm + 1}},
		{Embodied, Embodied, []int{inferenceTerm + 1}},
	}
	for _, kind := range ListedKinds() {
		for i, u := range s.upfront {
			if u.process.Kind == kind {
				list = append(list, stageTerms{Stage(u.process.Name), kind, []int{upfrontTerm + 2*i, upfrontTerm + 2*i + 1}})
			}
		}
	}
	return list
}

// kinds lists the kinds of which there are stages, each with all its terms, and
// the total.
func (s *system) kinds() []stageTerms {
	var list []stageTerms
	total := stageTerms{Total, Total, nil}
	for _, st := range s.stages() {
		total.terms = append(total.terms, st.terms...)
		if n := len(list); n > 0 && list[n-1].kind == st.kind {
			list[n-1].terms = append(list[n-1].terms, st.terms...)
			continue
		}
		list = append(list, stageTerms{st.kind, st.kind, slices.Clone(st.terms)})
	}
	return append(list, total)
}

// termName is a term in words.
func (s *system) termName(t int) string {
	hardware := ""
	if t%2 == 1 {
		hardware = ": embodied hardware"
	} else {
		hardware = ": operation"
	}
	switch t - t%2 {
	case inferenceTerm:
		return "inference" + hardware
	case idleTerm:
		return "idle" + hardware
	}
	return s.upfront[(t-upfrontTerm)/2].process.Name + hardware
}

// sumOf adds the terms of a category in order.
func (x *costs) sumOf(c int, terms []int) float64 {
	row, total := x.row(c), 0.0
	for _, t := range terms {
		total += row[t]
	}
	return total
}

// total is the sum of the stages, each summed first, so that it is theirs to
// the last bit.
func (s *system) total(x *costs, c int) float64 {
	total := 0.0
	for _, st := range s.stages() {
		total += x.sumOf(c, st.terms)
	}
	return total
}

// hasAny reports whether any of the terms has a figure.
func (s *system) hasAny(c int, terms []int) bool {
	return slices.ContainsFunc(terms, func(t int) bool { return s.has[c][t] })
}
