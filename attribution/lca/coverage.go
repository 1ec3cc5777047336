package lca

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"cfubench/meter"
)

// factor reports whether the place can turn energy into the category.
func (p place) factor(s *system, c int) bool {
	switch categoryTable[c].name {
	case Energy:
		return true
	case Water:
		return (p.rates[c] != absent || !s.options.Water.usesOffSite()) && (p.wue != absent || !s.options.Water.usesOnSite())
	case Cost:
		return p.price != absent
	case WaterScarcity:
		// The water of both places, and how scarce it is where there is any.
		dry := p.wue != absent && s.values[p.wue] == 0
		return p.rates[index(Water)] != absent && p.awareThere != absent && p.wue != absent && (dry || p.awareHere != absent)
	}
	return p.rates[c] != absent || p.emissions[c] != nil
}

// embodies reports whether the machine has a figure in the category.
func (m machineInputs) embodies(c int) bool {
	return slices.ContainsFunc(m.parts, func(p partInputs) bool { return p.impact[c] != absent || p.emissions[c] != nil })
}

// findTerms marks the terms that have figures, and refuses a category that was
// asked for and cannot be assessed.
func (s *system) findTerms() error {
	s.has = make([][]bool, len(categoryTable))
	for c := range categoryTable {
		row, has := &categoryTable[c], make([]bool, upfrontTerm+2*len(s.upfront))
		s.has[c] = has
		lacking := s.lacking(c)
		factor := lacking == ""
		switch some := slices.ContainsFunc(s.venues, func(v venueInputs) bool { return v.place.factor(s, c) }); {
		case factor:
		case slices.Contains(s.options.Categories, row.name):
			if s.venues[0].name() == lacking && !some {
				lacking = "the inventory"
			}
			return fmt.Errorf("category %s: %s has no factor for it: add one to electricity, facility or price", row.name, lacking)
		case some && len(s.options.Categories) == 0 && !row.asked:
			s.warn("%s: %s has no factor for it and others that served have: the category is left out", row.name, lacking)
		}
		made := slices.ContainsFunc(s.venues, func(v venueInputs) bool { return v.machine.embodies(c) })
		has[inferenceTerm] = factor
		has[inferenceTerm+1] = made || slices.ContainsFunc(s.machines, func(m machineInputs) bool { return m.embodies(c) })
		has[idleTerm] = s.idlePower != absent && !slices.ContainsFunc(s.venues, func(v venueInputs) bool { return !v.waiting.factor(s, c) })
		has[idleTerm+1] = has[inferenceTerm+1] && s.idleTime != absent && s.options.Embodied == Calendar
		for i, u := range s.upfront {
			has[upfrontTerm+2*i] = u.printed[c] != absent || u.energy != absent && u.place.factor(s, c)
			has[upfrontTerm+2*i+1] = u.machine.embodies(c) && u.time != absent
		}
		if row.key == "" {
			for t := 1; t < len(has); t += 2 {
				has[t] = false // electricity of making machines is primary energy
			}
		}
		if s.assesses(row.name, factor) {
			s.active = append(s.active, c)
		}
	}
	for i := range s.venues {
		s.venues[i].place.assess(s)
		s.venues[i].waiting.assess(s)
	}
	for i := range s.upfront {
		s.upfront[i].place.assess(s)
	}
	return nil
}

// assess notes which of the assessed categories the place can turn energy into.
func (p *place) assess(s *system) {
	for _, c := range s.active {
		if p.factor(s, c) {
			p.assessed = append(p.assessed, c)
		}
	}
}

// assesses reports whether the category is assessed: it was asked for, or none
// was, it does not wait to be, and its operation has a factor.
func (s *system) assesses(c Category, factor bool) bool {
	if len(s.options.Categories) > 0 {
		return slices.Contains(s.options.Categories, c)
	}
	return factor && (!c.row().asked || s.options.every)
}

// categories lists what is assessed, in the order that was asked for.
func (s *system) categories() []Category {
	if len(s.options.Categories) > 0 {
		return s.options.Categories
	}
	var list []Category
	for _, c := range s.active {
		list = append(list, categoryTable[c].name)
	}
	return list
}

