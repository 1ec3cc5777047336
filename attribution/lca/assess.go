package lca

import (
	"context"
	"fmt"
	"math"
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
	// Stage is a stage of the product system, Kind what it is to the formula:
	// the rows of one kind sum to a term of it, all but Total to Total.
	Stage, Kind Stage
	// Value is per functional unit, in Unit; Lo and Hi bound it: the meter's
	// bracket, or the 95 % interval of the Monte Carlo.
	Value, Lo, Hi float64
	// Mean and Median of the Monte Carlo, equal to Value without one.
	Mean, Median float64
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
	Run *PublishedRun
	// Design names it among designs that are compared, "" by its cell.
	Design string
	Rows   []Row
	// Outcomes are the impacts of the whole cell, by category and stage, from
	// which Rows are scaled; Kinds the same by kind of stage.
	Outcomes, Kinds []Outcome
	// BreakEven says when inference overtakes what was spent before it.
	BreakEven []BreakEven
	// Contributions are the terms of each category's total, largest first.
	Contributions []Contribution
	// Sensitivity is the tornado: each input moved alone, widest swing first.
	Sensitivity []Swing
	// Variance ranks the inputs by their part of the variance of each category's
	// total over the draws, empty without a Monte Carlo.
	Variance []Variance
	Warnings []string

	system *system
}

// Outcome is an impact of the whole cell.
type Outcome struct {
	Category      Category
	Stage, Kind   Stage
	Value, Lo, Hi float64
	// Mean and Median of the Monte Carlo, equal to Value without one. Where
	// inputs are skewed neither is Value.
	Mean, Median float64
}

// Assess computes C_FU of the usage under the inventory.
func Assess(inv Inventory, u Usage, o Options) (Assessment, error) {
	s, err := NewAssessor(inv, o)
	if err != nil {
		return Assessment{}, err
	}
	return s.Assess(context.Background(), u)
}

