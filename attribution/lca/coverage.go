package lca

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"cfubench/meter"
)

// operationFactor reports whether the inventory can turn energy into the
// category.
func (s *system) operationFactor(c Category) bool {
	switch c {
	case Energy:
		return true
	case GWP:
		return s.carbon != absent || len(s.gases) > 0
	case Water:
		return (s.water != absent || !s.options.Water.usesOffSite()) && (s.wue != absent || !s.options.Water.usesOnSite())
	case ADPe:
		return s.adpe != absent
	case PrimaryEnergy:
		return s.primary != absent
	case Cost:
		return s.price != absent
	}
	return false
}

// findTerms marks the terms that have figures, and refuses a category that was
// asked for and cannot be assessed.
func (s *system) findTerms() error {
	for c, category := range Categories() {
		factor := s.operationFactor(category)
		if !factor && slices.Contains(s.options.Categories, category) {
			return fmt.Errorf("category %s: the inventory has no factor for it: add one to electricity, facility or price", category)
		}
		embodied := slices.ContainsFunc(s.parts, func(p partInputs) bool { return p.impact[c] != absent })
		s.has[c][inferenceOperation] = factor
		s.has[c][inferenceHardware] = embodied
		s.has[c][trainingOperation] = s.hasUpfront(&s.training, category, factor)
		s.has[c][trainingHardware] = embodied && s.training.time != absent
		s.has[c][experimentationOperation] = s.hasUpfront(&s.experimentation, category, factor)
		s.has[c][experimentationHardware] = embodied && s.experimentation.time != absent
	}
	return nil
}

func (s *system) hasUpfront(u *upfrontInputs, c Category, factor bool) bool {
	return c == GWP && u.carbon != absent || c == Water && u.water != absent || u.energy != absent && factor
}

// categories lists what is assessed: what was asked for, else every category
// whose operation has a factor.
func (s *system) categories() []Category {
	if len(s.options.Categories) > 0 {
		return s.options.Categories
	}
	var list []Category
	for c, category := range Categories() {
		if s.has[c][inferenceOperation] {
			list = append(list, category)
		}
	}
	return list
}

// doubt adds the warnings that a reader of the result needs.
func (s *system) doubt(inv *Inventory, u Usage) {
	if u.EnergyKind == meter.KindModel {
		s.warn("the energy is a model, not a meter's reading: every figure that follows from it is modelled")
	}
	if u.EnergyLo == 0 && u.EnergyHi == 0 && u.EnergyKind != meter.KindModel {
		s.warn("the energy has no bracket: its own uncertainty is not in the intervals")
	}
	if !s.overheadIncluded && s.pue == absent {
		s.warn("the inventory has no PUE: the facility's overhead is not counted")
	}
	if u.BusyTime == 0 {
		s.warn("the hardware utilisation time is unknown: no embodied hardware is counted for inference")
	}
	upfront := map[Stage]*Upfront{Training: inv.Model.Training, Experimentation: inv.Model.Experimentation}
	for _, stage := range Stages() {
		if up, ok := upfront[stage]; ok && up == nil {
			s.warn("the inventory has no figures of %s: it is outside the boundary, not zero", stage)
		}
	}
	if d := inv.LifetimeInferences; d.Quality == Assumption && inv.hasUpfront() {
		s.warn("lifetime inferences are an assumption, %.3g: %s", d.canonical, d.Reason)
	}
	for _, h := range inv.Hardware {
		if h.MixedBoundaries != "" {
			s.warn("hardware %q mixes boundaries: %s", h.Title, h.MixedBoundaries)
		}
	}
	var matches, titles []string
	for _, h := range inv.Hardware {
		matches, titles = append(matches, h.Matches...), append(titles, h.Title)
	}
	if u.Hardware != "" && len(matches) > 0 && !slices.ContainsFunc(matches, func(m string) bool {
		return strings.Contains(strings.ToLower(u.Hardware), strings.ToLower(m))
	}) {
		s.warn("the run was metered on %s, but the inventory's embodied hardware is %s: give an inventory of your own", u.Hardware, strings.Join(titles, " + "))
	}
	if m := inv.Model; u.Model != "" && inv.hasUpfront() && !NamesModel(u.Model, m.Title) {
		s.warn("the run served %s, but training and experimentation are those of %s: give an inventory of your own", u.Model, m.Title)
	}
	for _, c := range s.categories() {
		var missing []string
		for t, has := range s.has[index(c)] {
			// Electricity embodied in hardware is reported as primary energy,
			// never as kWh; a stage without any figure has its own warning.
			hardware := term(t) == inferenceHardware || term(t) == trainingHardware || term(t) == experimentationHardware
			up, isUpfront := upfront[term(t).stage()]
			if !has && !(c == Energy && hardware) && !(isUpfront && up == nil) {
				missing = append(missing, term(t).String())
			}
		}
		if len(missing) > 0 {
			s.warn("%s: no figure for %s; left out, not zero", c, strings.Join(missing, ", "))
		}
	}
}