// doubt adds the warnings that a reader of the result needs.
func (s *system) doubt(inv *Inventory, u Usage) {
	if u.EnergyKind == meter.KindModel {
		s.warn("the energy is a model, not a meter's reading: every figure that follows from it is modelled")
	}
	if u.EnergyLo == 0 && u.EnergyHi == 0 && u.EnergyKind != meter.KindModel && u.Meter == (MeterError{}) {
		s.warn("the energy has no bracket: its own uncertainty is not in the intervals")
	}
	if u.Meter.Gain >= 1 || u.Meter.Sampling >= 1 {
		s.warn("the meter's own error is as large as what it counted, %v: measure for longer", u.Energy)
	}
	s.doubtVenues(inv, u)
	if u.BusyTime == 0 {
		s.warn("the hardware utilisation time is unknown: no embodied hardware is counted for inference")
	}
	for _, kind := range []Stage{Training, Experimentation} {
		if !slices.ContainsFunc(inv.Upfront, func(p Process) bool { return p.Kind == kind || p.was == kind || p.closed }) {
			s.warn("the inventory has no data for %s: that stage is excluded, not zero", kind)
		}
	}
	if s.options.LifetimeInferences > 0 && !inv.spreads() {
		s.warn("the lifetime inferences that were chosen change nothing: the inventory has no making to spread over them")
	}
	if inv.sharedBy != "" && inv.spreads() {
		s.warn("the inventory shares the making by %s, and how many of it the requests of the lifetime that was chosen have is not known: it is shared by request", words(inv.sharedBy))
	}
	if l := inv.LifetimeInferences; inv.spreads() && l.Quality == Assumption {
		n, of := inv.Lifetime()
		note := ""
		if of != PerRequest {
			note = " (" + string(of) + "s)"
		}
		s.warn("lifetime inferences are an assumption, %g%s: %s", n, note, l.Reason)
	}
	for _, h := range inv.Hardware {
		if h.MixedBoundaries != "" {
			s.warn("hardware %q mixes boundaries: %s", h.Title, h.MixedBoundaries)
		}
	}
	s.doubtHardware(inv, u)
	s.doubtGrid(inv)
	if m := inv.Model; u.Model != "" && inv.spreads() && !NamesModel(u.Model, m.Title) {
		s.warn("the run served %s, but training and experimentation are those of %s: give an inventory of your own", u.Model, m.Title)
	}
	s.doubtGaps()
}

// doubtHardware warns where the hardware that is charged is hardly the one that
// served.
func (s *system) doubtHardware(inv *Inventory, u Usage) {
	var matches, titles []string
	charged := func(parts []Hardware) {
		for _, h := range parts {
			if matches = append(matches, h.Matches...); !slices.Contains(titles, h.Title) {
				titles = append(titles, h.Title)
			}
		}
	}
	for i := range s.venues {
		if own := s.venues[i].hardware; own != nil {
			charged(own)
		} else {
			charged(inv.Hardware)
		}
	}
	for i := range inv.Serving.Machines { // which may be metered too
		charged(values(inv.Serving.Machines[i].Hardware))
	}
	if u.Hardware != "" && isOther(matches, strings.Split(u.Hardware, ", ")) {
		s.warn("the run was metered on %s, but the inventory's embodied hardware is %s: give an inventory of your own", u.Hardware, strings.Join(titles, " + "))
	}
	first := inv.Hardware[0]
	switch {
	case u.Counts == Hosts && first.Counts == Accelerators:
		s.warn("the run counted hosts and %q is for accelerators: an accelerator is charged for a host", first.Title)
	case u.Counts != Hosts && u.Hardware != "" && first.Counts == Hosts && u.Devices > 0:
		s.warn("the run counted accelerators and %q is for whole hosts: a host is charged for each", first.Title)
	}
	if u.Counts == Hosts && u.Cores > 0 && u.Cores <= 16 && inv.Serving.Share == nil {
		s.warn("the run saw %d cores and carries a whole server: if it is a part of one, say so with a share, such as %d/128", u.Cores, u.Cores)
	}
	for i := range inv.Upfront {
		p := &inv.Upfront[i]
		if p.DeviceTime != nil && p.Hardware == nil {
			s.noteBorrowed(p.Name, "hardware")
		} else if p.Energy != nil && !p.closed && (p.Electricity == nil || p.Facility == nil) {
			s.noteBorrowed(p.Name, "electricity or facility")
		}
		s.doubtRecorded(p, p.partsOr(inv.Hardware))
	}
}

// doubtRecorded warns where the hardware that a stage is charged with is hardly that on
// which its record was metered.
func (s *system) doubtRecorded(p *Process, parts []Hardware) {
	var matches, titles []string
	for _, h := range parts {
		matches, titles = append(matches, h.Matches...), append(titles, h.Title)
	}
	if isOther(matches, p.products) {
		s.warn("stage %q was metered on %s, but its hardware is %s: give it that on which it ran", p.Name, strings.Join(p.products, ", "), strings.Join(titles, " + "))
	}
	switch first := parts[0]; {
	case p.counts == Hosts && first.Counts == Accelerators:
		s.warn("stage %q: its record counted hosts and %q is for accelerators: an accelerator is charged for a host", p.Name, first.Title)
	case p.counts == Accelerators && first.Counts == Hosts:
		s.warn("stage %q: its record counted accelerators and %q is for whole hosts: a host is charged for each", p.Name, first.Title)
	}
}

// isOther reports whether one of the products is none of those that matches name: it is
// charged as another.
func isOther(matches, products []string) bool {
	return len(matches) > 0 && slices.ContainsFunc(products, func(product string) bool { return !matchesProduct(matches, product) })
}