// rows scales the outcomes to each functional unit. The total is the sum of
// the scaled stages, in their order, so that it is theirs to the last bit.
func (a *Assessment) rows(units []counted) []Row {
	boundaries, sources := make([]string, len(a.Outcomes)), a.sources()
	for i, o := range a.Outcomes {
		boundaries[i] = a.boundary(o.Category, o.Stage)
	}
	rows := make([]Row, 0, len(units)*len(a.Outcomes))
	for _, unit := range units {
		total := 0.0
		for i, o := range a.Outcomes {
			row := Row{
				Cell: a.Usage.Cell, FunctionalUnit: unit.name, Category: o.Category, Unit: a.Unit(o.Category), Stage: o.Stage, Kind: o.Kind,
				Value: o.Value / unit.count, Lo: o.Lo / unit.hi, Hi: perUnit(o.Hi, unit.lo),
				Mean: o.Mean / unit.count, Median: o.Median / unit.count, Boundary: boundaries[i], Source: sources[i],
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

// perUnit is the cost of a unit of which there may be none.
func perUnit(cost, count float64) float64 {
	if count <= 0 {
		return math.Inf(1)
	}
	return cost / count
}

// Unit is the unit of a category: of cost, the currency.
func (a *Assessment) Unit(c Category) string {
	if c == Cost {
		return a.system.currency
	}
	return c.Unit()
}

// Impact is an amount of the assessment, with its currency.
func (a *Assessment) Impact(c Category, value float64) Impact {
	return Impact{c, value, a.system.currency}
}

// outcomes are the point values of the stages, and of their total if it is not
// among them.
func (s *system) outcomes(point *costs, stages []stageTerms, withTotal bool) []Outcome {
	var list []Outcome
	add := func(c int, stage, kind Stage, v float64) {
		list = append(list, Outcome{categoryTable[c].name, stage, kind, v, v, v, v, v})
	}
	for _, category := range s.categories() {
		c := index(category)
		some := false
		for _, st := range stages {
			if !s.hasAny(c, st.terms) {
				continue
			}
			some = true
			v := point.sumOf(c, st.terms)
			if st.kind == Total {
				v = s.total(point, c)
			}
			add(c, st.stage, st.kind, v)
		}
		if withTotal && some {
			add(c, Total, Total, s.total(point, c))
		}
	}
	return list
}

// bracket sets the intervals from the meter's bracket and error alone.
func (a *Assessment) bracket() {
	s := a.system
	x := append([]float64(nil), s.values...)
	ends := [2]*costs{}
	for i, sign := range []float64{-1, 1} {
		for k, h := range s.hosts {
			x := x[k*meterInputs : (k+1)*meterInputs]
			if h.EnergyLo < h.EnergyHi {
				x[energyInput] = kilowattHours([]meter.Energy{h.EnergyLo, h.EnergyHi}[i])
			}
			x[gainInput] = (1 + sign*h.Meter.Gain) * (1 + sign*h.Meter.Sampling)
			x[offsetInput] = sign * kilowattHours(h.Meter.Offset)
		}
		ends[i] = s.at(x)
	}
	set := func(list []Outcome, stages []stageTerms) {
		terms := map[Stage][]int{}
		for _, st := range stages {
			terms[st.stage] = st.terms
		}
		for i := range list {
			o, c := &list[i], index(list[i].Category)
			if o.Stage == Total {
				o.Lo, o.Hi = s.total(ends[0], c), s.total(ends[1], c)
			} else {
				o.Lo, o.Hi = ends[0].sumOf(c, terms[o.Stage]), ends[1].sumOf(c, terms[o.Stage])
			}
		}
	}
	set(a.Outcomes, s.stages())
	set(a.Kinds, s.kinds())
}

// Covers describes what the total of a category covers, also of one that was not chosen;
// "" if there is none.
func (a *Assessment) Covers(c Category) string {
	if _, ok := a.Outcome(c, Total); !ok {
		return ""
	}
	return a.boundary(c, Total)
}

// boundary describes what a row covers.
func (a *Assessment) boundary(c Category, stage Stage) string {
	inv, venues := &a.Inventory, a.system.venues
	operation := a.energyBoundary()
	if a.Usage.EnergyKind == meter.KindModel {
		operation += " (model)"
	}
	switch n := a.hourly(c); {
	case n > 0 && n < len(venues):
		operation += fmt.Sprintf(", grid by the hour at %d of %d sites", n, len(venues))
	case n > 0:
		operation += ", grid by the hour"
	}
	if len(venues) > 1 {
		operation += fmt.Sprintf(", each of %d sites by its own grid and facility", len(venues))
	}
	if c == GWP {
		operation += ", " + string(a.Options.Basis) + "-based"
		if scope := inv.metered("").Scope; scope != "" {
			operation += ", " + strings.ReplaceAll(string(scope), "_", " ")
		}
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
	case Idle:
		return "provisioned machines that wait; " + hardware
	}
	for i := range a.system.upfront {
		if u := &a.system.upfront[i]; Stage(u.process.Name) == stage {
			return u.boundary(c, a.system.has[index(c)][upfrontTerm+2*i+1])
		}
	}
	text := "cradle to use"
	if _, ended := a.Outcome(c, EndOfLife); ended {
		text += ", and end of life"
	}
	text += "; energy: " + operation
	if a.system.has[index(c)][inferenceTerm+1] {
		text += "; embodied: " + hardware
	}
	var missing []string
	for _, k := range []Stage{Inference, Embodied, Training, Experimentation} {
		if _, ok := a.Outcome(c, k); !ok {
			missing = append(missing, string(k))
		}
	}
	if len(missing) > 0 {
		text += "; without " + strings.Join(missing, ", ")
	}
	return text
}

// energyBoundary is what the energy of inference covers.
func (a *Assessment) energyBoundary() string {
	energy, venues := string(a.Usage.Metered), a.system.venues
	if slices.ContainsFunc(venues, func(v venueInputs) bool { return v.lifted > 0 }) {
		energy += " × host factor"
	}
	switch {
	case a.Usage.OverheadIncluded || a.Usage.Metered == Facility:
		energy += ", facility overhead included"
	case slices.ContainsFunc(venues, func(v venueInputs) bool { return v.place.pue != absent }):
		energy += " × PUE"
	}
	return energy
}

// hourly is at how many places of serving the category is of the hours of the run.
func (a *Assessment) hourly(c Category) (places int) {
	key := c.row().key
	switch {
	case c == GWP && a.Options.Basis == MarketBased:
		key = marketKey
	case c == WaterScarcity:
		key = Water.row().key
	}
	for site := range a.Inventory.Metered {
		if h := a.Options.Hourly[site]; h != nil && slices.ContainsFunc(h.columns, func(x hourlyColumn) bool { return x.key == key }) {
			places++
		}
	}
	return places
}

// boundary describes what a stage's row covers.
func (u *upfrontInputs) boundary(c Category, hardware bool) string {
	p := u.process
	d, printed := p.Energy, u.printed[index(c)] != absent
	if printed {
		d = p.Printed[c.row().printedKey()]
	}
	if d == nil {
		return "embodied hardware only"
	}
	text := string(d.Boundary)
	if !printed && u.lifted > 0 {
		text += " × host factor"
	}
	switch {
	case p.OverheadIncluded:
		text += ", facility overhead included"
	case !printed && !u.overheadIncluded && u.place.pue != absent:
		text += " × PUE"
	}
	if hardware {
		text += ", own hardware included"
	}
	return text
}
