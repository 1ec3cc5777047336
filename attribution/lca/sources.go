package lca

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cfubench/meter"
)

// Sources finds what an inventory names outside itself: this package reads no
// file. from is the file of the inventory that names ref.
type Sources interface {
	// Inventory gives the text of an inventory and how to call it in errors.
	Inventory(from, ref string) (file string, text []byte, err error)
	// Footprint gives the table of a run that has been amortized, and the
	// conventions by which it was.
	Footprint(from, ref string) ([]Row, Options, error)
	// Record gives what metering a command from start to end found.
	Record(from, ref string) (Record, error)
}

// Record is a command that was metered from start to end: a training run, an
// evaluation, the making of data.
type Record struct {
	// Energy of the whole command, with the meter's bracket; both ends zero mean
	// that none is known.
	Energy   meter.Energy `json:"energy_uj"`
	EnergyLo meter.Energy `json:"energy_lo_uj,omitzero"`
	EnergyHi meter.Energy `json:"energy_hi_uj,omitzero"`
	// Kind of the registers; KindModel if any of it is modelled.
	Kind meter.Kind `json:"kind"`
	// Metered is what Energy covers, ProcessorEnergy what part of it processors
	// and their memory used beside accelerators.
	Metered         Boundary     `json:"metered"`
	ProcessorEnergy meter.Energy `json:"processor_energy_uj,omitzero"`
	// DeviceTime is wall time × devices, which are accelerators or hosts, as Counts says
	// ("" in a record of old).
	DeviceTime time.Duration `json:"device_time_ns"`
	Counts     Counts        `json:"counts,omitzero"`
	// Products are the device names, to recognise the hardware.
	Products []string `json:"products,omitzero"`
	Year     int      `json:"year"`
	Source   string   `json:"source"`
	Unmetered
	// Parts tell each part of the record from every other, wherever it stands: the
	// moment of its clock's origin, and the boot of its host.
	Parts []string `json:"parts,omitzero"`
	// Path is where the record was found, the same whatever it was called by.
	Path string `json:"-"`
}

// metered are the parts of the record, or where it was found if it names none.
func (r Record) metered() []string {
	if len(r.Parts) == 0 && r.Path != "" {
		return []string{r.Path}
	}
	return r.Parts
}

// Unmetered is what the meters of a record did not see, since they or their host
// were stopped: its energy is in no figure.
type Unmetered struct {
	// Gap is the wall time of the Gaps between one part of the record and the next.
	Gap  time.Duration `json:"gap_ns,omitzero"`
	Gaps int           `json:"gaps,omitzero"`
	// Cut is how many parts were stopped before the end of what they metered.
	Cut int `json:"cut_parts,omitzero"`
}

// plus is what neither of two records saw.
func (u Unmetered) plus(o Unmetered) Unmetered {
	return Unmetered{u.Gap + o.Gap, u.Gaps + o.Gaps, u.Cut + o.Cut}
}

// doubt says what is missing of the energy, "" if nothing is.
func (u Unmetered) doubt() string {
	switch {
	case u.Gaps == 1:
		return fmt.Sprintf("its record has a gap of %v", u.Gap.Round(time.Second))
	case u.Gaps > 1:
		return fmt.Sprintf("its record has %d gaps, %v in all", u.Gaps, u.Gap.Round(time.Second))
	case u.Cut > 0:
		return "its record was cut short, and for how long it went on is not known"
	}
	return ""
}

func (r Record) check() error {
	switch {
	case r.Energy < 0 || r.DeviceTime < 0 || r.Gap < 0 || r.Gaps < 0 || r.Cut < 0 || r.ProcessorEnergy < 0 || r.ProcessorEnergy > r.Energy:
		return errors.New("has energies or times that cannot be")
	case (r.EnergyLo != 0 || r.EnergyHi != 0) && (r.EnergyLo > r.Energy || r.Energy > r.EnergyHi):
		return fmt.Errorf("has the energy %v outside its bracket", r.Energy)
	case !r.Metered.isEquipment():
		return fmt.Errorf("does not say what its meters cover: %q", r.Metered)
	case r.Counts != "" && r.Counts != Accelerators && r.Counts != Hosts:
		return fmt.Errorf("has the device time of %q: give %s or %s", r.Counts, Accelerators, Hosts)
	}
	return nil
}

// plus is both records as one: those of two nodes of one command.
func (r Record) plus(o Record) (Record, error) {
	if r.Metered != o.Metered {
		return r, fmt.Errorf("its meters cover the %s and those before it the %s: one figure cannot be made of them", o.Metered, r.Metered)
	}
	if r.Counts != "" && o.Counts != "" && r.Counts != o.Counts {
		return r, fmt.Errorf("its device time is of %s and that before it of %s: one figure cannot be made of them", o.Counts, r.Counts)
	}
	if o.Kind == meter.KindModel {
		r.Kind = o.Kind
	}
	bounded := r.EnergyHi > 0 && o.EnergyHi > 0
	r.EnergyLo, r.EnergyHi = r.EnergyLo+o.EnergyLo, r.EnergyHi+o.EnergyHi
	if !bounded {
		r.EnergyLo, r.EnergyHi = 0, 0
	}
	r.Energy, r.ProcessorEnergy, r.DeviceTime = r.Energy+o.Energy, r.ProcessorEnergy+o.ProcessorEnergy, r.DeviceTime+o.DeviceTime
	r.Year, r.Unmetered = min(r.Year, o.Year), r.Unmetered.plus(o.Unmetered)
	if o.Source != r.Source {
		r.Source += "; " + o.Source
	}
	for _, product := range o.Products {
		if !slices.Contains(r.Products, product) {
			r.Products = append(slices.Clone(r.Products), product)
		}
	}
	return r, nil
}

// process turns the record into the figures of a stage.
func (r Record) process(p *Process, where Place) {
	quality := Measured
	if r.Kind == meter.KindModel {
		quality = Modelled
	}
	figure := func(value float64, unit, dim string) *Datum {
		return &Datum{Value: value, Unit: unit, Source: r.Source, Year: r.Year, Boundary: r.Metered, Quality: quality,
			canonical: value, dimension: dim, place: Place{where.File, where.Line, where.Field}, limits: notNegative}
	}
	p.Energy = figure(kilowattHours(r.Energy), "kWh", "energy")
	if r.EnergyLo < r.EnergyHi && quality != Modelled { // the bracket of a model is that of its input
		p.Energy.Spread = &Spread{Shape: Uniform, Low: kilowattHours(r.EnergyLo), High: kilowattHours(r.EnergyHi)}
	}
	p.DeviceTime = figure(r.DeviceTime.Hours(), "h", "time")
	p.DeviceTime.Spread = &Spread{Shape: Fixed}
	p.DeviceTime.place.Field += " (device time)"
	p.unmetered, p.counts = r.Unmetered, r.Counts
	for _, product := range r.Products {
		if r.Counts == Hosts {
			product = "CPU " + product // as of a run
		}
		p.products = append(p.products, product)
	}
	if r.Energy > 0 {
		p.processors = math.Min(1, float64(r.ProcessorEnergy)/float64(r.Energy))
	}
}