// noteBorrowed says that a stage is assessed with what serves.
func (s *system) noteBorrowed(stage, what string) {
	s.warn("stage %q has no %s of its own: those of the serving are used", stage, what)
}

// doubtGrid warns where intensities of grids count different things.
func (s *system) doubtGrid(inv *Inventory) {
	home := inv.metered("").Scope
	for i := range inv.Serving.Sites {
		l := &inv.Serving.Sites[i]
		if other := inv.metered(l.Name).Scope; home != "" && other != "" && other != home {
			s.warn("site %s: its grid's carbon is %s and the inventory's own %s: they are not of one scope", l.Name, words(other), words(home))
		}
	}
	for _, p := range inv.Upfront {
		if p.Electricity == nil {
			continue
		}
		if other := p.Electricity.value.Scope; home != "" && other != "" && other != home {
			s.warn("stage %q: its grid's carbon is %s and the serving's %s: they are not of one scope", p.Name, words(other), words(home))
		}
	}
	if home == Direct && s.has[index(GWP)][inferenceTerm] && s.has[index(GWP)][inferenceTerm+1] {
		s.warn("carbon of electricity %q is that of generation alone, without fuels, plants and losses, beside hardware from the cradle", inv.metered("").Title)
	}
}

// words is a name of several words as people write it.
func words[S ~string](s S) string { return strings.ReplaceAll(string(s), "_", " ") }

// doubtGaps names the terms that a category lacks, and the categories that only
// hardware has.
func (s *system) doubtGaps() {
	for _, category := range s.categories() {
		if missing := s.gaps(index(category), s.stages()); len(missing) > 0 {
			s.warn("%s: no figure for %s; left out, not zero", category, strings.Join(missing, ", "))
		}
	}
	if len(s.options.Categories) > 0 {
		return
	}
	for c := range categoryTable {
		if categoryTable[c].name != Cost && !categoryTable[c].asked && !s.has[c][inferenceTerm] && s.has[c][inferenceTerm+1] {
			s.warn("%s: the hardware has a figure and electricity has no factor: the category is left out", categoryTable[c].name)
		}
	}
}

// gaps names the terms of these stages that lack a figure in a category.
func (s *system) gaps(c int, stages []stageTerms) (missing []string) {
	var terms []int
	for _, st := range stages {
		terms = append(terms, st.terms...)
	}
	slices.Sort(terms)
	for _, t := range terms {
		// Electricity embodied in hardware is reported as primary energy,
		// never as kWh; a stage without any figure has its own warning; busy hours
		// pay for the hardware of idle ones.
		if t == idleTerm+1 && s.options.Embodied == BusyHours || s.has[c][t] || s.closed(t) || categoryTable[c].key == "" && t%2 == 1 || (t == idleTerm || t == idleTerm+1) && s.idleTime == absent {
			continue
		}
		missing = append(missing, s.termName(t))
	}
	return missing
}

// closed reports whether the term is the hardware of a stage that is another
// assessment, whose figures have it in them.
func (s *system) closed(t int) bool {
	return t >= upfrontTerm && t%2 == 1 && s.upfront[(t-upfrontTerm)/2].process.closed
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

// once refuses hardware parts that count the same equipment twice: the first
// part stands alone, and each further one must add to what is covered.
func (c *checker) once(parts []Hardware, where at) {
	var covered Boundary
	for i, h := range parts {
		where := where.index(i)
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
}

// coverage is the equipment that the hardware parts cover together.
func (inv *Inventory) coverage() Boundary { return coverageOf(inv.Hardware) }

func coverageOf(parts []Hardware) Boundary { return parts[len(parts)-1].Covers }

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
	venues := inv.venues(u)
	lift := func(v venue) Boundary {
		if v.facility.HostFactor != nil && (v.processors == 0 || v.processors < v.of) {
			return Host
		}
		return u.Metered.equipment()
	}
	var list []string
	for _, v := range venues {
		embodied, at := inv.coverage(), ""
		if v.hardware != nil {
			embodied = coverageOf(v.hardware)
		}
		if v.location != nil {
			at = " at " + v.name()
		}
		if b := lift(v); b != embodied {
			list = append(list, fmt.Sprintf("the energy of inference%s covers the %s and the embodied hardware the %s", at, b, embodied))
		}
	}
	inference := lift(venues[0])
	for i := range inv.Upfront {
		p := &inv.Upfront[i]
		if p.closed {
			continue
		}
		for _, d := range present(p.Energy, p.Printed["carbon"]) {
			b := d.Boundary.equipment()
			if d == p.Energy && p.processors < 1 && (p.Facility == nil && inv.Facility.HostFactor != nil || p.Facility != nil && p.Facility.value.HostFactor != nil) {
				b = Host
			}
			if b != inference {
				list = append(list, fmt.Sprintf("%s: %s: %s covers the %s and the energy of inference the %s",
					d.place, d.place.Field, p.Name, b, inference))
			}
		}
	}
	return list
}
