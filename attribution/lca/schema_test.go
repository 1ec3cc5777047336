package lca

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfubench/internal/golden"
)

const schemaFile = "../../docs/inventory.schema.json"

// compileSchema compiles the published schema, or one of its definitions.
func compileSchema(t *testing.T, definition string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	location := schemaFile
	if definition != "" {
		location += "#/$defs/" + definition
	}
	s, err := c.Compile(location)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func jsonValue(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Every preset satisfies the schema that users are given, and loads.
func TestPresetsSatisfyTheSchema(t *testing.T) {
	whole := compileSchema(t, "")
	for _, name := range inventoryNames() {
		data, err := presetFiles.ReadFile("presets/inventories/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := whole.Validate(jsonValue(t, data)); err != nil {
			t.Errorf("inventory %s: %v", name, err)
		}
		inv, err := Load(name, nil)
		if err != nil {
			t.Errorf("load %s: %v", name, err)
		}
		if inv.Name != name {
			t.Errorf("inventory %s calls itself %q", name, inv.Name)
		}
	}
	entries, err := presetFiles.ReadDir("presets/parts")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range entries {
		data, err := presetFiles.ReadFile("presets/parts/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		file := jsonValue(t, data).(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(file)) {
			if kind == "schema" {
				continue
			}
			definition := kind
			if kind == "price" {
				definition = "price_part"
			}
			part := compileSchema(t, definition)
			for name, value := range file[kind].(map[string]any) {
				if checked++; part.Validate(value) != nil {
					t.Errorf("%s %s: %v", kind, name, part.Validate(value))
				}
			}
		}
	}
	// Rows of tables are parts too, as --print-preset writes them.
	for file, kind := range map[string]string{zonesFile: "electricity", statesFile: "electricity", subregionsFile: "electricity", acceleratorsFile: "hardware"} {
		rows, err := readTable(file)
		if err != nil {
			t.Fatal(err)
		}
		lib, err := loadLibrary()
		if err != nil {
			t.Fatal(err)
		}
		part := compileSchema(t, kind)
		for name, place := range placesOf(lib, kind) {
			if place.doc.file != rows[0].at.doc.file {
				continue
			}
			text, err := PresetText(name)
			if err != nil {
				t.Fatal(err)
			}
			if checked++; part.Validate(jsonValue(t, text)) != nil {
				t.Errorf("%s %s: %v", kind, name, part.Validate(jsonValue(t, text)))
			}
		}
	}
	if want := len(Presets()) - len(inventoryNames()); checked != want {
		t.Errorf("checked %d parts, --list-presets has %d", checked, want)
	}
}

// placesOf says where the parts of a kind stand.
func placesOf(lib library, kind string) map[string]at {
	list := map[string]at{}
	if kind == "hardware" {
		for name, p := range lib.hardware {
			list[name] = p.at
		}
		return list
	}
	for name, p := range lib.electricity {
		list[name] = p.at
	}
	return list
}

// Each part preset, not only those that an inventory names, passes the checks
// of the loader.
func TestEveryPartPasses(t *testing.T) {
	lib, err := loadLibrary()
	if err != nil {
		t.Fatal(err)
	}
	c := &loader{checker: &checker{}, lib: lib}
	for _, l := range lib.hardware {
		c.hardware(&l.value, l.at)
	}
	for _, l := range lib.electricity {
		c.electricity(&l.value, l.at)
	}
	for _, l := range lib.facility {
		c.facility(&l.value, l.at)
	}
	for _, l := range lib.model {
		c.model(&l.value, l.at)
	}
	for _, l := range lib.price {
		c.price(&l.value, l.at)
	}
	if err := c.err(); err != nil {
		t.Error(err)
	}
}

// The schema and the loader accept the same units.
func TestSchemaAndLoaderAgreeOnUnits(t *testing.T) {
	for _, name := range dimensionNames() {
		s := compileSchema(t, strings.ReplaceAll(name, " ", "_"))
		d := dimensionOf(name)
		for unit := range d.units {
			datum := map[string]any{"value": 1.0, "unit": unit, "source": "test", "year": 2026.0, "boundary": "none", "quality": "published"}
			if err := s.Validate(datum); err != nil {
				t.Errorf("%s: the schema refuses unit %q: %v", name, unit, err)
			}
		}
		datum := map[string]any{"value": 1.0, "unit": "furlong", "source": "test", "year": 2026.0, "boundary": "none", "quality": "published"}
		if s.Validate(datum) == nil {
			t.Errorf("%s: the schema accepts furlongs", name)
		}
	}
}

// The published schema is the one that the tables make.
func TestSchemaIsGenerated(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, schemaFile, want)
}

// Nobody has edited the tables of scripts/presets by hand, and none is cut short.
func TestTablesAreThoseOfTheScript(t *testing.T) {
	for file, least := range map[string]int{zonesFile: 200, statesFile: 51, subregionsFile: 27, acceleratorsFile: 30} {
		data, err := presetFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rows, _ := strings.Cut(string(data), "\n")
		head, rows, _ := strings.Cut(rows, "\n")
		if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(rows))); !strings.Contains(head, "rows sha256 "+sum) {
			t.Errorf("%s: its rows hash to %s, which its second line does not say: run scripts/presets --write", file, sum)
		}
		if n := strings.Count(rows, "\n") - 1; n < least {
			t.Errorf("%s has %d rows, want %d or more", file, n, least)
		}
	}
}
