package lca

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DefaultPreset is the inventory used where none is named: the case study of
// the paper that defines C_FU.
const DefaultPreset = "olmo2-7b"

//go:embed presets
var presetFiles embed.FS

// located is a preset part and where it stands.
type located[T any] struct {
	value T
	at    at
}

// library holds the preset parts by kind and name.
type library struct {
	hardware    map[string]located[Hardware]
	electricity map[string]located[Electricity]
	facility    map[string]located[Site]
	model       map[string]located[Model]
	price       map[string]located[Price]
}

// partsFile is one file of preset parts.
type partsFile struct {
	Schema      int                    `json:"schema"`
	Hardware    map[string]Hardware    `json:"hardware"`
	Electricity map[string]Electricity `json:"electricity"`
	Facility    map[string]Site        `json:"facility"`
	Model       map[string]Model       `json:"model"`
	Price       map[string]Price       `json:"price"`
}

// loadLibrary reads every file of preset parts.
func loadLibrary() (library, error) {
	lib := library{
		map[string]located[Hardware]{}, map[string]located[Electricity]{}, map[string]located[Site]{},
		map[string]located[Model]{}, map[string]located[Price]{},
	}
	entries, err := presetFiles.ReadDir("presets/parts")
	if err != nil {
		return lib, fmt.Errorf("read presets: %w", err)
	}
	for _, entry := range entries {
		data, err := presetFiles.ReadFile("presets/parts/" + entry.Name())
		if err != nil {
			return lib, fmt.Errorf("read presets: %w", err)
		}
		var parts partsFile
		doc, err := parse("preset:parts/"+entry.Name(), data, &parts)
		if err != nil {
			return lib, err
		}
		root := at{doc, ""}
		for name, p := range parts.Hardware {
			p.Name = name
			lib.hardware[name] = located[Hardware]{p, root.field("hardware").field(name)}
		}
		for name, p := range parts.Electricity {
			p.Name = name
			lib.electricity[name] = located[Electricity]{p, root.field("electricity").field(name)}
		}
		for name, p := range parts.Facility {
			p.Name = name
			lib.facility[name] = located[Site]{p, root.field("facility").field(name)}
		}
		for name, p := range parts.Model {
			p.Name = name
			lib.model[name] = located[Model]{p, root.field("model").field(name)}
		}
		for name, p := range parts.Price {
			p.Name = name
			lib.price[name] = located[Price]{p, root.field("price").field(name)}
		}
	}
	if err := loadGrids(lib); err != nil {
		return lib, err
	}
	return lib, loadAccelerators(lib)
}

// isPreset reports whether an inventory preset has that name.
func isPreset(name string) bool { return slices.Contains(inventoryNames(), name) }

// inventoryNames lists the inventory presets.
func inventoryNames() []string {
	entries, err := presetFiles.ReadDir("presets/inventories")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(path.Base(e.Name()), ".json"))
	}
	return names
}

// PresetInfo is one preset: a whole inventory or a part of one.
type PresetInfo struct {
	Kind  string `json:"kind"` // "inventory", "hardware", "electricity", "facility", "model", "price"
	Name  string `json:"name"`
	Title string `json:"title"`
	// Figures is the number of figures that the preset holds.
	Figures int `json:"figures"`
}

// Presets lists the inventory presets, then the parts by kind and name.
// Presets are part of the program, so one that cannot be read is an error of
// the build; the tests load every one.
func Presets() []PresetInfo {
	var list []PresetInfo
	for _, name := range inventoryNames() {
		inv, err := Load(name, nil)
		if err != nil {
			continue
		}
		list = append(list, PresetInfo{"inventory", name, inv.Title, len(inv.Figures())})
	}
	lib, err := loadLibrary()
	if err != nil {
		return list
	}
	for _, name := range slices.Sorted(maps.Keys(lib.hardware)) {
		h := lib.hardware[name].value
		list = append(list, PresetInfo{"hardware", name, h.Title, len(h.Figures())})
	}
	for _, name := range slices.Sorted(maps.Keys(lib.electricity)) {
		e := lib.electricity[name].value
		list = append(list, PresetInfo{"electricity", name, e.Title, len(e.Figures())})
	}
	for _, name := range slices.Sorted(maps.Keys(lib.facility)) {
		f := lib.facility[name].value
		list = append(list, PresetInfo{"facility", name, f.Title, len(f.Figures())})
	}
	for _, name := range slices.Sorted(maps.Keys(lib.model)) {
		m := lib.model[name].value
		list = append(list, PresetInfo{"model", name, m.Title, len(m.figures())})
	}
	for _, name := range slices.Sorted(maps.Keys(lib.price)) {
		p := lib.price[name].value
		list = append(list, PresetInfo{"price", name, p.Title, 1})
	}
	return list
}

// PresetText is a preset as it can be written into an inventory: a whole one,
// or a part.
func PresetText(name string) ([]byte, error) {
	if isPreset(name) {
		return presetFiles.ReadFile("presets/inventories/" + name + ".json")
	}
	entries, err := presetFiles.ReadDir("presets/parts")
	if err != nil {
		return nil, fmt.Errorf("read presets: %w", err)
	}
	for _, entry := range entries {
		data, err := presetFiles.ReadFile("presets/parts/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read presets: %w", err)
		}
		var kinds map[string]jsontext.Value
		if err := json.Unmarshal(data, &kinds); err != nil {
			return nil, fmt.Errorf("read presets: %w", err)
		}
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			var parts map[string]jsontext.Value
			if kind != "schema" && json.Unmarshal(kinds[kind], &parts) == nil && parts[name] != nil {
				part := parts[name]
				err := part.Indent()
				return append(part, '\n'), err
			}
		}
	}
	lib, err := loadLibrary()
	if err != nil {
		return nil, err
	}
	var row any // of a table
	if found, ok := lib.electricity[name]; ok {
		row = found.value
	} else if found, ok := lib.hardware[name]; ok {
		row = found.value
	}
	if row != nil {
		text, err := json.Marshal(row, jsontext.WithIndent("  "))
		return append(text, '\n'), err
	}
	return nil, fmt.Errorf("no preset is called %q: see cfu amortize --list-presets", name)
}
