package lca

import (
	"fmt"
	"slices"
	"strings"
)

// sources name the figures behind each outcome: the raw table or publication of the
// energy, then each inventory line with its source.
func (a *Assessment) sources() []string {
	figures := a.system.figuresOf(a.Outcomes)
	out := make([]string, len(a.Outcomes))
	for i, o := range a.Outcomes {
		var list []string
		if o.Stage == Inference || o.Stage == Total {
			raw := "energy"
			if kind := a.Usage.EnergyKind; kind != "" {
				raw += " (" + string(kind) + ")"
			}
			if a.Usage.Source != "" {
				raw += ": " + a.Usage.Source
			}
			list = append(list, raw)
		}
		if o.Stage == Total {
			list = append(list, "sum of the stages")
		}
		for _, d := range figures[i] {
			list = append(list, fmt.Sprintf("%s (%s)", d.Source, d.place))
		}
		out[i] = strings.Join(list, "; ")
	}
	return out
}

// figuresOf lists the figures that each outcome but a total depends on, in the order
// of the inventory: those whose change would change it.
func (s *system) figuresOf(outcomes []Outcome) [][]*Datum {
	out, terms := make([][]*Datum, len(outcomes)), make([][]int, len(outcomes))
	for i, o := range outcomes {
		terms[i] = s.termsOf(o.Stage)
	}
	base, moved := s.at(s.values), s.newCosts()
	x := slices.Clone(s.values)
	for i := s.metered(); i < len(x); i++ {
		old := x[i]
		x[i] = old*1.5 + 1
		s.evaluate(x, moved)
		for k, o := range outcomes {
			if o.Stage == Total {
				continue
			}
			if c := index(o.Category); moved.sumOf(c, terms[k]) != base.sumOf(c, terms[k]) {
				out[k] = append(out[k], s.data[i])
			}
		}
		x[i] = old
	}
	return out
}

// termsOf are the terms of a stage.
func (s *system) termsOf(stage Stage) []int {
	for _, st := range s.stages() {
		if st.stage == stage {
			return st.terms
		}
	}
	return nil
}
