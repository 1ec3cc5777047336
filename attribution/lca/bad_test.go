package lca

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// good is a small inventory that loads; every bad one is good with one line
// changed.
const good = `{
  "schema": 2,
  "name": "mine",
  "hardware": [{
    "title": "my board", "devices": 1, "covers": "device",
    "carbon": {"value": 100, "unit": "kg CO2e", "source": "vendor", "year": 2025, "boundary": "device", "quality": "vendor"},
    "lifespan": {"value": 4, "unit": "year", "source": "policy", "year": 2025, "boundary": "device", "quality": "published"},
    "utilisation": {"value": 0.5, "unit": "1", "source": "scheduler", "year": 2025, "boundary": "device", "quality": "measured"}
  }],
  "electricity": {
    "title": "my grid", "region": "X", "characterized_by": "unknown",
    "carbon": {"value": 0.4, "unit": "kg CO2e/kWh", "source": "grid", "year": 2025, "boundary": "grid", "quality": "published"}
  },
  "facility": {
    "title": "my hall",
    "pue": {"value": 1.2, "unit": "1", "source": "hall", "year": 2025, "boundary": "facility", "quality": "measured"}
  },
  "model": {
    "title": "my model",
    "stages": [{"name": "training", "kind": "training",
      "energy": {"value": 10, "unit": "MWh", "source": "log", "year": 2025, "boundary": "device", "quality": "measured"},
      "device_time": {"value": 20000, "unit": "h", "source": "log", "year": 2025, "boundary": "device", "quality": "measured"}
    }]
  },
  "lifetime_inferences": {"value": 1, "unit": "billion requests", "source": "log", "year": 2025, "boundary": "none", "quality": "measured"}
}
`