// hasUpfront reports whether anything is spread over the lifetime inferences.
func (inv *Inventory) hasUpfront() bool {
	return inv.Model.Training != nil || inv.Model.Experimentation != nil
}

// NamesModel reports whether every word of title, parentheses apart, is a word of
// the served model's name: "OLMo 2 7B" names allenai/OLMo-2-1124-7B-Instruct.
func NamesModel(served, title string) bool {
	words := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	title, _, _ = strings.Cut(title, "(")
	of := words(served)
	for _, w := range words(title) {
		if !slices.Contains(of, w) {
			return false
		}
	}
	return true
}

// checkStack refuses hardware parts that count the same equipment twice: the
// first part stands alone, and each further one must add to what is covered.
func checkStack(inv Inventory, root at) error {
	c := &checker{}
	var covered Boundary
	for i, h := range inv.Hardware {
		where := root.field("hardware").index(i)
		switch {
		case i == 0 && h.AddsTo != "":
			c.add(where, "%s only adds to a %s: list what it adds to first", h.Title, h.AddsTo)
		case i > 0 && h.AddsTo == "":
			c.add(where, "%s covers the %s by itself: counted twice with the part before it", h.Title, h.Covers)
		case i > 0 && h.AddsTo != covered:
			c.add(where, "%s adds to a %s, but the parts before it cover the %s", h.Title, h.AddsTo, covered)
		}
		covered = h.Covers
	}
	return c.err()
}

// coverage is the equipment that the hardware parts cover together.
func (inv *Inventory) coverage() Boundary {
	return inv.Hardware[len(inv.Hardware)-1].Covers
}

// coverageIn is the equipment that the embodied figure of a category covers,
// which differs from coverage where a part mixes boundaries.
func (inv *Inventory) coverageIn(c Category) Boundary {
	covered := inv.coverage()
	for i := range inv.Hardware {
		if d := inv.Hardware[i].impact(c); d != nil {
			covered = d.Boundary
		}
	}
	return covered
}

// mixes lists the places where the inventory and the usage add figures of
// different equipment.
func (inv *Inventory) mixes(u Usage) []string {
	embodied := inv.coverage()
	lift := func(b Boundary) Boundary {
		if inv.Facility.HostFactor != nil {
			return Host
		}
		return b.equipment()
	}
	var list []string
	if b := lift(u.Metered); b != embodied {
		list = append(list, fmt.Sprintf("the energy of inference covers the %s and the embodied hardware the %s", b, embodied))
	}
	for _, up := range []struct {
		name string
		u    *Upfront
	}{{"training", inv.Model.Training}, {"experimentation", inv.Model.Experimentation}} {
		if up.u == nil {
			continue
		}
		for _, d := range present(up.u.Energy, up.u.Carbon) {
			b := d.Boundary.equipment()
			if d == up.u.Energy && !up.u.OverheadIncluded {
				b = lift(d.Boundary)
			}
			if b != lift(u.Metered) {
				list = append(list, fmt.Sprintf("%s: %s: %s covers the %s and the energy of inference the %s",
					d.place, d.place.Field, up.name, b, lift(u.Metered)))
			}
		}
	}
	return list
}
