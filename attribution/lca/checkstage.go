package lca

import (
	"slices"
	"strings"
)

// model checks a model's stages and its published runs.
func (l *loader) model(m *Model, where at) {
	if where.doc == nil {
		return
	}
	c := l.checker
	l.stages(m.Stages, where.field("stages"))
	for i := range m.Stages {
		if m.Stages[i].Kind == Service {
			c.add(where.field("stages").index(i).field("kind"), "a service is asked by requests and is no part of a model's making: put it into the inventory's own stages")
		}
	}
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
		if slices.ContainsFunc(m.Runs[:i], func(o PublishedRun) bool { return o.Rate == r.Rate }) {
			c.add(here.field("rate"), "%q is given twice: give each run a rate of its own", r.Rate)
		}
		c.datum(&r.Energy, here.field("energy"), "energy", positive)
		c.ofEquipment(&r.Energy, here.field("energy"))
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
	if !slices.Contains(ListedKinds(), p.Kind) {
		c.add(where.field("kind"), "%q is not a kind of stage: give one of %v", p.Kind, ListedKinds())
	}
	if p.Kind == Service && (len(p.Records) > 0 || p.Assessment != nil && p.Assessment.Making) {
		c.add(where.field("kind"), "a service is what one request asks of another server: give its figures per request, or an assessment with a functional unit and a count")
	}
	c.optional(p.Energy, where.field("energy"), "energy", notNegative)
	c.plain(p.Energy, where.field("energy"))
	c.ofEquipment(p.Energy, where.field("energy"))
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
	l.ownStack(p.Hardware, where.field("hardware"))
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
	if p.Assessment == nil {
		return
	}
	l.upstream(p.Assessment, where.field("assessment"))
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"hardware", p.Hardware != nil}, {"electricity", p.Electricity != nil}, {"facility", p.Facility != nil}, {"price", p.Price != nil},
		{"overhead_included", p.OverheadIncluded},
	} {
		if f.given {
			c.add(where.field(f.name), "given beside an assessment, which has its own: leave it out")
		}
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
		c.add(where, "names both, or nothing: give either an inventory or a run folder")
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
