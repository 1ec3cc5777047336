package lca

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// at is a field of a document. The zero at is nowhere: a part that was named
// and not found, which has been reported already.
type at struct {
	doc     *document
	pointer jsontext.Pointer
}

func (a at) field(name string) at { return at{a.doc, a.pointer.AppendToken(name)} }
func (a at) index(i int) at       { return at{a.doc, a.pointer.AppendToken(fmt.Sprint(i))} }

func (a at) place() Place {
	return Place{a.doc.file, a.doc.line(a.pointer), fieldName(a.pointer)}
}

// limits are what a figure's value must satisfy.
type limits func(value float64) string

func positive(v float64) string {
	if v <= 0 {
		return "must be above 0"
	}
	return ""
}

func notNegative(v float64) string {
	if v < 0 {
		return "must not be negative"
	}
	return ""
}

func share(v float64) string {
	if v <= 0 || v > 1 {
		return "must be above 0 and at most 1 (100 %)"
	}
	return ""
}

func atLeastOne(v float64) string {
	if v < 1 {
		return "must be at least 1"
	}
	return ""
}

// checker collects everything that is wrong with an inventory.
type checker struct{ found []*FieldError }

func (c *checker) add(where at, format string, args ...any) {
	if where.doc == nil {
		return
	}
	c.found = append(c.found, &FieldError{where.place(), fmt.Sprintf(format, args...)})
}

