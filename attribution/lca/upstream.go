package lca

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// upstreams replaces every stage that is a record or another assessment by its
// figures. where are the stages' fields, and of the stages that are returned.
func (l *loader) upstreams(list []Process, where []at) (all []Process, from []at, err error) {
	for i, p := range list {
		found := []Process{p}
		switch {
		case len(p.Records) > 0:
			r, parts, err := l.records(p.Records, where[i])
			if err != nil {
				l.add(where[i].field("record"), "%v", err)
				continue
			}
			r.process(&found[0], where[i].field("record").place())
			found[0].Energy.cause = strings.Join(parts, " ")
			found[0].metered = parts
		case p.Assessment != nil:
			if found, err = l.assessed(p, where[i]); err != nil {
				l.add(where[i].field("assessment"), "%v", err)
				continue
			}
		}
		all = append(all, found...)
		from = append(from, slices.Repeat([]at{where[i]}, len(found))...)
	}
	return all, from, l.err()
}

// records reads the records of a stage, sums them and says which parts they have.
func (l *loader) records(refs []string, where at) (sum Record, parts []string, err error) {
	if l.from == nil {
		return Record{}, nil, errors.New("no record can be read here")
	}
	of := map[string]string{} // the record of each part
	for i, ref := range refs {
		r, err := l.from.Record(where.doc.file, ref)
		if err == nil {
			err = r.check()
		}
		for _, part := range r.metered() {
			if other, twice := of[part]; err == nil && twice {
				return Record{}, nil, fmt.Errorf("%s is given twice%s: its energy would be counted twice: keep one", ref, otherwise(other, ref))
			}
			of[part], parts = ref, append(parts, part)
		}
		if err == nil && i > 0 {
			r, err = sum.plus(r)
		}
		if err != nil && len(refs) > 1 {
			err = fmt.Errorf("%s: %w", ref, err)
		}
		if err != nil {
			return Record{}, nil, err
		}
		sum = r
	}
	whole := sum
	whole.Path = ""
	l.taken = append(l.taken, hashOf(fmt.Appendf(nil, "%+v", whole)))
	return sum, parts, nil
}

// otherwise is what else a record was called, "" if it was called the same.
func otherwise(other, name string) string {
	if other == name {
		return ""
	}
	return ", also as " + other
}

// recordsOnce refuses a record of two stages that do not say what part of it each is, or
// whose parts are more than the whole.
func (l *loader) recordsOnce(list []Process, where []at) {
	first, shares := map[string]int{}, map[string]float64{}
	for i, p := range list {
		carried := 1.0
		for _, share := range p.Shares() {
			carried *= share.canonical
		}
		told := false // of one part, which is enough
		for _, part := range p.metered {
			k, twice := first[part]
			if !twice {
				first[part] = i
			}
			shares[part] += carried
			if twice && !told && shares[part] > 1+1e-9 {
				told = true
				l.add(where[i].field("record"), "what it holds is in the record of stage %q (%s), too, and the shares come to %g: it would be counted more than once: give each stage a share, 1 in all at most, or keep one",
					list[k].Name, strings.Join(list[k].Records, ", "), shares[part])
			}
		}
	}
}

// assessed gives the stages that stand for another assessment.
func (l *loader) assessed(p Process, where at) ([]Process, error) {
	u := p.Assessment
	if u.Run != "" {
		if l.from == nil {
			return nil, errors.New("no run folder can be read here")
		}
		rows, under, err := l.from.Footprint(where.doc.file, u.Run)
		if err != nil {
			return nil, err
		}
		p.under = &under
		hash := hashOf(fmt.Appendf(nil, "%+v %s %s %s %s", rows, under.GWP, under.Water, under.Basis, under.Embodied))
		l.taken = append(l.taken, hash)
		p, err = totals(p, rows, where.field("assessment").place(), hash)
		return []Process{p}, err
	}
	inv, err := l.other(u.Inventory, where.doc.file)
	if err != nil {
		return nil, err
	}
	l.taken = append(l.taken, inv.Hash)
	if u.Making {
		return making(p, inv)
	}
	for i := range inv.Model.Runs {
		if run := inv.Model.Runs[i]; run.Rate == u.Rate {
			p.upstream = &upstreamRun{inv, inv.Model.Usage(run), where.field("assessment").place()}
			p, err = p.upstream.assess(p, Options{})
			return []Process{p}, err
		}
	}
	return nil, fmt.Errorf("the model %q of inventory %s has no published run at rate %q", inv.Model.Title, u.Inventory, u.Rate)
}

// upstreamRun is a published run of another inventory, which is assessed by the
// conventions of the assessment that takes something from it.
type upstreamRun struct {
	inv   Inventory
	usage Usage
	place Place
}

// upstreamDraws place the ends of an interval that is drawn from again within half
// a percent of the distribution.
const upstreamDraws = 1000

