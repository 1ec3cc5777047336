package lca

import (
	"fmt"
	"slices"
	"strings"

	"cfubench/meter"
)

// Row is one row of the footprint table.
type Row struct {
	Cell           string
	FunctionalUnit string
	Category       Category
	Unit           string
	Stage          Stage
	// Value is per functional unit, in Unit; Lo and Hi bound it: the meter's
	// bracket, or the 95 % interval of the Monte Carlo.
	Value, Lo, Hi float64
	// Boundary says what is inside, and "model" if the energy is modelled.
	Boundary string
	// Source names the inventory lines and the raw table behind the value.
	Source string
}

// Assessment is the life cycle impact assessment of one cell.
type Assessment struct {
	Inventory Inventory
	Usage     Usage
	Options   Options
	// Run is the published run that was assessed, nil for one of our own.
	Run  *PublishedRun
	Rows []Row
	// Outcomes are the impacts of the whole cell, by category and stage, from
	// which Rows are scaled.
	Outcomes []Outcome
	// BreakEven says when inference overtakes what was spent before it.
	BreakEven []BreakEven
	// Contributions are the terms of each category's total, largest first.
	Contributions []Contribution
	// Sensitivity is the tornado: each input moved alone, widest swing first.
	Sensitivity []Swing
	Warnings    []string

	system *system
}

// Outcome is an impact of the whole cell.
type Outcome struct {
	Category      Category
	Stage         Stage
	Value, Lo, Hi float64
	// Mean of the Monte Carlo, equal to Value without one.
	Mean float64
}

// Assess computes C_FU of the usage under the inventory.
func Assess(inv Inventory, u Usage, o Options) (Assessment, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Assessment{}, err
	}
	if err := u.check(); err != nil {
		return Assessment{}, fmt.Errorf("assess: %w", err)
	}
	if len(inv.Hardware) == 0 || inv.LifetimeInferences.canonical <= 0 {
		return Assessment{}, fmt.Errorf("assess cell %q: the inventory was not loaded: use Load or Decode", u.Cell)
	}
	if o.LifetimeInferences > 0 {
		inv.LifetimeInferences = chosenLifetime(o.LifetimeInferences)
	}
	if o.Utilisation > 0 {
		inv.Hardware = withUtilisation(inv.Hardware, o.Utilisation)
	}
	mixes := inv.mixes(u)
	if len(mixes) > 0 && !inv.BoundaryMix.Allow && !o.MixBoundaries {
		return Assessment{}, fmt.Errorf("assess cell %q: boundaries are mixed: %s: use figures of one boundary, give a host_factor, or allow the mix by name", u.Cell, strings.Join(mixes, "; "))
	}
	s, err := compile(&inv, u, o)
	if err != nil {
		return Assessment{}, fmt.Errorf("assess cell %q: %w", u.Cell, err)
	}
	for _, m := range mixes {
		reason := inv.BoundaryMix.Reason
		if !inv.BoundaryMix.Allow {
			reason = "allowed for this assessment"
		}
		s.warn("boundaries are mixed: %s (%s)", m, reason)
	}
	units, warnings, err := u.counts(o)
	if err != nil {
		return Assessment{}, fmt.Errorf("assess: %w", err)
	}
	s.warnings = append(s.warnings, warnings...)
	a := Assessment{Inventory: inv, Usage: u, Options: o, system: s, Warnings: s.warnings}
	a.Outcomes, a.BreakEven = s.outcomes(u)
	a.Contributions = s.contributions()
	a.Sensitivity = s.tornado()
	a.Rows = a.rows(units)
	return a, nil
}

// chosenLifetime is a lifetime that the user chose for this assessment.
func chosenLifetime(requests float64) Datum {
	return Datum{
		Value: requests, Unit: "requests", Source: "chosen for this assessment", Boundary: None,
		Quality: Assumption, Reason: "chosen by the user", Spread: &Spread{Shape: Fixed},
		canonical: requests, dimension: "count", place: Place{File: "option", Field: "lifetime_inferences"},
	}
}

// withUtilisation gives every part without a utilisation the chosen one.
func withUtilisation(parts []Hardware, share float64) []Hardware {
	parts = slices.Clone(parts)
	for i := range parts {
		if parts[i].Utilisation == nil {
			parts[i].Utilisation = &Datum{
				Value: share, Unit: "1", Source: "chosen for this assessment", Boundary: None,
				Quality: Assumption, Reason: "chosen by the user", Spread: &Spread{Shape: Fixed},
				canonical: share, dimension: "ratio", place: Place{File: "option", Field: "utilisation"},
			}
		}
	}
	return parts
}

