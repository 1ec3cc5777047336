package lca

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// manual is the documentation of the format.
func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/lca.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The inventory in the manual loads, satisfies the schema, and needs no
// permission to mix boundaries.
func TestManualsInventoryWorks(t *testing.T) {
	_, rest, found := strings.Cut(manual(t), "```json\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/lca.md has no JSON example")
	}
	if err := compileSchema(t, "").Validate(jsonValue(t, []byte(text))); err != nil {
		t.Errorf("schema: %v", err)
	}
	inv, err := Decode("docs/lca.md", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	u := Usage{Cell: "c", Requests: 100, Energy: 5000 * meter.Joule, EnergyKind: meter.KindCounter, Metered: Device, BusyTime: time.Minute, Devices: 1}
	a, err := Assess(inv, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Category{Energy, GWP, Water, ADPe, PrimaryEnergy, Cost}
	if got := a.Assessed(); !slices.Equal(got, want) {
		t.Errorf("the example supports %v, want %v", got, want)
	}
}

// The manual states the spreads, units and variants that the code has.
func TestManualStatesTheConventions(t *testing.T) {
	text := manual(t)
	var head, row []string
	for _, q := range Qualities() {
		head = append(head, string(q))
		row = append(row, fmt.Sprintf("%.2f", DefaultSpread(q).GSD))
	}
	want := "| " + strings.Join(head, " | ") + " |\n" + strings.Repeat("|---", len(head)) + "|\n| " + strings.Join(row, " | ") + " |"
	if !strings.Contains(text, want) {
		t.Errorf("docs/lca.md does not have the table of default spreads:\n%s", want)
	}
	for _, v := range WaterVariants() {
		if !strings.Contains(text, "`"+string(v)+"`") || !strings.Contains(text, v.Formula()) {
			t.Errorf("docs/lca.md does not have water variant %s, %s", v, v.Formula())
		}
	}
	for _, c := range Categories() {
		if !strings.Contains(text, "| `"+string(c)+"` | "+c.Unit()) {
			t.Errorf("docs/lca.md does not have category %s in %s", c, c.Unit())
		}
	}
	for _, u := range FunctionalUnits() {
		if !strings.Contains(text, "`"+string(u)+"`") {
			t.Errorf("docs/lca.md does not have functional unit %s", u)
		}
	}
}

// C_FU of the paper's case study at one request per second, and how many
// requests it takes until inference has emitted as much as training.
func ExampleAssess() {
	inv, err := Load(DefaultPreset, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	run := inv.Model.Runs[2]
	a, err := Assess(inv, inv.Model.Usage(run), Options{Categories: []Category{GWP}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range a.Rows {
		if r.FunctionalUnit == string(PerRequest) {
			fmt.Printf("%s: %s\n", r.Stage, a.Impact(r.Category, r.Value).Readable())
		}
	}
	even, _ := a.TrainingBreakEven()
	fmt.Printf("break-even with training: %s requests\n", Count(even.Requests))
	// Output:
	// inference: 49.5 mg CO2e
	// embodied: 3.69 mg CO2e
	// training: 5.48 mg CO2e
	// experimentation: 6.86 mg CO2e
	// total: 65.5 mg CO2e
	// break-even with training: 1.05 billion requests
}

func ExampleImpact_Readable() {
	for _, i := range []Impact{{Category: Energy, Value: 157000}, {Category: GWP, Value: 2.49e-6}, {Category: GWP, Value: 52000}, {Category: Water, Value: 9.7e-6}, {Category: ADPe, Value: 3.7e-10}, {Category: PrimaryEnergy, Value: 0.18}, {Category: Cost, Value: 0.0012}, {Category: GWP, Value: 0}} {
		fmt.Println(i.Readable())
	}
	// Output:
	// 157 MWh
	// 2.49 mg CO2e
	// 52.0 t CO2e
	// 9.70 µL
	// 370 ng Sb eq
	// 180 kJ
	// USD 0.00120
	// 0 g CO2e
}
