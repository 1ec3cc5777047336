package lca

import (
	"fmt"
	"slices"
)

// Scenario is a category's total under another choice (ISO 14044 §4.5.3.3).
type Scenario struct {
	Choice   string // "embodied share by busy hours"
	Category Category
	// Base and Value are of the whole cell, as assessed and under the choice.
	Base, Value float64
}

// Change is the relative change that the choice makes.
func (s Scenario) Change() float64 { return s.Value/s.Base - 1 }

// Scenarios assesses the cell again under every other choice that its inventory
// allows, without intervals: conventions, the lifetime a third and three times
// as long, the life of all hardware three and six years, the allocation of the
// making. A category that a choice does not change is left out.
func (a *Assessment) Scenarios() []Scenario {
	type variant struct {
		choice string
		option func(*Options)
		change func(*Inventory)
	}
	variants := []variant{
		{"embodied share by busy hours", func(o *Options) { o.Embodied = BusyHours }, nil},
		{"embodied share by calendar", func(o *Options) { o.Embodied = Calendar }, nil},
		{"market-based carbon", func(o *Options) { o.Basis = MarketBased }, nil},
		{"location-based carbon", func(o *Options) { o.Basis = LocationBased }, nil},
		{"GWPs of AR5", func(o *Options) { o.GWP = AR5 }, nil},
		{"GWPs of AR6", func(o *Options) { o.GWP = AR6 }, nil},
	}
	for _, w := range WaterVariants() {
		variants = append(variants, variant{"water by " + string(w), func(o *Options) { o.Water = w }, nil})
	}
	for _, factor := range []float64{1.0 / 3, 3} {
		variants = append(variants, variant{fmt.Sprintf("lifetime × %.2g", factor), nil, func(inv *Inventory) {
			inv.LifetimeInferences.canonical *= factor
			inv.LifetimeInferences.Value *= factor
			inv.LifetimeInferences.Spread = nil
		}})
	}
	for _, years := range []float64{3, 6} {
		variants = append(variants, variant{fmt.Sprintf("all hardware lives %g years", years), nil, func(inv *Inventory) { inv.live(years) }})
	}
	if by, counted := a.Inventory.Allocation.By, a.Inventory.lifetimeUnit(); by != "" && by != counted {
		variants = append(variants, variant{"the making shared by " + words(counted), nil, func(inv *Inventory) { inv.Allocation = Allocation{} }})
	}
	var list []Scenario
	for _, v := range variants {
		inv, o := a.Inventory, a.Options
		o.Draws, o.MixBoundaries = 0, true
		if v.option != nil {
			v.option(&o)
		}
		if v.change != nil {
			o.LifetimeInferences = 0
			v.change(&inv)
		}
		b, err := preview(inv, a.Usage, o)
		if err != nil {
			continue // the inventory does not allow the choice
		}
		for _, c := range a.Assessed() {
			base, ok := a.Outcome(c, Total)
			other, same := b.Outcome(c, Total)
			if ok && same && base.Value > 0 && other.Value != base.Value {
				list = append(list, Scenario{v.choice, c, base.Value, other.Value})
			}
		}
	}
	return list
}

// live sets the life of all hardware, of the inventory's own and of its stages'.
func (inv *Inventory) live(years float64) {
	life := choice(years, "year", "time", "lifespan", positive)
	life.canonical = years * hoursPerYear
	inv.Hardware = slices.Clone(inv.Hardware)
	for i := range inv.Hardware {
		inv.Hardware[i].Lifespan = life
	}
	inv.everyOwn(func(h *Hardware) { h.Lifespan = life })
}

// Partial names what a kind of stage has no figure of in a category, though it has of
// the rest; nothing where it is complete or absent.
func (a *Assessment) Partial(c Category, kind Stage) []string {
	if _, ok := a.Outcome(c, kind); !ok {
		return nil
	}
	s := a.systemOf(c)
	return s.gaps(index(c), slices.DeleteFunc(s.kinds(), func(k stageTerms) bool { return k.kind != kind }))
}

// Absent says why a kind of stage has no figure in a category: the completeness
// check (ISO 14044 §4.5.3.2).
func (a *Assessment) Absent(c Category, kind Stage) string {
	if _, ok := a.Outcome(c, kind); ok {
		return ""
	}
	for _, p := range a.Inventory.Upfront {
		if p.Kind == kind {
			return "no figure in this category"
		}
	}
	switch kind {
	case Embodied:
		if c == Energy {
			return "in primary energy"
		}
		return "no figure in this category"
	case Idle:
		return "no idle machines stated"
	case Service:
		return "no other server stated"
	}
	return "outside the boundary"
}