// rows scales the outcomes to each functional unit. The total is the sum of
// the scaled stages, in their order, so that it is theirs to the last bit.
func (a *Assessment) rows(units []counted) []Row {
	boundaries, sources := make([]string, len(a.Outcomes)), make([]string, len(a.Outcomes))
	for i, o := range a.Outcomes {
		boundaries[i], sources[i] = a.boundary(o.Category, o.Stage), a.source(o.Category, o.Stage)
	}
	rows := make([]Row, 0, len(units)*len(a.Outcomes))
	for _, unit := range units {
		total := 0.0
		for i, o := range a.Outcomes {
			row := Row{
				Cell: a.Usage.Cell, FunctionalUnit: unit.name, Category: o.Category, Unit: o.Category.Unit(), Stage: o.Stage,
				Value: o.Value / unit.count, Lo: o.Lo / unit.count, Hi: o.Hi / unit.count,
				Boundary: boundaries[i], Source: sources[i],
			}
			if o.Stage == Total {
				row.Value, total = total, 0
			} else {
				total += row.Value
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// outcomes computes the point values and their intervals.
func (s *system) outcomes(u Usage) ([]Outcome, []BreakEven) {
	var point costs
	s.evaluate(s.values, &point)
	var list []Outcome
	for _, category := range s.categories() {
		c := index(category)
		for _, stage := range append(Stages(), Total) {
			if s.hasStage(c, stage) {
				v := point.stage(c, stage)
				list = append(list, Outcome{category, stage, v, v, v, v})
			}
		}
	}
	even := s.breakEven(&point)
	if s.options.Draws > 0 {
		s.simulate(list, even)
	} else {
		s.bracket(u, list)
	}
	return list, even
}

// bracket sets the intervals from the meter's bracket alone.
func (s *system) bracket(u Usage, list []Outcome) {
	if u.EnergyLo >= u.EnergyHi {
		return
	}
	x := append([]float64(nil), s.values...)
	var lo, hi costs
	x[energyInput] = kilowattHours(u.EnergyLo)
	s.evaluate(x, &lo)
	x[energyInput] = kilowattHours(u.EnergyHi)
	s.evaluate(x, &hi)
	for i := range list {
		c := index(list[i].Category)
		list[i].Lo, list[i].Hi = lo.stage(c, list[i].Stage), hi.stage(c, list[i].Stage)
	}
}

// hasStage reports whether any term of the stage has a figure. Embodied
// electricity is never a stage: it is in primary energy.
func (s *system) hasStage(c int, stage Stage) bool {
	for t, has := range s.has[c] {
		if has && (stage == Total || term(t).stage() == stage) {
			return true
		}
	}
	return false
}

// stage is a category's cost of one stage, Total being their sum in order.
func (x *costs) stage(c int, stage Stage) float64 {
	switch stage {
	case Inference:
		return x[c][inferenceOperation]
	case Embodied:
		return x[c][inferenceHardware]
	case Training:
		return x[c][trainingOperation] + x[c][trainingHardware]
	case Experimentation:
		return x[c][experimentationOperation] + x[c][experimentationHardware]
	}
	sum := 0.0
	for _, s := range Stages() {
		sum += x.stage(c, s)
	}
	return sum
}

// boundary describes what a row covers.
func (a *Assessment) boundary(c Category, stage Stage) string {
	inv, u := &a.Inventory, a.Usage
	energy := string(u.Metered)
	switch {
	case u.OverheadIncluded || u.Metered == Facility:
		energy += ", facility overhead included"
	default:
		if a.system.lifted {
			energy += " × host factor"
		}
		if a.system.pue != absent {
			energy += " × PUE"
		}
	}
	if u.EnergyKind == meter.KindModel {
		energy += " (model)"
	}
	operation := energy
	if c == GWP {
		operation += ", " + string(a.Options.Basis) + "-based"
	}
	if c == Water {
		operation += ", " + string(a.Options.Water)
	}
	hardware := fmt.Sprintf("%s, %s share", inv.coverageIn(c), a.Options.Embodied)
	switch stage {
	case Inference:
		return operation
	case Embodied:
		return hardware
	case Training:
		return upfrontBoundary(inv.Model.Training, c, a.system.has[index(c)][trainingHardware])
	case Experimentation:
		return upfrontBoundary(inv.Model.Experimentation, c, a.system.has[index(c)][experimentationHardware])
	}
	text := "cradle to use; energy: " + operation
	if a.system.has[index(c)][inferenceHardware] {
		text += "; embodied: " + hardware
	}
	var missing []string
	for _, s := range Stages() {
		if !a.system.hasStage(index(c), s) {
			missing = append(missing, string(s))
		}
	}
	if len(missing) > 0 {
		text += "; without " + strings.Join(missing, ", ")
	}
	return text
}

func upfrontBoundary(u *Upfront, c Category, hardware bool) string {
	d := u.basis(c)
	if d == nil {
		return "embodied hardware only"
	}
	text := string(d.Boundary)
	if u.OverheadIncluded {
		text += ", facility overhead included"
	}
	if hardware {
		text += ", own hardware included"
	}
	return text
}

// basis is the figure from which the operation's impact in c is taken.
func (u *Upfront) basis(c Category) *Datum {
	switch {
	case c == GWP && u.Carbon != nil:
		return u.Carbon
	case c == Water && u.Water != nil:
		return u.Water
	}
	return u.Energy
}
