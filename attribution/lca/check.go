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
		if problem := within.check(value); problem != "" {
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
		err := d.Spread.check(d.Value)
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

// optional checks a figure that may be absent.
func (c *checker) optional(d *Datum, where at, dim string, within domain) {
	if d != nil {
		c.datum(d, where, dim, within)
	}
}

// given reports whether d is a figure under a key that its part knows.
func (c *checker) given(d *Datum, known bool, where at) bool {
	switch {
	case !known:
		c.add(where, "no such field: see docs/lca.md for the format")
	case d == nil:
		c.add(where, "is null: give a figure, or leave it out")
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
		if d == nil {
			c.add(here, "is null: give a figure, or leave the substance out")
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

func (l *loader) model(m *Model, where at) {
	if where.doc == nil {
		return
	}
	c := l.checker
	l.stages(m.Stages, where.field("stages"))
	c.optional(m.Parameters, where.field("parameters"), "parameters", positive)
	c.optional(m.TrainingTokens, where.field("training_tokens"), "tokens", positive)
	c.optional(m.TrainingCompute, where.field("training_compute"), "compute", positive)
	for i := range m.Runs {
		r, here := &m.Runs[i], where.field("runs").index(i)
		if r.Rate == "" {
			c.add(here.field("rate"), `missing: give requests per second or "inf"`)
		}
		if r.Requests <= 0 {
			c.add(here.field("requests"), "is %d: give the number of requests that the figures are for", r.Requests)
		}
		if r.OutputTokens < 0 {
			c.add(here.field("output_tokens"), "is %d: give the tokens of all requests, or leave it out", r.OutputTokens)
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

// process checks one stage and resolves its parts.
func (l *loader) process(p *Process, where at) {
	c := l.checker
	if where.doc == nil {
		return
	}
	if p.Name == "" {
		c.add(where.field("name"), "missing: name the stage")
	}
	if slices.Contains([]string{string(Inference), string(Idle), string(Embodied), string(Total)}, p.Name) {
		c.add(where.field("name"), "%q is what this program calls a part of serving: give another name", p.Name)
	}
	if !slices.Contains(UpfrontKinds(), p.Kind) {
		c.add(where.field("kind"), "%q is not a kind of stage: give one of %v", p.Kind, UpfrontKinds())
	}
	c.optional(p.Energy, where.field("energy"), "energy", notNegative)
	c.plain(p.Energy, where.field("energy"))
	c.optional(p.DeviceTime, where.field("device_time"), "time", notNegative)
	figures := 0
	for key, d := range p.Printed {
		row := printedRow(key)
		if !c.given(d, row != nil, where.field(key)) {
			continue
		}
		figures++
		c.datum(d, where.field(key), row.amount, notNegative)
		c.variant(d, row.name, where.field(key))
	}
	if p.Hardware != nil {
		l.stack(p.Hardware, where.field("hardware"))
	}
	if p.Electricity != nil {
		l.electricityPart(p.Electricity, where.field("electricity"))
	}
	if p.Facility != nil {
		l.facilityPart(p.Facility, where.field("facility"))
	}
	if p.Price != nil {
		l.pricePart(p.Price, where.field("price"))
	}
	if p.Year != 0 && (p.Year < 1950 || p.Year > 2100) {
		c.add(where.field("year"), "is %d: give the year in which the stage ran", p.Year)
	}
	c.optional(p.Share, where.field("share"), "ratio", share)
	if p.Share != nil && p.Share.Reason == "" {
		c.add(where.field("share").field("reason"), "missing: say why this product carries that part of the stage")
	}
	own := figures > 0 || p.Energy != nil || p.DeviceTime != nil
	switch {
	case len(p.Records) > 0 && p.Assessment != nil:
		c.add(where.field("record"), "given beside an assessment: a stage is one of them")
	case (len(p.Records) > 0 || p.Assessment != nil) && own:
		c.add(where, "has figures of its own beside a record or an assessment: keep one")
	case len(p.Records) == 0 && p.Assessment == nil && !own:
		c.add(where, "has no figure: give energy, device_time, a printed impact, a record or an assessment, or leave it out")
	}
	if p.Assessment != nil {
		l.upstream(p.Assessment, where.field("assessment"))
	}
}

// variant checks what a printed figure says of itself.
func (c *checker) variant(d *Datum, category Category, where at) {
	if d.Basis != "" && (category != GWP || d.Basis != LocationBased && d.Basis != MarketBased) {
		c.add(where.field("basis"), "%q: give location or market, of a carbon figure", d.Basis)
	}
	switch d.CharacterizedBy {
	case "", "ar4", "ar5", "ar6", "unknown":
		if d.CharacterizedBy != "" && category != GWP {
			c.add(where.field("characterized_by"), "is for carbon: leave it out")
		}
	default:
		c.add(where.field("characterized_by"), `%q: give "ar4", "ar5", "ar6" or "unknown"`, d.CharacterizedBy)
	}
	if d.WaterVariant != "" {
		if _, err := ParseWaterVariant(string(d.WaterVariant)); err != nil || category != Water {
			c.add(where.field("water_variant"), "%q: give one of %v, of a water figure", d.WaterVariant, WaterVariants())
		}
	}
}

// upstream checks how a stage names another assessment.
func (l *loader) upstream(u *Upstream, where at) {
	c := l.checker
	if (u.Inventory == "") == (u.Run == "") {
		c.add(where, "give either an inventory or a run folder")
		return
	}
	if u.Making {
		if u.Run != "" || u.Count != nil || u.FunctionalUnit != "" || u.Rate != "" {
			c.add(where.field("making"), "takes the stages of an inventory's model as they are: leave out run, rate, functional_unit and count")
		}
		return
	}
	if u.FunctionalUnit == "" {
		c.add(where.field("functional_unit"), "missing: say what is counted, such as output_token")
	}
	if u.Count == nil {
		c.add(where.field("count"), "missing: say how many functional units were taken")
	}
	c.optional(u.Count, where.field("count"), "amount", notNegative)
	if u.Count != nil {
		if counted := amountUnit(u.Count.Unit); counted != "" && u.FunctionalUnit != "" && u.FunctionalUnit != string(counted) {
			c.add(where.field("count").field("unit"), "%q of functional unit %s: count %ss", u.Count.Unit, u.FunctionalUnit, strings.ReplaceAll(u.FunctionalUnit, "_", " "))
		}
	}
	if u.Inventory != "" && u.Rate == "" {
		c.add(where.field("rate"), "missing: name the published run of the inventory's model, or ask for its making")
	}
}
