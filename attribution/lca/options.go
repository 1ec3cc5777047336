package lca

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

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
	// OutcomesOnly leaves out the units that a run counts where none is named: those of
	// outcomes are wanted.
	OutcomesOnly bool
	Custom       []CustomUnit
	Categories   []Category
	GWP          GWPSet
	Water        WaterVariant
	Basis        Basis
	Embodied     Convention
	// Utilisation is the busy share of the hardware's life, for inventories
	// that give none; only BusyHours uses it.
	Utilisation float64
	// LifetimeInferences replaces the inventory's figure if above 0.
	LifetimeInferences float64
	// Share of the machine that serves replaces the inventory's if above 0.
	Share float64
	// PUE and Price (of electricity, in Currency per kWh) replace the
	// inventory's if above 0: a quick look, tagged an assumption.
	PUE, Price float64
	Currency   string
	// Grid replaces the inventory's electricity by that preset's.
	Grid string
	// Hourly replaces the electricity of what was metered by the mix of the hours
	// in which it was.
	Hourly Hours
	// Counting says how the usage was counted, where not as usual, for Choices:
	// "devices=4".
	Counting string
	// MixBoundaries allows figures of different boundaries to be added, beside
	// the inventory's own permission.
	MixBoundaries bool
	// every assesses all categories that have a factor, those too that wait to be
	// asked for.
	every bool
	// Draws of the Monte Carlo, 0 for none; Seed of its generator.
	Draws int
	Seed  uint64
}

// MinDraws is the least number of draws that has a 95 % interval to speak of,
// MaxDraws the number beyond which nothing is learnt.
const (
	MinDraws = 100
	MaxDraws = 100_000_000
)

// Check says what is wrong with the options; the zero value is fine.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}

// Choices are the figures of the inventory that the options replace, the conventions
// other than those of the zero value, and how the usage was counted; "" if none:
// assessments under one inventory are comparable only if they are equal.
func (o Options) Choices() string {
	var list []string
	for _, c := range []struct {
		name  string
		value float64
	}{{"share", o.Share}, {"pue", o.PUE}, {"price", o.Price}, {"utilisation", o.Utilisation}} {
		if c.value > 0 {
			list = append(list, fmt.Sprintf("%s=%g", c.name, c.value))
		}
	}
	usual, _ := Options{}.withDefaults()
	for _, c := range [][3]string{
		{"currency", o.Currency}, {"grid", o.Grid}, {"gwp", string(o.GWP), string(usual.GWP)}, {"water-variant", string(o.Water), string(usual.Water)},
		{"basis", string(o.Basis), string(usual.Basis)}, {"embodied-convention", string(o.Embodied), string(usual.Embodied)},
	} {
		if c[1] != "" && c[1] != c[2] {
			list = append(list, c[0]+"="+c[1])
		}
	}
	for _, site := range slices.Sorted(maps.Keys(o.Hourly)) {
		at := ""
		if site != "" {
			at = site + ":"
		}
		list = append(list, "grid-hourly="+at+o.Hourly[site].hash[:12])
	}
	if o.Counting != "" {
		list = append(list, o.Counting)
	}
	return strings.Join(list, " ")
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
	case !(o.Utilisation >= 0 && o.Utilisation <= 1):
		return o, fmt.Errorf("utilisation %g: give a share above 0 and at most 1", o.Utilisation)
	case !(o.LifetimeInferences >= 0) || math.IsInf(o.LifetimeInferences, 0):
		return o, fmt.Errorf("lifetime inferences %g: give a finite number above 0", o.LifetimeInferences)
	case !(o.Share >= 0 && o.Share <= 1):
		return o, fmt.Errorf("share %g: give a number above 0 and at most 1", o.Share)
	case o.PUE != 0 && (math.IsNaN(o.PUE) || overhead.check(o.PUE) != ""):
		return o, fmt.Errorf("PUE %g %s", o.PUE, overhead.problem)
	case !(o.Price >= 0) || math.IsInf(o.Price, 0):
		return o, fmt.Errorf("price %g: give money per kWh, 0 or more", o.Price)
	case o.Currency != "" && !slices.Contains(currencies(), o.Currency):
		return o, fmt.Errorf("currency %q is unknown: use one of %v", o.Currency, currencies())
	case o.Draws != 0 && (o.Draws < MinDraws || o.Draws > MaxDraws):
		return o, fmt.Errorf("%d Monte Carlo draws: give 0 for none, or %d to %d: fewer have no 95 %% interval", o.Draws, MinDraws, MaxDraws)
	}
	names := map[string]bool{}
	for _, c := range o.Custom {
		if !(c.Count > 0) || math.IsInf(c.Count, 0) {
			return o, fmt.Errorf("functional unit %s=%g: give a finite count above 0", c.Name, c.Count)
		}
		if names[c.Name] {
			return o, fmt.Errorf("functional unit %s is given twice: keep one", c.Name)
		}
		names[c.Name] = true
	}
	if o.Grid != "" {
		if _, err := gridPreset(o.Grid); err != nil {
			return o, err
		}
	}
	for _, c := range o.Categories {
		if _, err := ParseCategory(string(c)); err != nil {
			return o, err
		}
	}
	return o, nil
}
