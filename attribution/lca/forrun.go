package lca

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Seen is what a run tells of itself, for an inventory that nobody gave.
type Seen struct {
	// Products are the names of the devices that were metered; CPU that of the
	// host's processor, Counts what the run counts.
	Products []string
	CPU      string
	Counts   Counts
	// Model is what the server said it runs.
	Model string
}

// defaultGrid and defaultFacility stand for a place that is not known.
const (
	defaultGrid     = "ecologits-wor"
	defaultFacility = "world-average-uptime2025"
)

// ForRun is the inventory of a run for which none was named: the use phase, on
// the world's mean electricity, with the embodied share of hardware that is
// recognised, and the making of the model only if the served one is that of a
// preset. The notes say what was taken and what was not, and why.
func ForRun(seen Seen) (Inventory, []string, error) {
	lib, err := loadLibrary()
	if err != nil {
		return Inventory{}, nil, err
	}
	l := &loader{checker: &checker{}, lib: lib}
	inv := Inventory{
		Schema: schemaVersion, Name: "run", Title: "Use phase of the run", File: "recognised from the run",
		Description: "No inventory was named: world mean electricity and facility overhead, recognised hardware.",
		BoundaryMix: BoundaryMix{Allow: true, Reason: "no inventory was named: what was metered and what is published seldom cover the same equipment"},
		Model:       Model{Title: "none: no making is counted"},
	}
	notes := []string{fmt.Sprintf("no inventory was named: electricity is the world's mean (%s) and the facility's overhead that of the industry (%s); give --inventory, --grid or --pue", defaultGrid, defaultFacility)}
	grid, facility := lib.electricity[defaultGrid], lib.facility[defaultFacility]
	l.electricity(&grid.value, grid.at)
	l.facility(&facility.value, facility.at)
	inv.Electricity, inv.Facility = grid.value, facility.value
	inv.LifetimeInferences = Datum{
		Value: 10, Unit: "billion requests", Source: "Fernandez et al. 2026 (arXiv 2606.07632), §3.5", Year: 2026, Boundary: None, Quality: Assumption,
		Reason: "no developer publishes it", Spread: &Spread{Shape: LogUniform, Low: 1, High: 100},
		canonical: 1e10, dimension: "lifetime", place: Place{File: "option", Field: "lifetime_inferences"}, limits: positive,
	}
	hardware, note := l.recognise(seen)
	inv.Hardware, notes = hardware, append(notes, note)
	model, note := l.making(seen.Model)
	if model != nil {
		inv.Model, inv.Upfront = *model, model.Stages
	}
	return inv, append(notes, note), l.err()
}

// recognise finds the preset of the hardware that served; parts without any
// figure stand for hardware that is not known, so that nothing is embodied.
func (l *loader) recognise(seen Seen) ([]Hardware, string) {
	names, of := seen.Products, "the metered device"
	if seen.Counts == Hosts {
		names, of = []string{seen.CPU}, "the host"
	}
	unknown := []Hardware{{
		Title: "not known", Devices: 1, Counts: seen.Counts, Covers: Device,
		Lifespan: Datum{Value: 1, Unit: "year", Boundary: None, Quality: Assumption, Reason: "unused", Spread: &Spread{Shape: Fixed},
			canonical: hoursPerYear, dimension: "time", place: Place{File: "option", Field: "lifespan"}, limits: positive},
	}}
	name := strings.Join(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" }), ", ")
	if name == "" {
		return unknown, "no embodied hardware is counted: " + of + " does not tell its product name; give --inventory"
	}
	if seen.Counts == Hosts {
		return unknown, "no embodied hardware is counted: how much of a machine with " + name + " the run used is not known; give --inventory cpu-server with --share"
	}
	var found []string
	for _, preset := range slices.Sorted(maps.Keys(l.lib.hardware)) {
		h := l.lib.hardware[preset]
		all := !slices.ContainsFunc(names, func(n string) bool { return n != "" && !matchesProduct(h.value.Matches, n) })
		if h.value.Counts == Accelerators && h.value.AddsTo == "" && len(h.value.Matches) > 0 && all {
			found = append(found, preset)
		}
	}
	if len(found) == 0 {
		return unknown, "no embodied hardware is counted: no preset is that of " + name + "; give --inventory"
	}
	// Of several estimates the newest one, of the product if there is one.
	best := slices.MaxFunc(found, func(a, b string) int { return score(l.lib.hardware[a].value) - score(l.lib.hardware[b].value) })
	h := l.lib.hardware[best]
	l.hardware(&h.value, h.at)
	return []Hardware{h.value}, fmt.Sprintf("embodied hardware is %s (%s), recognised by the product name %s, without the host around it", best, h.value.Title, name)
}

// matchesProduct reports whether a part's words name the product. Words begin
// and end there: "L4" is not an L40, and "H200" is no GH200. A laptop's card has
// the name of another one.
func matchesProduct(matches []string, product string) bool {
	product = strings.ToLower(product)
	return !strings.Contains(product, "laptop") && slices.ContainsFunc(matches, func(m string) bool {
		m = strings.ToLower(m)
		for at := 0; ; at++ {
			next := strings.Index(product[at:], m)
			if next < 0 {
				return false
			}
			at += next
			end := at + len(m)
			if (at == 0 || !isWord(product[at-1])) && (end == len(product) || !isWord(product[end])) {
				return true
			}
		}
	})
}

func isWord(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }

// score orders estimates: those of the hardware alone with carbon, then the
// newer, then those of the product before those of its components, then those
// with more categories.
func score(h Hardware) int {
	d := h.Impacts["carbon"]
	if d == nil || h.Covers == Host {
		return -1
	}
	score := d.Year*100 + len(h.Impacts)
	if h.componentModel {
		score -= 50
	}
	return score
}

// making finds the preset of the served model.
func (l *loader) making(served string) (*Model, string) {
	if served == "" {
		return nil, "no making of the model is counted: the server does not tell what it runs; give --inventory"
	}
	for _, name := range slices.Sorted(maps.Keys(l.lib.model)) {
		if m := l.lib.model[name]; isModel(served, m.value.Title) && len(m.value.Stages) > 0 {
			l.model(&m.value, m.at)
			return &m.value, fmt.Sprintf("the making is that of preset %s, which the served %s names; it is spread over an assumed 10 billion requests", name, served)
		}
	}
	return nil, fmt.Sprintf("no making of the model is counted: no preset is that of %s; give --inventory", served)
}

// isModel reports whether the served name is that of the model and of no other
// version or size: every word of the title is in it, and every short number in
// it is in the title (1124 is a date).
func isModel(served, title string) bool {
	words := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	title, _, qualified := strings.Cut(title, "(")
	name, of := words(served[strings.LastIndex(served, "/")+1:]), words(title)
	missing := func(list []string) func(string) bool {
		return func(w string) bool { return !slices.Contains(list, w) }
	}
	if qualified || slices.ContainsFunc(of, missing(name)) {
		return false
	}
	versions := slices.DeleteFunc(name, func(w string) bool { return w[0] < '0' || w[0] > '9' || len(w) > 3 })
	return !slices.ContainsFunc(versions, missing(of))
}
