package lca

import (
	"cmp"
	"maps"
	"slices"
)

// Figures lists every figure that the inventory's assessment can use, in the
// order of the file: the traceable lines of the life cycle inventory.
// Published runs are not among them.
func (inv *Inventory) Figures() []*Datum {
	var all []*Datum
	for i := range inv.Hardware {
		all = append(all, inv.Hardware[i].Figures()...)
	}
	all = append(all, inv.Electricity.Figures()...)
	all = append(all, inv.HourlyFigures()...)
	all = append(all, inv.Facility.Figures()...)
	if inv.Price != nil {
		all = append(all, &inv.Price.Electricity)
	}
	all = append(all, inv.Serving.Figures()...)
	for i := range inv.Serving.Machines {
		all = append(all, inv.Serving.Machines[i].Figures()...)
	}
	for i := range inv.Serving.Sites {
		all = append(all, inv.Serving.Sites[i].Figures()...)
	}
	for i := range inv.Upfront {
		all = append(all, inv.Upfront[i].Figures()...)
	}
	return append(append(all, &inv.LifetimeInferences), inv.SpreadFigures()...)
}

// SpreadFigures lists the figures, beside the lifetime, by which the making is spread.
func (inv *Inventory) SpreadFigures() []*Datum {
	return present(inv.LifetimeRate, inv.Allocation.PerRequest)
}

// Figures lists the figures of how the inventory's own hardware serves.
func (s *Serving) Figures() []*Datum { return present(s.Share, s.IdleTime, s.IdlePower) }

// Figures lists the machine's figures and those of its hardware.
func (m *Machine) Figures() []*Datum {
	all := present(&m.PerDevice, m.Share)
	for k := range m.Hardware {
		all = append(all, m.Hardware[k].value.Figures()...)
	}
	return all
}

// Figures lists the part's figures.
func (h *Hardware) Figures() []*Datum {
	return append(append(byKey(h.Impacts), byKey(h.Emissions)...), present(&h.Lifespan, h.Utilisation)...)
}

// Figures lists the grid's figures.
func (e *Electricity) Figures() []*Datum {
	return append(append(byKey(e.Impacts), byKey(e.Emissions)...), present(e.CarbonMarket, e.AWARE)...)
}

// HourlyFigures lists the figures of the hours in which the cell ran, which
// stand for those of a place's electricity; none without an hourly mix.
func (inv *Inventory) HourlyFigures() []*Datum {
	var all []*Datum
	for _, site := range slices.Sorted(maps.Keys(inv.Metered)) {
		yearly := inv.yearly(site).Figures()
		all = append(all, slices.DeleteFunc(inv.Metered[site].Figures(), func(d *Datum) bool { return slices.Contains(yearly, d) })...)
	}
	return all
}

// PartsOfFigures are the hardware parts to which figures of the inventory belong: what
// serves, the machines beside it, and what sites and stages have of their own.
func (inv *Inventory) PartsOfFigures() map[*Datum]*Hardware {
	of := map[*Datum]*Hardware{}
	add := func(h *Hardware) {
		for _, d := range h.Figures() {
			of[d] = h
		}
	}
	for i := range inv.Hardware {
		add(&inv.Hardware[i])
	}
	own := func(parts []part[Hardware]) {
		for i := range parts {
			add(&parts[i].value)
		}
	}
	for i := range inv.Serving.Machines {
		own(inv.Serving.Machines[i].Hardware)
	}
	for i := range inv.Serving.Sites {
		own(inv.Serving.Sites[i].Hardware)
	}
	for i := range inv.Upfront {
		own(inv.Upfront[i].Hardware)
	}
	return of
}

// byKey lists figures in the order of the categories, then of their names.
func byKey(figures map[string]*Datum) []*Datum {
	var all []*Datum
	for _, key := range slices.SortedFunc(maps.Keys(figures), func(a, b string) int {
		return cmp.Or(cmp.Compare(keyOrder(a), keyOrder(b)), cmp.Compare(a, b))
	}) {
		all = append(all, present(figures[key])...)
	}
	return all
}

func keyOrder(key string) int {
	return slices.IndexFunc(categoryTable, func(row categoryRow) bool { return row.key == key || row.printedKey() == key })
}

// Figures lists the place's figures.
func (f *Site) Figures() []*Datum { return present(f.PUE, f.WUE, f.AWARE, f.HostFactor) }

// Figures lists the stage's figures and those of what it has of its own.
func (p *Process) Figures() []*Datum {
	all := append(present(p.Energy), byKey(p.Printed)...)
	all = append(all, append(append(present(p.DeviceTime), p.taken()...), p.Shares()...)...)
	for i := range p.Hardware {
		all = append(all, p.Hardware[i].value.Figures()...)
	}
	if p.Electricity != nil {
		all = append(all, p.Electricity.value.Figures()...)
	}
	if p.Facility != nil {
		all = append(all, p.Facility.value.Figures()...)
	}
	if p.Price != nil {
		all = append(all, &p.Price.value.Electricity)
	}
	return all
}

func (m *Model) figures() []*Datum {
	all := present(m.Parameters, m.TrainingTokens, m.TrainingCompute)
	for i := range m.Stages {
		all = append(all, m.Stages[i].Figures()...)
	}
	for i := range m.Runs {
		r := &m.Runs[i]
		all = append(all, present(&r.Energy, r.Carbon, r.Water, r.WallTime, r.BreakEven)...)
	}
	return all
}

// present drops the figures that are not there.
func present(data ...*Datum) []*Datum {
	return slices.DeleteFunc(data, func(d *Datum) bool { return d == nil })
}
