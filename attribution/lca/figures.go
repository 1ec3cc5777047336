package lca

import (
	"maps"
	"slices"
)

// Figures lists every figure that the inventory's assessment can use, in the
// order of the file: the traceable lines of the life cycle inventory.
// Published runs are not among them.
func (inv *Inventory) Figures() []*Datum {
	var all []*Datum
	for i := range inv.Hardware {
		all = append(all, inv.Hardware[i].figures()...)
	}
	all = append(all, inv.Electricity.figures()...)
	all = append(all, inv.Facility.figures()...)
	for _, u := range []*Upfront{inv.Model.Training, inv.Model.Experimentation} {
		all = append(all, u.figures()...)
	}
	if inv.Price != nil {
		all = append(all, &inv.Price.Electricity)
	}
	return append(all, &inv.LifetimeInferences)
}

func (h *Hardware) figures() []*Datum {
	return present(h.Carbon, h.Water, h.ADPe, h.PrimaryEnergy, h.Price, &h.Lifespan, h.Utilisation)
}

func (e *Electricity) figures() []*Datum {
	all := present(e.Carbon)
	for _, gas := range slices.Sorted(maps.Keys(e.Gases)) {
		all = append(all, present(e.Gases[gas])...)
	}
	return append(all, present(e.CarbonMarket, e.Water, e.ADPe, e.PrimaryEnergy)...)
}

func (f *Site) figures() []*Datum { return present(f.PUE, f.WUE, f.HostFactor) }

func (u *Upfront) figures() []*Datum {
	if u == nil {
		return nil
	}
	return present(u.Energy, u.Carbon, u.Water, u.DeviceTime)
}

func (m *Model) figures() []*Datum {
	all := append(m.Training.figures(), m.Experimentation.figures()...)
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