// assess gives the stage the run's impacts in every category, by the conventions
// of o.
func (r *upstreamRun) assess(p Process, o Options) (Process, error) {
	a, err := Assess(r.inv, r.usage, Options{
		GWP: o.GWP, Water: o.Water, Basis: o.Basis, Embodied: o.Embodied, Utilisation: o.Utilisation, MixBoundaries: true, every: true,
		Draws: upstreamDraws, Seed: 1,
	})
	if err != nil {
		return p, err
	}
	return totals(p, a.Rows, r.place, r.inv.Hash+" "+r.usage.Cell)
}

// assessedBy is the stages with those that are runs of other inventories assessed
// by the conventions of o.
func (o Options) assessedBy(list []Process) ([]Process, error) {
	list = slices.Clone(list)
	for i := range list {
		if r := list[i].upstream; r != nil {
			var err error
			if list[i], err = r.assess(list[i], o); err != nil {
				return nil, fmt.Errorf("stage %q: %w", list[i].Name, err)
			}
		}
	}
	return list, nil
}

// other loads the inventory that a stage names, unless it led here.
func (l *loader) other(ref, from string) (Inventory, error) {
	if isPreset(ref) {
		return Load(ref, l.from)
	}
	if l.from == nil {
		return Inventory{}, fmt.Errorf("inventory %q is not a preset and no file can be read here", ref)
	}
	file, data, err := l.from.Inventory(from, ref)
	if err != nil {
		return Inventory{}, err
	}
	if slices.Contains(l.within, file) {
		return Inventory{}, fmt.Errorf("inventory %s refers to itself: break the circle", file)
	}
	return decode(file, data, l.from, l.within)
}

// making gives the upfront stages of another inventory, each complete with the
// hardware, place and price that it had there, under this stage's kind.
func making(p Process, inv Inventory) ([]Process, error) {
	if !inv.spreads() {
		return nil, fmt.Errorf("the inventory %s has no stages to take over", inv.Name)
	}
	var all []Process
	for _, q := range inv.Upfront {
		if q.Kind == Service {
			continue // of its requests, not of its making
		}
		if !q.closed { // of another assessment nothing is missing
			q.lend(inv)
		}
		q.Name, q.Kind, q.was, q.from = p.Name+": "+q.Name, p.Kind, q.Kind, inv.Name
		q.of = append(slices.Clone(q.of), present(p.Share)...)
		if q.Note == "" {
			q.Note = p.Note
		}
		all = append(all, q)
	}
	return all, nil
}

// lend gives the stage what it has not of its own of the inventory's serving.
func (p *Process) lend(inv Inventory) {
	if p.Hardware == nil {
		for _, h := range inv.Hardware {
			p.Hardware = append(p.Hardware, part[Hardware]{value: h})
		}
	}
	if p.Electricity == nil {
		p.Electricity, p.lentGrid = &part[Electricity]{value: inv.Electricity}, true
	}
	if p.Facility == nil {
		p.Facility, p.lentSite = &part[Site]{value: inv.Facility}, true
	}
	if p.Price == nil && inv.Price != nil {
		p.Price = &part[Price]{value: *inv.Price}
	}
}

// totals is a functional unit of another assessment, of which so many are taken: its
// total in each category, with the interval it had there. cause tells the assessment from
// every other.
func totals(p Process, rows []Row, place Place, cause string) (Process, error) {
	u := p.Assessment
	p.closed, p.Energy, p.Printed = true, nil, map[string]*Datum{}
	p.Electricity, p.Facility, p.Price, p.Hardware = nil, nil, nil, nil
	cell := u.Cell
	for _, r := range rows {
		if r.FunctionalUnit != u.FunctionalUnit || r.Stage != Total || cell != "" && r.Cell != cell {
			continue
		}
		if cell == "" {
			cell = r.Cell // the first one, and no other
		}
		row := r.Category.row()
		d := &Datum{
			Value: r.Value, Unit: r.Unit, Source: fmt.Sprintf("one %s of %s", u.FunctionalUnit, u.Run+u.Inventory),
			Year: u.Count.Year, Boundary: Facility, Quality: Derived, canonical: r.Value, dimension: row.amount,
			place: place, cause: cause + " " + cell, limits: notNegative, Spread: &Spread{Shape: Fixed},
		}
		d.place.Field += " (" + string(r.Category) + ")"
		if r.Lo < r.Value && r.Value < r.Hi && r.Lo >= 0 {
			d.Spread = &Spread{Shape: Triangular, Low: r.Lo, High: r.Hi}
		}
		if r.Category == Energy {
			p.Energy, p.OverheadIncluded = d, true
		} else {
			p.Printed[row.printedKey()] = d
		}
	}
	if p.Energy == nil && len(p.Printed) == 0 {
		return p, fmt.Errorf("it has no total per %s%s: assess it with that functional unit first", u.FunctionalUnit, ofCell(u.Cell))
	}
	return p, nil
}

func ofCell(cell string) string {
	if cell == "" {
		return ""
	}
	return " of cell " + cell
}
