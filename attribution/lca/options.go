package lca

import "fmt"

// Basis says whose carbon intensity counts.
type Basis string

// Bases of the GHG Protocol's scope 2.
const (
	LocationBased Basis = "location" // the grid's mix
	MarketBased   Basis = "market"   // contracts and certificates
)

// Convention says which hours of a machine's life carry its embodied cost.
type Convention string

// Conventions of the embodied time share. They differ by 1/utilisation.
const (
	// Calendar spreads the cost over the whole lifespan, as ISO/IEC 21031 (SCI)
	// does: idle life is charged to nobody.
	Calendar Convention = "calendar"
	// BusyHours spreads it over the hours in which the machine works, so that
	// the work pays for all of it.
	BusyHours Convention = "busy"
)

// Options are the choices of the goal and scope phase. The zero value is
// usable: every unit and category there is, AR6, W = E_IT·(WUE + PUE·EWIF),
// location-based, calendar, no Monte Carlo.
type Options struct {
	FunctionalUnits []FunctionalUnit
	Custom          []CustomUnit
	Categories      []Category
	GWP             GWPSet
	Water           WaterVariant
	Basis           Basis
	Embodied        Convention
	// Utilisation is the busy share of the hardware's life, for inventories
	// that give none; only BusyHours uses it.
	Utilisation float64
	// LifetimeInferences replaces the inventory's figure if above 0.
	LifetimeInferences float64
	// MixBoundaries allows figures of different boundaries to be added, beside
	// the inventory's own permission.
	MixBoundaries bool
	// Draws of the Monte Carlo, 0 for none; Seed of its generator.
	Draws int
	Seed  uint64
}

// Check says what is wrong with the options; the zero value is fine.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}

// withDefaults fills the zero fields and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.GWP == "" {
		o.GWP = AR6
	}
	if o.Water == "" {
		o.Water = WaterLi
	}
	if o.Basis == "" {
		o.Basis = LocationBased
	}
	if o.Embodied == "" {
		o.Embodied = Calendar
	}
	if _, err := ParseGWP(string(o.GWP)); err != nil {
		return o, err
	}
	if _, err := ParseWaterVariant(string(o.Water)); err != nil {
		return o, err
	}
	switch {
	case o.Basis != LocationBased && o.Basis != MarketBased:
		return o, fmt.Errorf("basis %q is unknown: use location or market", o.Basis)
	case o.Embodied != Calendar && o.Embodied != BusyHours:
		return o, fmt.Errorf("embodied convention %q is unknown: use calendar or busy", o.Embodied)
	case o.Utilisation < 0 || o.Utilisation > 1:
		return o, fmt.Errorf("utilisation %g: give a share above 0 and at most 1", o.Utilisation)
	case o.LifetimeInferences < 0:
		return o, fmt.Errorf("lifetime inferences %g: give a number above 0", o.LifetimeInferences)
	case o.Draws < 0:
		return o, fmt.Errorf("%d Monte Carlo draws: give 0 or more", o.Draws)
	}
	for _, c := range o.Categories {
		if _, err := ParseCategory(string(c)); err != nil {
			return o, err
		}
	}
	return o, nil
}
