package lca

import (
	"fmt"
	"strings"
)

// source names the figures behind a row: the raw table or publication of the
// energy, then each inventory line with its source.
func (a *Assessment) source(c Category, stage Stage) string {
	var list []string
	if stage == Inference || stage == Total {
		raw := "energy"
		if kind := a.Usage.EnergyKind; kind != "" {
			raw += " (" + string(kind) + ")"
		}
		if a.Usage.Source != "" {
			raw += ": " + a.Usage.Source
		}
		list = append(list, raw)
	}
	if stage == Total {
		list = append(list, "sum of the stages")
		return strings.Join(list, "; ")
	}
	for _, d := range a.system.figuresOf(c, stage) {
		list = append(list, fmt.Sprintf("%s (%s)", d.Source, d.place))
	}
	return strings.Join(list, "; ")
}

// figuresOf lists the figures that a category's stage depends on, in the order
// of the inventory: those whose change would change it.
func (s *system) figuresOf(c Category, stage Stage) []*Datum {
	var list []*Datum
	base, moved := s.at(s.values), s.newCosts()
	terms := s.termsOf(stage)
	x := append([]float64(nil), s.values...)
	for i := meterInputs; i < len(x); i++ {
		old := x[i]
		x[i] = old*1.5 + 1
		s.evaluate(x, moved)
		if moved.sumOf(index(c), terms) != base.sumOf(index(c), terms) {
			list = append(list, s.data[i])
		}
		x[i] = old
	}
	return list
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
