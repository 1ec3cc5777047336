package lca

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"cfubench/meter"
)

// absent is the index of an input that the inventory does not have.
const absent = -1

// energyInput is the index of the cell's metered energy among the inputs.
const energyInput = 0

// term is one addend of C_FU: a stage, split where a stage has both operation
// and hardware of its own.
type term int

const (
	inferenceOperation term = iota
	inferenceHardware
	trainingOperation
	trainingHardware
	experimentationOperation
	experimentationHardware
	terms
)

func (t term) stage() Stage {
	switch t {
	case inferenceOperation:
		return Inference
	case inferenceHardware:
		return Embodied
	case trainingOperation, trainingHardware:
		return Training
	}
	return Experimentation
}

func (t term) String() string {
	switch t {
	case inferenceOperation:
		return "inference: operation"
	case inferenceHardware:
		return "inference: embodied hardware"
	case trainingOperation:
		return "training: operation"
	case trainingHardware:
		return "training: embodied hardware"
	case experimentationOperation:
		return "experimentation: operation"
	}
	return "experimentation: embodied hardware"
}

// Places of the categories in Categories.
const (
	energyAt = iota
	gwpAt
	waterAt
	adpeAt
	primaryAt
	costAt
	categories
)

// index is the place of c in Categories.
func index(c Category) int { return slices.Index(Categories(), c) }

// costs holds one cell's impacts, by category and term, in canonical units.
type costs [categories][terms]float64

// system is an inventory and a usage compiled to a function of its uncertain
// inputs: the point value, the interval, the tornado and the Monte Carlo all
// evaluate the same one.
type system struct {
	options Options
	// inputs: values at the point, their distributions and their figures. The
	// first is the metered energy, which has no Datum.
	values []float64
	spread []distribution
	data   []*Datum

	requests         float64
	hours            float64 // device-hours of the cell
	overheadIncluded bool
	lifted           bool // the host factor applies to the metered energy

	hostFactor, pue, wue         int
	carbon, water, adpe, primary int
	price                        int
	gases                        []weighted
	parts                        []partInputs
	training, experimentation    upfrontInputs
	lifetime                     int
	// has says which terms have figures, per category.
	has      [categories][terms]bool
	warnings []string
}

// weighted is a gas and its GWP.
type weighted struct {
	input  int
	factor float64
}

type partInputs struct {
	impact                [categories]int
	lifespan, utilisation int
	devices               float64
}

type upfrontInputs struct {
	energy, carbon, water, time int
	overheadIncluded, lifted    bool
}

// use makes the figure an input and gives its index.
func (s *system) use(d *Datum) int {
	if d == nil {
		return absent
	}
	if i := slices.Index(s.data, d); i > 0 {
		return i
	}
	s.values = append(s.values, d.canonical)
	s.spread = append(s.spread, distributionOf(d))
	s.data = append(s.data, d)
	return len(s.values) - 1
}

func (s *system) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// compile prepares the assessment of one cell. It refuses what cannot be
// assessed as asked and warns of what is left out.
func compile(inv *Inventory, u Usage, o Options) (*system, error) {
	s := &system{
		options:          o,
		values:           []float64{kilowattHours(u.Energy)},
		spread:           []distribution{energyDistribution(u)},
		data:             []*Datum{nil},
		requests:         float64(u.Requests),
		hours:            u.BusyTime.Hours(),
		overheadIncluded: u.OverheadIncluded || u.Metered == Facility,
	}
	s.pue, s.wue, s.hostFactor = s.use(inv.Facility.PUE), s.use(inv.Facility.WUE), s.use(inv.Facility.HostFactor)
	s.lifted = s.hostFactor != absent && u.Metered.equipment() != Host
	if err := s.compileElectricity(&inv.Electricity); err != nil {
		return nil, err
	}
	s.price = absent
	if inv.Price != nil {
		s.price = s.use(&inv.Price.Electricity)
	}
	for i := range inv.Hardware {
		if err := s.compileHardware(&inv.Hardware[i]); err != nil {
			return nil, err
		}
	}
	s.training = s.compileUpfront(inv.Model.Training)
	s.experimentation = s.compileUpfront(inv.Model.Experimentation)
	s.lifetime = s.use(&inv.LifetimeInferences)
	if err := s.findTerms(); err != nil {
		return nil, err
	}
	s.doubt(inv, u)
	return s, nil
}

// energyDistribution is the spread of the metered energy: its bracket, within
// which a meter says nothing, or the default of its kind.
func energyDistribution(u Usage) distribution {
	kwh := kilowattHours(u.Energy)
	d := distribution{shape: Fixed, value: kwh}
	if u.EnergyLo < u.EnergyHi {
		d = distribution{shape: Uniform, value: kwh, low: kilowattHours(u.EnergyLo), high: kilowattHours(u.EnergyHi)}
	}
	if u.EnergyKind == meter.KindModel && kwh > 0 {
		// The bracket of a model is that of its input; the model's own error
		// is wider.
		d = distribution{shape: Lognormal, value: kwh, sigma: math.Log(DefaultSpread(Modelled).GSD)}
	}
	return d
}

func (s *system) compileElectricity(e *Electricity) error {
	s.carbon = absent
	switch {
	case s.options.Basis == MarketBased && e.CarbonMarket == nil:
		return fmt.Errorf("electricity %q has no market-based carbon intensity: give carbon_market or use the location basis", e.Title)
	case s.options.Basis == MarketBased:
		s.carbon = s.use(e.CarbonMarket)
	case len(e.Gases) > 0:
		for _, gas := range slices.Sorted(maps.Keys(e.Gases)) {
			factor, _ := s.options.GWP.factor(gas)
			s.gases = append(s.gases, weighted{s.use(e.Gases[gas]), factor})
		}
	default:
		s.carbon = s.use(e.Carbon)
		if s.carbon != absent && e.CharacterizedBy != string(s.options.GWP) {
			s.warn("carbon intensity %q was characterised by its source (GWP set: %s): choosing %s does not change it", e.Title, e.CharacterizedBy, s.options.GWP)
		}
	}
	s.water, s.adpe, s.primary = s.use(e.Water), s.use(e.ADPe), s.use(e.PrimaryEnergy)
	return nil
}

func (s *system) compileHardware(h *Hardware) error {
	p := partInputs{lifespan: s.use(&h.Lifespan), utilisation: s.use(h.Utilisation), devices: float64(h.Devices)}
	for i, c := range Categories() {
		p.impact[i] = s.use(h.impact(c))
	}
	if s.options.Embodied == BusyHours && h.Utilisation == nil {
		return fmt.Errorf("hardware %q has no utilisation: give the busy share of its life, or use the calendar convention", h.Title)
	}
	s.parts = append(s.parts, p)
	return nil
}

func (s *system) compileUpfront(u *Upfront) upfrontInputs {
	if u == nil {
		return upfrontInputs{absent, absent, absent, absent, false, false}
	}
	in := upfrontInputs{
		energy: s.use(u.Energy), carbon: s.use(u.Carbon), water: s.use(u.Water), time: s.use(u.DeviceTime),
		overheadIncluded: u.OverheadIncluded,
	}
	if u.Energy != nil {
		in.overheadIncluded = in.overheadIncluded || u.Energy.Boundary == Facility
		in.lifted = s.hostFactor != absent && !in.overheadIncluded && u.Energy.Boundary.equipment() != Host
	}
	return in
}