// err joins what was found, in the order of the lines.
func (c *checker) err() error {
	slices.SortStableFunc(c.found, func(a, b *FieldError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	errs := make([]error, len(c.found))
	for i, e := range c.found {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// datum checks one figure and completes it with its canonical value and place.
func (c *checker) datum(d *Datum, where at, dim string, within limits) {
	if where.doc == nil {
		return
	}
	d.place, d.dimension = where.place(), dim
	if !where.doc.has(where.pointer) {
		c.add(where, "missing: give value, unit, source, year, boundary and quality")
		return
	}
	if !where.doc.has(where.field("value").pointer) {
		c.add(where.field("value"), "missing: a figure without a value is left out, not zero")
	}
	kind := dimensionOf(dim)
	value, ok := kind.convert(d.Value, d.Unit)
	switch {
	case d.Unit == "":
		c.add(where.field("unit"), "missing: give one of %s", kind.list())
	case !ok:
		c.add(where.field("unit"), "%q is not a unit of %s: give one of %s", d.Unit, kind.name, kind.list())
	case math.IsNaN(value) || math.IsInf(value, 0):
		c.add(where.field("value"), "is not a finite number")
	default:
		d.canonical = value
		if problem := within(value); problem != "" {
			c.add(where.field("value"), "%s %s", d.String(), problem)
		}
	}
	if d.Source == "" {
		c.add(where.field("source"), "missing: say where the figure was read")
	}
	if d.Year < 1900 || d.Year > 2100 {
		c.add(where.field("year"), "is %d: give the year of the source", d.Year)
	}
	if !d.Boundary.Valid() {
		c.add(where.field("boundary"), "%q is not a boundary: give one of %v", d.Boundary, Boundaries())
	}
	if !slices.Contains(Qualities(), d.Quality) {
		c.add(where.field("quality"), "%q is not a quality: give one of %v", d.Quality, Qualities())
	}
	if d.Quality == Assumption && d.Reason == "" {
		c.add(where.field("reason"), "missing: an assumption gives its reason")
	}
	if d.Spread != nil {
		if err := d.Spread.check(d.Value); err != nil {
			c.add(where.field("spread"), "%v", err)
		}
	}
}

// optional checks a figure that may be absent.
func (c *checker) optional(d *Datum, where at, dim string, within limits) {
	if d != nil {
		c.datum(d, where, dim, within)
	}
}

// covering checks that a figure of equipment has the boundary of its part.
func (c *checker) covering(d *Datum, where at, boundary Boundary) {
	if d != nil && d.Boundary.Valid() && d.Boundary != boundary {
		c.add(where.field("boundary"), "%q in a part that covers the %s: boundaries are mixed: split the part, correct the boundary, or say why in mixed_boundaries", d.Boundary, boundary)
	}
}

func (c *checker) hardware(h *Hardware, where at) {
	if where.doc == nil {
		return
	}
	if h.Devices <= 0 {
		c.add(where.field("devices"), "is %d: give the number of devices that the figures are for", h.Devices)
	}
	if !h.Covers.isEquipment() || h.Covers == Facility {
		c.add(where.field("covers"), "%q: give device, baseboard or host", h.Covers)
	}
	if h.AddsTo != "" && (!h.AddsTo.isEquipment() || slices.Index(Boundaries(), h.AddsTo) >= slices.Index(Boundaries(), h.Covers)) {
		c.add(where.field("adds_to"), "%q is not inside %q", h.AddsTo, h.Covers)
	}
	figures := []struct {
		name, dim string
		d         *Datum
	}{
		{"carbon", "carbon", h.Carbon}, {"water", "water", h.Water}, {"adpe", "depletion", h.ADPe},
		{"primary_energy", "primary energy", h.PrimaryEnergy}, {"price", "money", h.Price},
	}
	some := false
	for _, f := range figures {
		c.optional(f.d, where.field(f.name), f.dim, notNegative)
		if h.MixedBoundaries == "" {
			c.covering(f.d, where.field(f.name), h.Covers)
		}
		some = some || f.d != nil
	}
	if !some {
		c.add(where, "has no embodied figure: give carbon, water, adpe, primary_energy or price")
	}
	c.datum(&h.Lifespan, where.field("lifespan"), "time", positive)
	c.optional(h.Utilisation, where.field("utilisation"), "ratio", share)
}

func (c *checker) electricity(e *Electricity, where at) {
	if where.doc == nil {
		return
	}
	c.optional(e.Carbon, where.field("carbon"), "carbon intensity", notNegative)
	c.optional(e.CarbonMarket, where.field("carbon_market"), "carbon intensity", notNegative)
	c.optional(e.Water, where.field("water"), "water intensity", notNegative)
	c.optional(e.ADPe, where.field("adpe"), "depletion intensity", notNegative)
	c.optional(e.PrimaryEnergy, where.field("primary_energy"), "primary energy intensity", notNegative)
	for gas, d := range e.Gases {
		if _, ok := AR6.factor(gas); !ok {
			c.add(where.field("gases").field(gas), "is not a gas with a known GWP: give one of %v", gases())
		}
		if d == nil {
			c.add(where.field("gases").field(gas), "is null: give a figure, or leave the gas out")
			continue
		}
		c.datum(d, where.field("gases").field(gas), "gas intensity", notNegative)
	}
	switch e.CharacterizedBy {
	case "ar4", "ar5", "ar6", "unknown":
	case "":
		if e.Carbon != nil {
			c.add(where.field("characterized_by"), `missing: give "ar4", "ar5", "ar6" or "unknown" for the carbon figure`)
		}
	default:
		c.add(where.field("characterized_by"), `%q: give "ar4", "ar5", "ar6" or "unknown"`, e.CharacterizedBy)
	}
}

func (c *checker) facility(f *Site, where at) {
	if where.doc == nil {
		return
	}
	c.optional(f.PUE, where.field("pue"), "ratio", atLeastOne)
	c.optional(f.WUE, where.field("wue"), "water intensity", notNegative)
	c.optional(f.HostFactor, where.field("host_factor"), "ratio", atLeastOne)
}

func (c *checker) price(p *Price, where at) {
	if where.doc != nil {
		c.datum(&p.Electricity, where.field("electricity"), "price", notNegative)
	}
}

func (c *checker) model(m *Model, where at) {
	if where.doc == nil {
		return
	}
	c.upfront(m.Training, where.field("training"))
	c.upfront(m.Experimentation, where.field("experimentation"))
	for i := range m.Runs {
		r, here := &m.Runs[i], where.field("runs").index(i)
		if r.Rate == "" {
			c.add(here.field("rate"), `missing: give requests per second or "inf"`)
		}
		if r.Requests <= 0 {
			c.add(here.field("requests"), "is %d: give the number of requests that the figures are for", r.Requests)
		}
		if r.Devices <= 0 {
			c.add(here.field("devices"), "is %d: give the number of devices", r.Devices)
		}
		c.datum(&r.Energy, here.field("energy"), "energy", positive)
		c.optional(r.Carbon, here.field("carbon"), "carbon", notNegative)
		c.optional(r.Water, here.field("water"), "water", notNegative)
		c.optional(r.WallTime, here.field("wall_time"), "time", positive)
		c.optional(r.BreakEven, here.field("break_even"), "count", positive)
	}
}

func (c *checker) upfront(u *Upfront, where at) {
	if u == nil {
		return
	}
	c.optional(u.Energy, where.field("energy"), "energy", notNegative)
	c.optional(u.Carbon, where.field("carbon"), "carbon", notNegative)
	c.optional(u.Water, where.field("water"), "water", notNegative)
	c.optional(u.DeviceTime, where.field("device_time"), "time", notNegative)
	if u.Energy == nil && u.Carbon == nil && u.Water == nil && u.DeviceTime == nil {
		c.add(where, "has no figure: give energy, carbon, water or device_time, or leave it out")
	}
}
