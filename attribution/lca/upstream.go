package lca

import (
	"errors"
	"fmt"
	"slices"
)

// upstreams replaces every stage that is a record or another assessment by its
// figures. where are the stages' fields.
func (l *loader) upstreams(list []Process, where []at) ([]Process, error) {
	var all []Process
	for i, p := range list {
		switch {
		case len(p.Records) > 0:
			r, err := l.records(p.Records, where[i])
			if err != nil {
				l.add(where[i].field("record"), "%v", err)
				continue
			}
			r.process(&p, where[i].field("record").place())
			all = append(all, p)
		case p.Assessment != nil:
			found, err := l.assessed(p, where[i])
			if err != nil {
				l.add(where[i].field("assessment"), "%v", err)
				continue
			}
			all = append(all, found...)
		default:
			all = append(all, p)
		}
	}
	return all, l.err()
}

// records reads the records of a stage and sums them.
func (l *loader) records(refs []string, where at) (Record, error) {
	if l.from == nil {
		return Record{}, errors.New("no record can be read here")
	}
	var sum Record
	for i, ref := range refs {
		if slices.Contains(refs[:i], ref) {
			return Record{}, fmt.Errorf("%s is given twice: its energy would be counted twice", ref)
		}
		r, err := l.from.Record(where.doc.file, ref)
		if err == nil {
			err = r.check()
		}
		if err == nil && i > 0 {
			r, err = sum.plus(r)
		}
		if err != nil && len(refs) > 1 {
			err = fmt.Errorf("%s: %w", ref, err)
		}
		if err != nil {
			return Record{}, err
		}
		sum = r
	}
	return sum, nil
}

// assessed gives the stages that stand for another assessment.
func (l *loader) assessed(p Process, where at) ([]Process, error) {
	u := p.Assessment
	if u.Run != "" {
		if l.from == nil {
			return nil, errors.New("no run folder can be read here")
		}
		rows, err := l.from.Footprint(where.doc.file, u.Run)
		if err != nil {
			return nil, err
		}
		return l.totals(p, rows, where)
	}
	inv, err := l.other(u.Inventory, where.doc.file)
	if err != nil {
		return nil, err
	}
	if u.Making {
		return making(p, inv)
	}
	for i := range inv.Model.Runs {
		if run := inv.Model.Runs[i]; run.Rate == u.Rate {
			a, err := Assess(inv, inv.Model.Usage(run), Options{MixBoundaries: true})
			if err != nil {
				return nil, err
			}
			return l.totals(p, a.Rows, where)
		}
	}
	return nil, fmt.Errorf("the model %q of inventory %s has no published run at rate %q", inv.Model.Title, u.Inventory, u.Rate)
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
	if len(inv.Upfront) == 0 {
		return nil, fmt.Errorf("the inventory %s has no stages to take over", inv.Name)
	}
	var all []Process
	for _, q := range inv.Upfront {
		if q.Hardware == nil {
			for _, h := range inv.Hardware {
				q.Hardware = append(q.Hardware, part[Hardware]{value: h})
			}
		}
		if q.Electricity == nil {
			q.Electricity = &part[Electricity]{value: inv.Electricity}
		}
		if q.Facility == nil {
			q.Facility = &part[Site]{value: inv.Facility}
		}
		if q.Price == nil && inv.Price != nil {
			q.Price = &part[Price]{value: *inv.Price}
		}
		q.Name, q.Kind, q.from = p.Name+": "+q.Name, p.Kind, inv.Name
		if q.Share = bothShares(p.Share, q.Share); q.Note == "" {
			q.Note = p.Note
		}
		all = append(all, q)
	}
	return all, nil
}

// bothShares is a part of a part.
func bothShares(a, b *Datum) *Datum {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	d := *a
	d.canonical, d.Value, d.Unit = a.canonical*b.canonical, a.canonical*b.canonical, "1"
	d.Reason = a.Reason + "; of it: " + b.Reason
	return &d
}

// totals is a number of functional units of another assessment: its total in
// each category, with the interval it had there.
func (l *loader) totals(p Process, rows []Row, where at) ([]Process, error) {
	u := p.Assessment
	count := u.Count.canonical
	p.closed, p.Printed = true, map[string]*Datum{}
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
			Value: r.Value * count, Unit: r.Unit, Source: fmt.Sprintf("%g × %s of %s", count, u.FunctionalUnit, u.Run+u.Inventory),
			Year: u.Count.Year, Boundary: Facility, Quality: Derived, canonical: r.Value * count, dimension: row.amount,
			place: where.field("assessment").place(), limits: notNegative, Spread: &Spread{Shape: Fixed},
		}
		d.place.Field += " (" + string(r.Category) + ")"
		if r.Lo < r.Value && r.Value < r.Hi && r.Lo >= 0 {
			d.Spread = &Spread{Shape: Triangular, Low: r.Lo * count, High: r.Hi * count}
		}
		if r.Category == Energy {
			p.Energy, p.OverheadIncluded = d, true
		} else {
			p.Printed[row.printedKey()] = d
		}
	}
	if p.Energy == nil && len(p.Printed) == 0 {
		return nil, fmt.Errorf("it has no total per %s%s: assess it with that functional unit first", u.FunctionalUnit, ofCell(u.Cell))
	}
	return []Process{p}, nil
}

func ofCell(cell string) string {
	if cell == "" {
		return ""
	}
	return " of cell " + cell
}
