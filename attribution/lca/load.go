package lca

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schemaVersion is the version of the inventory format.
const schemaVersion = 2

// part is a part of an inventory: written inline, or named from the presets.
type part[T any] struct {
	ref   string
	value T
}

// UnmarshalJSONFrom reads a string as a name and an object as the part itself.
func (p *part[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '"' {
		return json.UnmarshalDecode(dec, &p.value)
	}
	if err := json.UnmarshalDecode(dec, &p.ref); err != nil {
		return err
	}
	if p.ref == "" {
		return errors.New("is empty: name a preset or write it out")
	}
	return nil
}

// values are the resolved parts.
func values[T any](parts []part[T]) []T {
	list := make([]T, len(parts))
	for i, p := range parts {
		list[i] = p.value
	}
	return list
}

// Parts are the machine's hardware.
func (m *Machine) Parts() []Hardware { return values(m.Hardware) }

// Grid is the stage's own electricity, nil if it runs on the serving's.
func (p *Process) Grid() *Electricity {
	if p.Electricity == nil {
		return nil
	}
	return &p.Electricity.value
}

// Parts are the stage's own hardware, none if it runs on the serving's.
func (p *Process) Parts() []Hardware { return values(p.Hardware) }

// partsOr are the parts of the stage's own hardware, or the serving's without any.
func (p *Process) partsOr(serving []Hardware) []Hardware {
	if p.Hardware == nil {
		return serving
	}
	return p.Parts()
}

// inventoryFile is an inventory as written.
type inventoryFile struct {
	SchemaURL          string            `json:"$schema,omitzero"`
	Schema             int               `json:"schema"`
	Name               string            `json:"name"`
	Title              string            `json:"title"`
	Description        string            `json:"description"`
	Study              *Study            `json:"study"`
	Hardware           []part[Hardware]  `json:"hardware"`
	Electricity        part[Electricity] `json:"electricity"`
	Facility           part[Site]        `json:"facility"`
	Price              *part[Price]      `json:"price"`
	Serving            servingFile       `json:"serving"`
	Model              part[Model]       `json:"model"`
	Stages             []Process         `json:"stages"`
	LifetimeInferences Datum             `json:"lifetime_inferences"`
	LifetimeRate       *Datum            `json:"lifetime_rate"`
	Allocation         Allocation        `json:"allocation"`
	BoundaryMix        BoundaryMix       `json:"boundary_mix"`
}

// servingFile is Serving as written, its shares as people write them.
type servingFile struct {
	Share     *ratioText    `json:"share"`
	IdleTime  *Datum        `json:"idle_time"`
	IdlePower *Datum        `json:"idle_power"`
	Machines  []machineFile `json:"machines"`
	Sites     []Location    `json:"sites"`
}

type machineFile struct {
	Name      string           `json:"name"`
	PerDevice ratioText        `json:"per_device"`
	Share     *ratioText       `json:"share"`
	Hardware  []part[Hardware] `json:"hardware"`
}

// Load reads the inventory preset of that name, or what from has under it; with
// a nil from there are presets only. Every problem of a file is one line of the
// error, "FILE:LINE: field: what is wrong: what to do".
func Load(nameOrFile string, from Sources) (Inventory, error) {
	if isPreset(nameOrFile) {
		data, err := presetFiles.ReadFile("presets/inventories/" + nameOrFile + ".json")
		if err != nil {
			return Inventory{}, fmt.Errorf("read preset %s: %w", nameOrFile, err)
		}
		return Decode("preset:"+nameOrFile, data, from)
	}
	if from == nil {
		return Inventory{}, fmt.Errorf("inventory %q is not a preset: see cfu amortize --list-presets", nameOrFile)
	}
	file, data, err := from.Inventory("", nameOrFile)
	if err != nil {
		return Inventory{}, err
	}
	return Decode(file, data, from)
}

// Decode reads an inventory from JSON; file names it in errors, from finds what
// its stages refer to.
func Decode(file string, data []byte, from Sources) (Inventory, error) {
	return decode(file, data, from, nil)
}

// decode is Decode within the inventories that led here.
func decode(file string, data []byte, from Sources, within []string) (Inventory, error) {
	if err := checkVersion(file, data); err != nil {
		return Inventory{}, err
	}
	var raw inventoryFile
	doc, err := parse(file, data, &raw)
	if err != nil {
		return Inventory{}, err
	}
	lib, err := loadLibrary()
	if err != nil {
		return Inventory{}, err
	}
	l := &loader{checker: &checker{}, lib: lib, from: from, file: file, within: append(slices.Clone(within), file)}
	root := at{doc, ""}
	if raw.Schema != schemaVersion {
		l.add(root.field("schema"), "is %d: this version reads schema %d", raw.Schema, schemaVersion)
	}
	if raw.Name == "" {
		l.add(root.field("name"), "missing: name the inventory")
	}
	inv := Inventory{
		Schema: raw.Schema, Name: raw.Name, Title: raw.Title, Description: raw.Description, Study: raw.Study,
		LifetimeInferences: raw.LifetimeInferences, LifetimeRate: raw.LifetimeRate, Allocation: raw.Allocation,
		BoundaryMix: raw.BoundaryMix, File: file, Hash: hashOf(data),
	}
	if inv.Title == "" {
		inv.Title = inv.Name
	}
	if len(raw.Hardware) == 0 {
		l.add(root.field("hardware"), "missing: name a preset or describe the hardware")
	}
	l.stack(raw.Hardware, root.field("hardware"))
	inv.Hardware = values(raw.Hardware)
	l.electricityPart(&raw.Electricity, root.field("electricity"))
	inv.Electricity = raw.Electricity.value
	l.facilityPart(&raw.Facility, root.field("facility"))
	inv.Facility = raw.Facility.value
	if raw.Price != nil {
		l.pricePart(raw.Price, root.field("price"))
		inv.Price = &raw.Price.value
	}
	inv.Serving = l.serving(raw.Serving, root.field("serving"))
	where := resolve(l.checker, &raw.Model, lib.model, root.field("model"), "model")
	inv.Model = raw.Model.value
	l.model(&inv.Model, where)
	l.stages(raw.Stages, root.field("stages"))
	l.lifetime(&inv, root)
	if inv.BoundaryMix.Allow && inv.BoundaryMix.Reason == "" {
		l.add(root.field("boundary_mix").field("reason"), "missing: say why figures of different boundaries may be added here")
	}
	if err := l.err(); err != nil {
		return Inventory{}, err
	}
	making, made, err := l.upstreams(inv.Model.Stages, places(where.field("stages"), len(inv.Model.Stages)))
	if err != nil {
		return Inventory{}, err
	}
	own, here, err := l.upstreams(raw.Stages, places(root.field("stages"), len(raw.Stages)))
	if err != nil {
		return Inventory{}, err
	}
	inv.Upfront, inv.added = slices.Concat(making, own), len(own)
	stages := slices.Concat(made, here)
	if len(l.taken) > 0 {
		inv.Hash = hashOf([]byte(inv.Hash + " " + strings.Join(l.taken, " ")))
	}
	l.names(inv.Upfront, stages)
	l.recordsOnce(inv.Upfront, stages)
	return inv, l.err()
}

// hashOf tells two texts of one name apart.
func hashOf(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

// places are the fields of a list.
func places(list at, n int) []at {
	all := make([]at, n)
	for i := range all {
		all[i] = list.index(i)
	}
	return all
}

// checkVersion says what to change in a file of an older version, whose fields
// this one would call unknown.
func checkVersion(file string, data []byte) error {
	var version struct {
		Schema any `json:"schema"`
	}
	if json.Unmarshal(data, &version) != nil || version.Schema != float64(1) {
		return nil
	}
	var nothing any
	doc, err := parse(file, data, &nothing)
	if err != nil {
		return err
	}
	where := at{doc, ""}.field("schema")
	return &FieldError{where.place(), `is 1: this version reads schema 2: write 2, turn model.training and model.experimentation into entries of model.stages with a name and a kind, and electricity.gases into electricity.emissions (docs/lca.md, "From schema 1")`}
}

// loader resolves and checks the parts of one file.
type loader struct {
	*checker
	lib    library
	from   Sources
	file   string
	within []string // the files that led here, this one last
	taken  []string // hashes of what stages take in, in their order
}

// stack resolves and checks the parts of a machine.
func (l *loader) stack(parts []part[Hardware], where at) {
	ok := true
	before := len(l.found)
	for i := range parts {
		here := resolve(l.checker, &parts[i], l.lib.hardware, where.index(i), "hardware")
		l.hardware(&parts[i].value, here)
		ok = ok && here.doc != nil
	}
	if ok && len(l.found) == before {
		l.once(values(parts), where)
	}
}

// ownStack is stack of hardware that stands for the inventory's where it is given.
func (l *loader) ownStack(parts []part[Hardware], where at) {
	if len(parts) == 0 && where.doc.has(where.pointer) {
		l.add(where, "is empty: name a preset or describe the hardware, or leave it out")
	}
	l.stack(parts, where)
}

func (l *loader) electricityPart(p *part[Electricity], where at) {
	l.electricity(&p.value, resolve(l.checker, p, l.lib.electricity, where, "electricity"))
}

func (l *loader) facilityPart(p *part[Site], where at) {
	l.facility(&p.value, resolve(l.checker, p, l.lib.facility, where, "facility"))
}

func (l *loader) pricePart(p *part[Price], where at) {
	l.price(&p.value, resolve(l.checker, p, l.lib.price, where, "price"))
}

// serving checks how the hardware serves.
func (l *loader) serving(raw servingFile, where at) Serving {
	s := Serving{IdleTime: raw.IdleTime, IdlePower: raw.IdlePower}
	s.Share = l.ratio(raw.Share, where.field("share"), share)
	l.optional(s.IdleTime, where.field("idle_time"), "ratio", notNegative)
	l.optional(s.IdlePower, where.field("idle_power"), "power", notNegative)
	l.ofEquipment(s.IdlePower, where.field("idle_power"))
	if s.IdlePower != nil && s.IdleTime == nil {
		l.add(where.field("idle_time"), "missing: say how much idle device time the power is for")
	}
	for i := range raw.Machines {
		m, here := &raw.Machines[i], where.field("machines").index(i)
		if m.Name == "" {
			l.add(here.field("name"), "missing: name the machine")
		}
		if slices.ContainsFunc(raw.Machines[:i], func(o machineFile) bool { return o.Name == m.Name }) {
			l.add(here.field("name"), "%q is given twice: give each machine its own name", m.Name)
		}
		if len(m.Hardware) == 0 {
			l.add(here.field("hardware"), "missing: name a preset or describe the hardware")
		}
		l.stack(m.Hardware, here.field("hardware"))
		if !here.doc.has(here.field("per_device").pointer) {
			l.add(here.field("per_device"), "missing: give this machine's device time per device time of the run, such as 1/8")
		} else {
			l.ratio(&m.PerDevice, here.field("per_device"), positive)
		}
		s.Machines = append(s.Machines, Machine{m.Name, m.PerDevice.datum, l.ratio(m.Share, here.field("share"), share), m.Hardware})
	}
	l.locations(raw.Sites, where.field("sites"))
	s.Sites = raw.Sites
	return s
}

// ratio checks a share that may be written as a fraction.
func (l *loader) ratio(r *ratioText, where at, within domain) *Datum {
	if r == nil {
		return nil
	}
	d := &r.datum
	if where.doc.has(where.field("value").pointer) || where.doc.has(where.field("unit").pointer) {
		l.datum(d, where, "ratio", within)
		return d
	}
	d.place, d.dimension, d.limits, d.canonical = where.place(), "ratio", within, d.Value
	if problem := within.check(d.Value); problem != "" {
		l.add(where, "%g %s: give a fraction such as 1/8", d.Value, problem)
	}
	return d
}

// stages checks a list of stages.
func (l *loader) stages(list []Process, where at) {
	for i := range list {
		l.process(&list[i], where.index(i))
	}
}

// names refuses two stages of one name, which could not be told apart.
func (l *loader) names(list []Process, where []at) {
	seen := map[string]bool{}
	for i, p := range list {
		if seen[p.Name] {
			l.add(where[i].field("name"), "two stages are called %q: give each its own name", p.Name)
		}
		seen[p.Name] = true
	}
}

// resolve fills a named part from the presets and gives where its figures stand.
func resolve[T any](c *checker, p *part[T], from map[string]located[T], here at, kind string) at {
	if p.ref == "" {
		if !here.doc.has(here.pointer) {
			c.add(here, "missing: name a preset or write it out")
		}
		return here
	}
	found, ok := from[p.ref]
	if !ok {
		c.add(here, "no %s preset is called %q: see cfu amortize --list-presets", kind, p.ref)
		return at{}
	}
	p.value = found.value
	return found.at
}
