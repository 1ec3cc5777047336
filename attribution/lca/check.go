package lca

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

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
func (c *checker) datum(d *Datum, where at, dim string, within domain) {
	if where.doc == nil {
		return
	}
	d.place, d.dimension, d.limits = where.place(), dim, within
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
		if math.Abs(value) > beyond {
			c.add(where.field("value"), "%s is beyond anything there is: check the value and its unit", d.String())
		} else if problem := within.check(value); problem != "" {
			c.add(where.field("value"), "%s %s: check the value and its unit", d.String(), problem)
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
		err := d.Spread.check(d.Value)
		for _, end := range []string{"low", "high"} {
			spread := where.field("spread") // a table's figures have none in writing
			if d.Spread.bounded() && where.doc.has(spread.pointer) && !where.doc.has(spread.field(end).pointer) {
				err = fmt.Errorf("has no %s: give both ends of what it can be", end)
			}
		}
		if factor, ok := kind.units[d.Unit]; ok && err == nil {
			err = within.bounds(*d.Spread, factor)
		}
		if err != nil {
			c.add(where.field("spread"), "%v", err)
		}
		if d.Pedigree != nil {
			c.add(where.field("pedigree"), "given beside a spread: keep one")
		}
	}
	if d.Pedigree != nil {
		if err := d.Pedigree.check(); err != nil {
			c.add(where.field("pedigree"), "%v", err)
		}
	}
}

// plain refuses the variant of a printed figure where none is printed.
func (c *checker) plain(d *Datum, where at) {
	if d == nil {
		return
	}
	for _, f := range []struct {
		name  string
		given bool
	}{{"basis", d.Basis != ""}, {"characterized_by", d.CharacterizedBy != ""}, {"water_variant", d.WaterVariant != ""}} {
		if f.given {
			c.add(where.field(f.name), "is for the printed carbon and water of a stage: leave it out here")
		}
	}
}

// ofEquipment checks that an energy or a power says what it was metered at.
func (c *checker) ofEquipment(d *Datum, where at) {
	if d != nil && d.Boundary.Valid() && !d.Boundary.isEquipment() {
		c.add(where.field("boundary"), "%q is no equipment: say at what it was metered: device, baseboard, host or facility", d.Boundary)
	}
}

// optional checks a figure that may be absent.
func (c *checker) optional(d *Datum, where at, dim string, within domain) {
	if d != nil {
		c.datum(d, where, dim, within)
	}
}

// given reports whether d is a figure under a key that its part knows.
func (c *checker) given(d *Datum, known bool, where at) bool {
	if !known {
		c.add(where, "no such field: see docs/lca.md for the format")
	}
	return known && d != nil
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
	switch h.Counts {
	case "", Accelerators, Processors, Hosts:
	default:
		c.add(where.field("counts"), "%q: give accelerators, processors or hosts", h.Counts)
	}
	for i, name := range h.Matches {
		if strings.TrimSpace(name) == "" {
			c.add(where.field("matches").index(i), "is empty: give words of the product's name, such as H100")
		}
	}
	some := len(h.Emissions) > 0
	for key, d := range h.Impacts {
		row := rowOf(key)
		if !c.given(d, row != nil, where.field(key)) {
			continue
		}
		c.datum(d, where.field(key), row.amount, notNegative)
		c.plain(d, where.field(key))
		if h.MixedBoundaries == "" {
			c.covering(d, where.field(key), h.Covers)
		}
		some = true
	}
	c.emissions(h.Emissions, where.field("emissions"), "emission")
	if !some {
		c.add(where, "has no embodied figure: give carbon, water, adpe, primary_energy, price or another category's")
	}
	c.datum(&h.Lifespan, where.field("lifespan"), "time", positive)
	c.optional(h.Utilisation, where.field("utilisation"), "ratio", share)
}

func (c *checker) electricity(e *Electricity, where at) {
	if where.doc == nil {
		return
	}
	for key, d := range e.Impacts {
		row := rowOf(key)
		if !c.given(d, row != nil && row.rate != "", where.field(key)) {
			continue
		}
		c.datum(d, where.field(key), row.rate, notNegative)
		c.plain(d, where.field(key))
	}
	c.optional(e.AWARE, where.field("aware"), "aware", notNegative)
	c.optional(e.CarbonMarket, where.field("carbon_market"), "carbon intensity", notNegative)
	c.emissions(e.Emissions, where.field("emissions"), "gas intensity")
	switch e.Scope {
	case "", Direct, LifeCycle:
	default:
		c.add(where.field("scope"), "%q: give direct or life_cycle", e.Scope)
	}
	switch e.CharacterizedBy {
	case "ar4", "ar5", "ar6", "unknown":
	case "":
		if e.Impacts["carbon"] != nil {
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
	c.optional(f.PUE, where.field("pue"), "ratio", overhead)
	c.optional(f.WUE, where.field("wue"), "water intensity", notNegative)
	c.optional(f.AWARE, where.field("aware"), "aware", notNegative)
	c.optional(f.HostFactor, where.field("host_factor"), "ratio", hostFactor)
	for _, figure := range []struct {
		name string
		d    *Datum
	}{{"pue", f.PUE}, {"wue", f.WUE}, {"host_factor", f.HostFactor}} {
		if figure.d != nil && figure.d.Boundary.Valid() && !figure.d.Boundary.isEquipment() {
			c.add(where.field(figure.name).field("boundary"), "%q is no equipment: give facility, or host for a host factor", figure.d.Boundary)
		}
	}
}

// emissions checks substances emitted to air.
func (c *checker) emissions(list map[string]*Datum, where at, dim string) {
	for substance, d := range list {
		here := where.field(substance)
		if !slices.Contains(substances(), substance) {
			c.add(here, "is not a substance that is characterised: give one of %v", substances())
			continue
		}
		c.datum(d, here, dim, notNegative)
	}
}

// rowOf is the category whose figures in hardware and electricity have the key.
func rowOf(key string) *categoryRow {
	for i := range categoryTable {
		if row := &categoryTable[i]; row.key != "" && row.key == key {
			return row
		}
	}
	return nil
}

// printedRow is the category whose printed figure in a stage has the key.
func printedRow(key string) *categoryRow {
	for i := range categoryTable {
		if row := &categoryTable[i]; row.printedKey() != "" && row.printedKey() == key {
			return row
		}
	}
	return nil
}

func (c *checker) price(p *Price, where at) {
	if where.doc != nil {
		c.datum(&p.Electricity, where.field("electricity"), "price", notNegative)
	}
}
