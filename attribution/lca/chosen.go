package lca

import (
	"cmp"
	"fmt"
	"slices"
)

// chosen is the inventory with the user's own choices in it.
func (o Options) chosen(inv Inventory) (Inventory, error) {
	var err error
	if inv.Upfront, err = o.assessedBy(inv.Upfront); err != nil {
		return inv, err
	}
	if o.LifetimeInferences > 0 {
		by := cmp.Or(inv.Allocation.By, inv.lifetimeUnit())
		inv.LifetimeInferences, inv.LifetimeRate = choice(o.LifetimeInferences, "requests", "count", "lifetime_inferences", positive), nil
		if inv.Allocation.By == PerRequest || inv.Allocation.PerRequest == nil {
			inv.Allocation = Allocation{}
			if by != PerRequest {
				inv.sharedBy = by
			}
		}
	}
	if o.Utilisation > 0 {
		inv.Hardware = slices.Clone(inv.Hardware)
		for i := range inv.Hardware {
			if inv.Hardware[i].Utilisation == nil {
				d := choice(o.Utilisation, "1", "ratio", "utilisation", share)
				inv.Hardware[i].Utilisation = &d
			}
		}
		inv.everyOwn(func(h *Hardware) {
			if h.Utilisation == nil {
				d := choice(o.Utilisation, "1", "ratio", "utilisation", share)
				h.Utilisation = &d
			}
		})
	}
	if o.Share > 0 {
		d := choice(o.Share, "1", "ratio", "share", share)
		inv.Serving.Share = &d
	}
	if o.PUE > 0 {
		d := choice(o.PUE, "1", "ratio", "pue", overhead)
		d.Boundary, inv.Facility.PUE = Facility, &d
	}
	if o.Grid != "" {
		e, err := gridPreset(o.Grid)
		if err != nil {
			return inv, err
		}
		inv.Electricity = e
	}
	if o.Price > 0 {
		unit := cmp.Or(o.Currency, currencyOfPrice(inv.Price)) + "/kWh"
		inv.Price = &Price{Title: "price chosen for this assessment", Electricity: choice(o.Price, unit, "price", "price", notNegative)}
	} else if o.Currency != "" && currencyOfPrice(inv.Price) != o.Currency {
		return inv, fmt.Errorf("currency %s: the inventory's electricity is priced in %s: give a price in %s too", o.Currency, currencyOfPrice(inv.Price), o.Currency)
	}
	return inv, nil
}

// choice is a figure that the user chose for this assessment.
func choice(value float64, unit, dim, field string, within domain) Datum {
	return Datum{
		Value: value, Unit: unit, Source: "chosen for this assessment", Boundary: None,
		Quality: Assumption, Reason: "chosen by the user", Spread: &Spread{Shape: Fixed},
		canonical: value, dimension: dim, place: Place{File: "option", Field: field}, limits: within,
	}
}

// everyOwn changes the hardware that stages, machines and sites have of their own, in
// copies of its own.
func (inv *Inventory) everyOwn(change func(*Hardware)) {
	changed := func(parts []part[Hardware]) []part[Hardware] {
		parts = slices.Clone(parts)
		for i := range parts {
			change(&parts[i].value)
		}
		return parts
	}
	inv.Upfront, inv.Serving.Machines, inv.Serving.Sites = slices.Clone(inv.Upfront), slices.Clone(inv.Serving.Machines), slices.Clone(inv.Serving.Sites)
	for i := range inv.Upfront {
		inv.Upfront[i].Hardware = changed(inv.Upfront[i].Hardware)
	}
	for i := range inv.Serving.Machines {
		inv.Serving.Machines[i].Hardware = changed(inv.Serving.Machines[i].Hardware)
	}
	for i := range inv.Serving.Sites {
		inv.Serving.Sites[i].Hardware = changed(inv.Serving.Sites[i].Hardware)
	}
}

// gridPreset is the electricity preset of that name, checked.
func gridPreset(name string) (Electricity, error) {
	lib, err := loadLibrary()
	if err != nil {
		return Electricity{}, err
	}
	found, ok := lib.electricity[name]
	if !ok {
		return Electricity{}, fmt.Errorf("grid %q is no electricity preset: see cfu amortize --list-presets", name)
	}
	c := &checker{}
	c.electricity(&found.value, found.at)
	return found.value, c.err()
}