func TestBadInventories(t *testing.T) {
	if _, err := Decode("mine.json", []byte(good), nil); err != nil {
		t.Fatalf("the inventory from which the bad ones are made: %v", err)
	}
	tests := []struct {
		what, old, new string
		want           string // the whole error
	}{
		{"an unknown unit", `"unit": "kg CO2e", "source": "vendor"`, `"unit": "stone CO2e", "source": "vendor"`,
			`mine.json:6: hardware[0].carbon.unit: "stone CO2e" is not a unit of carbon: give one of g CO2e, kg CO2e, kt CO2e, mg CO2e, t CO2e`},
		{"a unit of another dimension", `"unit": "MWh"`, `"unit": "kg CO2e"`,
			`mine.json:21: model.stages[0].energy.unit: "kg CO2e" is not a unit of energy: give one of GWh, J, MJ, MWh, Wh, kJ, kWh`},
		{"a missing source", `"source": "vendor", `, ``,
			`mine.json:6: hardware[0].carbon.source: missing: say where the figure was read`},
		{"a preset without a name", `"electricity": {
    "title": "my grid", "region": "X", "characterized_by": "unknown",
    "carbon": {"value": 0.4, "unit": "kg CO2e/kWh", "source": "grid", "year": 2025, "boundary": "grid", "quality": "published"}
  },`, `"electricity": "",`,
			`mine.json:10: electricity: is empty: name a preset or write it out`},
		{"hardware that any product would match", `"lifespan": {`, `"matches": ["H100", " "], "lifespan": {`,
			`mine.json:7: hardware[0].matches[1]: is empty: give words of the product's name, such as H100`},
		{"an empty source", `"source": "hall"`, `"source": ""`,
			`mine.json:16: facility.pue.source: missing: say where the figure was read`},
		{"a negative mass", `"value": 100`, `"value": -100`,
			`mine.json:6: hardware[0].carbon.value: -100 kg CO2e must not be negative: check the value and its unit`},
		{"a lifespan of zero", `"value": 4`, `"value": 0`,
			`mine.json:7: hardware[0].lifespan.value: 0 year must be above 0: check the value and its unit`},
		{"a share above 1", `"value": 0.5, "unit": "1"`, `"value": 1.5, "unit": "1"`,
			`mine.json:8: hardware[0].utilisation.value: 1.5 must be above 0 and at most 1 (100 %): check the value and its unit`},
		{"a percentage above 100", `"value": 0.5, "unit": "1"`, `"value": 150, "unit": "%"`,
			`mine.json:8: hardware[0].utilisation.value: 150 % must be above 0 and at most 1 (100 %): check the value and its unit`},
		{"a percentage without its sign", `"value": 0.5, "unit": "1"`, `"value": 50, "unit": "1"`,
			`mine.json:8: hardware[0].utilisation.value: 50 must be above 0 and at most 1 (100 %): check the value and its unit`},
		{"a PUE below 1", `"value": 1.2`, `"value": 0.2`,
			`mine.json:16: facility.pue.value: 0.2 must be at least 1 and at most 20: check the value and its unit`},
		{"a boundary that differs from the part's", `"year": 2025, "boundary": "device", "quality": "vendor"`, `"year": 2025, "boundary": "host", "quality": "vendor"`,
			`mine.json:6: hardware[0].carbon.boundary: "host" in a part that covers the device: boundaries are mixed: split the part, correct the boundary, or say why in mixed_boundaries`},
		{"an unknown boundary", `"boundary": "facility"`, `"boundary": "campus"`,
			`mine.json:16: facility.pue.boundary: "campus" is not a boundary: give one of [device baseboard host facility grid none]`},
		{"an unknown quality", `"quality": "vendor"`, `"quality": "good"`,
			`mine.json:6: hardware[0].carbon.quality: "good" is not a quality: give one of [measured published vendor secondary derived modelled assumption]`},
		{"an assumption without a reason", `"quality": "vendor"`, `"quality": "assumption"`,
			`mine.json:6: hardware[0].carbon.reason: missing: an assumption gives its reason`},
		{"a missing year", `"source": "grid", "year": 2025, `, `"source": "grid", `,
			`mine.json:12: electricity.carbon.year: is 0: give the year of the source`},
		{"a missing value", `"value": 10, "unit": "MWh"`, `"unit": "MWh"`,
			`mine.json:21: model.stages[0].energy.value: missing: a figure without a value is left out, not zero`},
		{"no lifetime inferences", `,
  "lifetime_inferences": {"value": 1, "unit": "billion requests", "source": "log", "year": 2025, "boundary": "none", "quality": "measured"}`, ``,
			`mine.json:1: lifetime_inferences: missing: give value, unit, source, year, boundary and quality`},
		{"a null value", `"value": 10, "unit": "MWh"`, `"value": null, "unit": "MWh"`,
			`mine.json:21: model.stages[0].energy.value: is null: give a value, or leave it out`},
		{"null for a part", `"name": "mine",`, `"name": "mine", "price": null, "serving": {"share": null},`,
			"mine.json:3: price: is null: give a value, or leave it out\nmine.json:3: serving.share: is null: give a value, or leave it out"},
		{"a value beyond everything", `"value": 10, "unit": "MWh"`, `"value": 1e200, "unit": "MWh"`,
			`mine.json:21: model.stages[0].energy.value: 1e+200 MWh is beyond anything there is: check the value and its unit`},
		{"a spread beyond everything", `"boundary": "device", "quality": "vendor"`, `"boundary": "device", "quality": "vendor", "spread": {"shape": "normal", "sd": 1e200}`,
			`mine.json:6: hardware[0].carbon.spread: sd 1e+200 is beyond anything there is: check the spread and the figure's unit`},
		{"a deviation of a thousand times", `"boundary": "device", "quality": "vendor"`, `"boundary": "device", "quality": "vendor", "spread": {"shape": "lognormal", "gsd": 1000}`,
			`mine.json:6: hardware[0].carbon.spread: lognormal gsd is 1000: give a geometric standard deviation above 1 and at most 100`},
		{"lifetime inferences of zero", `"value": 1, "unit": "billion requests"`, `"value": 0, "unit": "billion requests"`,
			`mine.json:25: lifetime_inferences.value: 0 billion requests must be above 0: check the value and its unit`},
		{"an unknown field", `"title": "my hall"`, `"titel": "my hall"`,
			`mine.json:15: facility.titel: no such field: see docs/lca.md for the format`},
		{"a field given twice", `"title": "my hall"`, `"title": "my hall", "title": "hall"`,
			`mine.json:15: facility.title: given twice: keep one`},
		{"text where a number belongs", `"value": 1.2`, `"value": "1.2"`,
			`mine.json:16: facility.pue.value: a JSON string where a number is expected: give a number (docs/lca.md)`},
		{"a number that no float holds", `"value": 100`, `"value": 1e999`,
			`mine.json:6: hardware[0].carbon.value: 1e999 is not a number that can be held: give a smaller one`},
		{"an unknown preset part", `"hardware": [{`, `"hardware": ["abacus", {`,
			`mine.json:4: hardware[0]: no hardware preset is called "abacus": see cfu amortize --list-presets`},
		{"the same equipment twice", `"hardware": [{`, `"hardware": ["h100-boavizta", {`,
			`mine.json:4: hardware[1]: my board covers the device by itself: counted twice with the part before it`},
		{"an increment without what it adds to", `"hardware": [{`, `"hardware": ["p5-host-ecologits", {`,
			`mine.json:4: hardware[0]: AWS p5.48xlarge host around 8 GPUs (without them) only adds to a baseboard: list what it adds to first
mine.json:4: hardware[1]: my board covers the device by itself: counted twice with the part before it`},
		{"a gas without a figure", `"characterized_by": "unknown",`, `"characterized_by": "unknown", "emissions": {"CO2": null},`,
			`mine.json:11: electricity.emissions.CO2: is null: give a value, or leave it out`},
		{"a gas without a known GWP", `"characterized_by": "unknown",`, `"characterized_by": "unknown", "emissions": {"steam": {"value": 1, "unit": "g/kWh", "source": "x", "year": 2025, "boundary": "grid", "quality": "measured"}},`,
			`mine.json:11: electricity.emissions.steam: is not a substance that is characterised: give one of [CO2 CH4 N2O SF6 NF3 CF4 C2F6 HFC-23 HFC-134a SO2 NOx PM2.5 NH3 VOC Hg]`},
		{"another version of the format", `"schema": 2`, `"schema": 3`,
			`mine.json:2: schema: is 3: this version reads schema 2`},
		{"the version before this one", `"schema": 2`, `"schema": 1`,
			`mine.json:2: schema: is 1: this version reads schema 2: write 2, turn model.training and model.experimentation into entries of model.stages with a name and a kind, and electricity.gases into electricity.emissions (docs/lca.md, "From schema 1")`},
		{"a spread that does not hold the value", `"boundary": "device", "quality": "vendor"`, `"boundary": "device", "quality": "vendor", "spread": {"shape": "uniform", "low": 1, "high": 2}`,
			`mine.json:6: hardware[0].carbon.spread: uniform from 1 to 2 does not hold the value 100`},
		{"a triangle of one end", `"boundary": "device", "quality": "vendor"`, `"boundary": "device", "quality": "vendor", "spread": {"shape": "triangular", "high": 200}`,
			`mine.json:6: hardware[0].carbon.spread: has no low: give both ends of what it can be`},
		{"a character that turns a text around", `"title": "my hall"`, `"title": "my \u202ehall"`,
			`mine.json:15: facility.title: holds the invisible character U+202E: remove it`},
		{"an unknown shape", `"boundary": "device", "quality": "vendor"`, `"boundary": "device", "quality": "vendor", "spread": {"shape": "bell"}`,
			`mine.json:6: hardware[0].carbon.spread: shape "bell" is unknown: use lognormal, normal, uniform, loguniform, triangular or fixed`},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			if strings.Count(good, test.old) == 0 {
				t.Fatalf("the good inventory does not have %q", test.old)
			}
			_, err := Decode("mine.json", []byte(strings.Replace(good, test.old, test.new, 1)), nil)
			if err == nil {
				t.Fatalf("got no error, want %q", test.want)
			}
			if err.Error() != test.want {
				t.Errorf("got  %q\nwant %q", err, test.want)
			}
		})
	}
}

