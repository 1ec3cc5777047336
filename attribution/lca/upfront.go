package lca

import (
	"fmt"
	"slices"
	"strings"
)

// upfrontInputs are the numbers of the inputs of a stage before the serving.
type upfrontInputs struct {
	process          *Process
	place            place
	machine          machineInputs
	energy, time     int
	printed          []int
	shares           []int // and how many units of another assessment: factors of all it costs
	overheadIncluded bool
	lifted, alone    float64
}

// compileUpfront makes inputs of a stage. What it has not of its own it takes
// from the serving.
func (s *system) compileUpfront(p *Process, inv *Inventory, home machineInputs) (upfrontInputs, error) {
	in := upfrontInputs{
		process: p, energy: s.use(p.Energy), time: s.use(p.DeviceTime), overheadIncluded: p.OverheadIncluded,
		printed: slices.Repeat([]int{absent}, len(categoryTable)), machine: machineInputs{perDevice: absent, share: absent, parts: home.parts},
	}
	for _, share := range append(p.Shares(), p.taken()...) {
		in.shares = append(in.shares, s.use(share))
	}
	grid, site, price := &inv.Electricity, &inv.Facility, inv.Price
	if p.Electricity != nil {
		grid = &p.Electricity.value
	}
	if p.Facility != nil {
		site = &p.Facility.value
	}
	if p.Price != nil {
		price = &p.Price.value
	}
	var err error
	s.doubtUpstream(p)
	if doubt := p.unmetered.doubt(); doubt != "" {
		s.warn("stage %q: %s: what was used then is not counted", p.Name, doubt)
	}
	if p.closed {
		in.place = nowhere()
	} else if in.place, err = s.compilePlace(grid, site, price); err != nil {
		return in, fmt.Errorf("stage %q: %w", p.Name, err)
	}
	if p.DeviceTime != nil && (p.Hardware != nil || p.counts != "") {
		if in.machine, err = s.compileMachine(p.partsOr(inv.Hardware), p.counts); err != nil {
			return in, fmt.Errorf("stage %q: %w", p.Name, err)
		}
	}
	in.lifted, in.alone = 0, 1
	if p.Energy != nil {
		in.overheadIncluded = in.overheadIncluded || p.Energy.Boundary == Facility
		in.lifted, in.alone = s.lift(in.place.hostFactor, p.Energy.Boundary, p.processors)
	}
	tied := []int{in.energy}
	for c := range categoryTable {
		row := &categoryTable[c]
		d := p.Printed[row.printedKey()]
		if d == nil || row.printedKey() == "" {
			continue
		}
		if row.name == Cost {
			in.printed[c] = s.useMoney(d, "the printed cost")
			continue
		}
		if s.asPrinted(p, d, row.name, &in) {
			in.printed[c] = s.use(d)
			tied = append(tied, in.printed[c])
		}
	}
	if len(tied) > 1 {
		s.tie(tied...) // one meter stands behind all that was printed of a run
	}
	return in, nil
}

// doubtUpstream warns where a run that a stage takes something from was assessed
// by other conventions.
func (s *system) doubtUpstream(p *Process) {
	if p.under == nil {
		return
	}
	var other []string
	for _, c := range []struct{ flag, was, is string }{
		{"gwp", string(p.under.GWP), string(s.options.GWP)}, {"water-variant", string(p.under.Water), string(s.options.Water)},
		{"basis", string(p.under.Basis), string(s.options.Basis)}, {"embodied-convention", string(p.under.Embodied), string(s.options.Embodied)},
	} {
		if c.was != "" && c.was != c.is {
			other = append(other, fmt.Sprintf("--%s %s, not %s", c.flag, c.was, c.is))
		}
	}
	if len(other) > 0 {
		s.warn("stage %q: %s was amortized with %s: its figures are used as they are; amortize it by the same conventions", p.Name, p.Assessment.Run, strings.Join(other, ", "))
	}
}

// nowhere is a place without any factor.
func nowhere() place {
	return place{
		hostFactor: absent, pue: absent, wue: absent, price: absent, awareHere: absent, awareThere: absent,
		rates: slices.Repeat([]int{absent}, len(categoryTable)), emissions: make([][]weighted, len(categoryTable)),
	}
}

// asPrinted reports whether a printed figure is used: it is of the variant that
// was asked for, or no other can be computed, which is warned of.
func (s *system) asPrinted(p *Process, d *Datum, c Category, in *upfrontInputs) bool {
	asked, printed := "", ""
	switch c {
	case GWP:
		if d.Basis != "" && d.Basis != s.options.Basis {
			asked, printed = string(s.options.Basis)+"-based", string(d.Basis)+"-based"
		}
		if set := d.CharacterizedBy; asked == "" && set != "" && set != "unknown" && set != string(s.options.GWP) {
			s.warn("stage %q: its carbon was printed with the GWPs of %s: choosing %s does not change it (%s)", p.Name, set, s.options.GWP, d.place)
		}
	case Water:
		if d.WaterVariant != "" && !s.sameWater(d.WaterVariant, s.options.Water, in.place) {
			asked, printed = "by "+string(s.options.Water), "by "+string(d.WaterVariant)
		}
	}
	if asked == "" {
		return true
	}
	// On another grid than the stage's own the recomputed figure would be
	// further off than the printed one.
	own := p.Electricity != nil && !p.lentGrid && (c != Water || p.Facility != nil && !p.lentSite)
	if own && in.energy != absent && in.place.factor(s, index(c)) {
		s.warn("stage %q: its %s was printed %s (%s): computed %s from its energy", p.Name, d.place.Field, printed, d.place, asked)
		return false
	}
	s.warn("stage %q: its %s was printed %s (%s) and there is no energy with a place of its own to compute it %s: used as printed", p.Name, d.place.Field, printed, d.place, asked)
	return true
}

// sameWater reports whether two variants give the same at a place: where no
// water is used on site they differ in nothing but the PUE.
func (s *system) sameWater(a, b WaterVariant, at place) bool {
	if a == b {
		return true
	}
	dry := at.wue != absent && s.values[at.wue] == 0
	plain := func(v WaterVariant) bool { return v == WaterLi || v == WaterMorrison || v == WaterOffSite }
	return dry && plain(a) && plain(b)
}
