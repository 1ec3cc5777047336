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
		inv.LifetimeInferences, inv.LifetimeRate = choice(o.LifetimeInferences, "requests", "count", "lifetime_inferences", positive), nil
		if inv.Allocation.By == PerRequest || inv.Allocation.PerRequest == nil {
			inv.Allocation = Allocation{}
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
		inv.Upfront = withUtilisation(inv.Upfront, o.Utilisation)
		inv.Serving.Machines = slices.Clone(inv.Serving.Machines)
		for i := range inv.Serving.Machines {
			inv.Serving.Machines[i].Hardware = utilised(inv.Serving.Machines[i].Hardware, o.Utilisation)
		}
		inv.Serving.Sites = slices.Clone(inv.Serving.Sites)
		for i := range inv.Serving.Sites {
			inv.Serving.Sites[i].Hardware = utilised(inv.Serving.Sites[i].Hardware, o.Utilisation)
		}
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

// withUtilisation gives every part of the stages that has no utilisation the
// chosen one.
func withUtilisation(list []Process, busy float64) []Process {
	list = slices.Clone(list)
	for i := range list {
		list[i].Hardware = utilised(list[i].Hardware, busy)
	}
	return list
}

func utilised(parts []part[Hardware], busy float64) []part[Hardware] {
	parts = slices.Clone(parts)
	for i := range parts {
		if parts[i].value.Utilisation == nil {
			d := choice(busy, "1", "ratio", "utilisation", share)
			parts[i].value.Utilisation = &d
		}
	}
	return parts
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