func TestFileThatBreaksOff(t *testing.T) {
	_, err := Decode("mine.json", []byte(good[:strings.Index(good, `"MWh"`)]), nil)
	want := "mine.json:21: model.stages[0].energy.unit: the file ends in the middle of a value, not complete JSON: write it out"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// All problems of a file are reported at once, in the order of its lines.
func TestEveryProblemIsReported(t *testing.T) {
	text := strings.NewReplacer(`"value": 1.2`, `"value": 0.2`, `"value": 4`, `"value": 0`).Replace(good)
	_, err := Decode("mine.json", []byte(text), nil)
	want := "mine.json:7: hardware[0].lifespan.value: 0 year must be above 0: check the value and its unit\nmine.json:16: facility.pue.value: 0.2 must be at least 1 and at most 20: check the value and its unit"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Boundaries that differ between energy and embodied hardware are refused
// unless the inventory or the assessment allows them, and then warned of.
func TestBoundaryMix(t *testing.T) {
	inv := inventoryOf(t, good)
	u := hour() // metered at the host; the board is a device
	_, err := Assess(inv, u, Options{})
	want := "boundaries are mixed: the energy of inference covers the host and the embodied hardware the device"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "test.json:21: model.stages[0].energy: training covers the device") {
		t.Fatalf("got %v, want a refusal that names both places", err)
	}
	a, err := Assess(inv, u, Options{MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.Warnings, "\n"); !strings.Contains(got, want) {
		t.Errorf("warnings %q do not name the mix", got)
	}
	u.Metered = Device
	a, err = Assess(inv, u, Options{})
	if err != nil {
		t.Fatalf("one boundary: %v", err)
	}
	if got := strings.Join(a.Warnings, "\n"); strings.Contains(got, "mixed") {
		t.Errorf("one boundary, but warned: %s", got)
	}
}

// folder finds inventories on disk, footprints and records in memory.
type folder struct {
	texts   map[string]string
	rows    map[string][]Row
	records map[string]Record
	under   Options // conventions of the rows
}

func (f folder) Inventory(from, ref string) (string, []byte, error) {
	if text, ok := f.texts[ref]; ok {
		return ref, []byte(text), nil
	}
	data, err := os.ReadFile(ref)
	if err != nil {
		return "", nil, fmt.Errorf("inventory %q is neither a preset nor a file: see cfu amortize --list-presets", ref)
	}
	return ref, data, nil
}

func (f folder) Footprint(from, ref string) ([]Row, Options, error) {
	if rows, ok := f.rows[ref]; ok {
		return rows, f.under, nil
	}
	return nil, Options{}, fmt.Errorf("run %s has no footprint: amortize it first", ref)
}

func (f folder) Record(from, ref string) (Record, error) {
	name := path.Clean(ref)
	if r, ok := f.records[name]; ok {
		r.Path = "/" + name
		return r, nil
	}
	return Record{}, fmt.Errorf("record %s cannot be found: make it with cfu record", ref)
}

func TestLoadNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load("olmo3-7b", folder{}); err == nil || !strings.Contains(err.Error(), "--list-presets") {
		t.Errorf("unknown preset: got %v, want where the presets are listed", err)
	}
	if _, err := Load(filepath.Join(dir, "none.json"), folder{}); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("missing file: got %v, want its name", err)
	}
	path := filepath.Join(dir, "mine.json")
	if err := os.WriteFile(path, []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	inv, err := Load(path, folder{})
	if err != nil || inv.Name != "mine" {
		t.Errorf("got %q, %v, want the inventory mine", inv.Name, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"schema":2,"hardware":["h100-boavizta"]}`))
	f.Add([]byte(`{"hardware":[{"carbon":null}],"electricity":{"emissions":{"CO2":null}}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(sixStages()))
	f.Add([]byte(strings.Replace(good, `"model": {`, `"serving": {"share": "2/128", "machines": [{"name": "m", "per_device": 1, "hardware": ["server-ademe"]}]}, "stages": [{"name": "x", "kind": "data", "assessment": {"inventory": "olmo2-7b", "making": true}}], "model": {`, 1)))
	f.Add([]byte(strings.Replace(good, `"title": "my grid",`, `"title": "my grid", "emissions": {"CO2": null},`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := Decode("fuzz.json", data, nil)
		if err != nil {
			if !strings.Contains(err.Error(), ":") {
				t.Errorf("error %q names no place", err)
			}
			return
		}
		u := hour()
		if _, err := Assess(inv, u, Options{MixBoundaries: true, Draws: MinDraws}); err != nil {
			t.Errorf("an inventory that loads cannot be assessed: %v", err)
		}
	})
}
