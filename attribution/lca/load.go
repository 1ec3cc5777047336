package lca

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schemaVersion is the version of the inventory format.
const schemaVersion = 1

// part is a part of an inventory: written inline, or named from the presets.
type part[T any] struct {
	ref   string
	value T
}

// UnmarshalJSONFrom reads a string as a name and an object as the part itself.
func (p *part[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &p.ref)
	}
	return json.UnmarshalDecode(dec, &p.value)
}

// inventoryFile is an inventory as written.
type inventoryFile struct {
	SchemaURL          string            `json:"$schema,omitzero"`
	Schema             int               `json:"schema"`
	Name               string            `json:"name"`
	Title              string            `json:"title"`
	Description        string            `json:"description"`
	Hardware           []part[Hardware]  `json:"hardware"`
	Electricity        part[Electricity] `json:"electricity"`
	Facility           part[Site]        `json:"facility"`
	Model              part[Model]       `json:"model"`
	Price              *part[Price]      `json:"price"`
	LifetimeInferences Datum             `json:"lifetime_inferences"`
	BoundaryMix        BoundaryMix       `json:"boundary_mix"`
}

// Load reads the inventory preset of that name, or the JSON file. Every
// problem of a file is one line of the error, "FILE:LINE: field: what is
// wrong: what to do".
func Load(nameOrFile string) (Inventory, error) {
	if isPreset(nameOrFile) {
		data, err := presetFiles.ReadFile("presets/inventories/" + nameOrFile + ".json")
		if err != nil {
			return Inventory{}, fmt.Errorf("read preset %s: %w", nameOrFile, err)
		}
		return decode("preset:"+nameOrFile, data)
	}
	data, err := os.ReadFile(nameOrFile)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(nameOrFile, "/.") {
		return Inventory{}, fmt.Errorf("inventory %q is neither a preset nor a file: see cfu amortize --list-presets", nameOrFile)
	}
	if err != nil {
		return Inventory{}, fmt.Errorf("read inventory: %w", err)
	}
	return decode(nameOrFile, data)
}

// Decode reads an inventory from JSON; file names it in errors.
func Decode(file string, data []byte) (Inventory, error) { return decode(file, data) }

func decode(file string, data []byte) (Inventory, error) {
	var raw inventoryFile
	doc, err := parse(file, data, &raw)
	if err != nil {
		return Inventory{}, err
	}
	parts, err := loadLibrary()
	if err != nil {
		return Inventory{}, err
	}
	c := &checker{}
	root := at{doc, ""}
	if raw.Schema != schemaVersion {
		c.add(root.field("schema"), "is %d: this version reads schema %d", raw.Schema, schemaVersion)
	}
	if raw.Name == "" {
		c.add(root.field("name"), "missing: name the inventory")
	}
	inv := Inventory{
		Schema: raw.Schema, Name: raw.Name, Title: raw.Title, Description: raw.Description,
		LifetimeInferences: raw.LifetimeInferences, BoundaryMix: raw.BoundaryMix, File: file,
	}
	if inv.Title == "" {
		inv.Title = inv.Name
	}
	if len(raw.Hardware) == 0 {
		c.add(root.field("hardware"), "missing: name a preset or describe the hardware")
	}
	for i, p := range raw.Hardware {
		h, where := resolve(c, p, parts.hardware, root.field("hardware").index(i), "hardware")
		c.hardware(&h, where)
		inv.Hardware = append(inv.Hardware, h)
	}
	var where at
	inv.Electricity, where = resolve(c, raw.Electricity, parts.electricity, root.field("electricity"), "electricity")
	c.electricity(&inv.Electricity, where)
	inv.Facility, where = resolve(c, raw.Facility, parts.facility, root.field("facility"), "facility")
	c.facility(&inv.Facility, where)
	inv.Model, where = resolve(c, raw.Model, parts.model, root.field("model"), "model")
	c.model(&inv.Model, where)
	if raw.Price != nil {
		price, where := resolve(c, *raw.Price, parts.price, root.field("price"), "price")
		c.price(&price, where)
		inv.Price = &price
	}
	c.datum(&inv.LifetimeInferences, root.field("lifetime_inferences"), "count", positive)
	if inv.BoundaryMix.Allow && inv.BoundaryMix.Reason == "" {
		c.add(root.field("boundary_mix").field("reason"), "missing: say why figures of different boundaries may be added here")
	}
	if err := c.err(); err != nil {
		return Inventory{}, err
	}
	if err := checkStack(inv, root); err != nil {
		return Inventory{}, err
	}
	return inv, nil
}

// resolve gives the part and where its figures stand.
func resolve[T any](c *checker, p part[T], from map[string]located[T], here at, kind string) (T, at) {
	if p.ref == "" {
		if !here.doc.has(here.pointer) {
			c.add(here, "missing: name a preset or write it out")
		}
		return p.value, here
	}
	found, ok := from[p.ref]
	if !ok {
		c.add(here, "no %s preset is called %q: see cfu amortize --list-presets", kind, p.ref)
		return p.value, at{}
	}
	return found.value, found.at
}
