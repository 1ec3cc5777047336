package lca

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// assessed is the usage under an inventory.
func assessed(t *testing.T, text string, u Usage, o Options) Assessment {
	t.Helper()
	a, err := Assess(inventoryOf(t, text), u, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Where one design lacks what the other has, it would look free: the category is not
// compared, or the comparison says whom it favours.
func TestDesignsThatLackFigures(t *testing.T) {
	const device = `"carbon": {"value": 100, "unit": "kg CO2e", "source": "vendor", "year": 2025, "boundary": "device", "quality": "vendor"},`
	const time = `,
      "device_time": {"value": 20000, "unit": "h", "source": "log", "year": 2025, "boundary": "device", "quality": "measured"}`
	for _, test := range []struct {
		why, old, new, want string
	}{
		{"nothing is lacking", "mine", "mine", ""},
		{"no carbon of the hardware", device, `"adpe": ` + figure(1, "kg Sb eq", "device") + `,`, "gwp is not compared: B has no figure of the hardware of training in it"},
		{"no device time of training, as of some published models", time, "", "A has figures of the hardware of its making in gwp and B has none: the comparison favours the latter"},
		{"no PUE", `,
    "pue": {"value": 1.2, "unit": "1", "source": "hall", "year": 2025, "boundary": "facility", "quality": "measured"}`, ``,
			"the energy of A is of the device × PUE, that of B of the device: the comparison favours what covers less"},
		{"no machines that wait", `"model": {`, `"serving": {"idle_time": ` + figure(0.5, "1", "none") + `}, "model": {`, "B has figures of machines that wait and A has none"},
	} {
		list := []Assessment{assessed(t, good, served(), Options{}), assessed(t, strings.Replace(good, test.old, test.new, 1), served(), Options{})}
		list[0].Design, list[1].Design = "A", "B"
		r, err := Compare(t.Context(), list, "request", 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(r.Warnings, "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: warnings %q, want %q", test.why, got, test.want)
		}
		if names := []string{"A", "B"}; !slices.Equal(r.Designs, names) {
			t.Errorf("%s: the designs are called %v, want %v", test.why, r.Designs, names)
		}
	}
}

// Designs are compared per what was asked for: what is cheaper per request may be dearer
// per correct answer, and how many there were is not sure.
func TestDesignsPerOutcome(t *testing.T) {
	cheap, right := served(), served()
	cheap.Energy /= 2
	cheap.Outcomes = []OutcomeCount{{Name: "correct", Count: 300, Lo: 270, Hi: 330, Judged: 1000}}
	right.Outcomes = []OutcomeCount{{Name: "correct", Count: 900, Lo: 880, Hi: 915, Judged: 1000}}
	cheap.Cell, right.Cell = "cheap", "right"
	o := Options{Categories: []Category{Energy}, Custom: []CustomUnit{{"task", 10}}}
	list := []Assessment{assessed(t, good, cheap, o), assessed(t, good, right, o)}
	list[0].Options.Draws, list[0].Options.Seed = 2000, 1
	for _, test := range []struct{ unit, best string }{{"request", "cheap"}, {"task", "cheap"}, {"correct", "right"}} {
		r, err := Compare(t.Context(), list, test.unit, 1e12, nil)
		if err != nil {
			t.Fatal(err)
		}
		best := slices.MaxFunc(r.Best, func(a, b Best) int { return int(math.Copysign(1, a.Probability-b.Probability)) })
		if best.Design != test.best || r.FunctionalUnit != test.unit {
			t.Errorf("per %s: %s is the best (%+v), want %s", test.unit, best.Design, r.Best, test.best)
		}
		width := (r.Crossings[0].DifferenceHi.Value - r.Crossings[0].DifferenceLo.Value) / math.Abs(r.Crossings[0].Difference.Value)
		if wide := width > 0.05; wide != (test.unit == "correct") {
			t.Errorf("per %s: the difference is known to %.0f %%", test.unit, 100*width)
		}
	}
	if _, err := Compare(t.Context(), list, "smile", 0, nil); err == nil || !strings.Contains(err.Error(), "cheap has no count of functional unit smile") {
		t.Errorf("a unit that nobody counted: %v", err)
	}
}

// Scores and forms have categories of their own: those that were chosen for the table
// change none of their figures.
func TestFiguresOfCategoriesThatWereNotChosen(t *testing.T) {
	all := assessed(t, good, served(), Options{})
	for _, chosen := range [][]Category{{GWP}, {Energy}} {
		a := assessed(t, good, served(), Options{Categories: chosen})
		want, err := all.SCI()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.SCI(); err != nil || got != want || want.Score == 0 {
			t.Errorf("%v: SCI %+v (%v), want %+v", chosen, got, err, want)
		}
		for _, c := range []Category{GWP, Energy} {
			if got, want := a.Balance(c), all.Balance(c); got != want {
				t.Errorf("%v: in %s %+v, want %+v", chosen, c, got, want)
			}
			got, _ := a.Outcome(c, Training)
			want, ok := all.Outcome(c, Training)
			if !ok || got.Value != want.Value {
				t.Errorf("%v: training in %s is %g, want %g", chosen, c, got.Value, want.Value)
			}
		}
		if len(a.Assessed()) != 1 || slices.ContainsFunc(a.Rows, func(r Row) bool { return r.Category != chosen[0] }) {
			t.Errorf("%v: the table has %v", chosen, a.Assessed())
		}
	}
}

// Machines beside the inventory's hardware wait as long as it does.
func TestMachinesBesideWait(t *testing.T) {
	machine := `"machines": [{"name": "retrieval", "per_device": ` + figure(0.25, "1", "none") + `, "hardware": [` + machine(1, "device", "", 400, 0.001, 1, 4) + `]}]`
	idle := `"idle_time": ` + figure(0.5, "1", "none")
	of := func(serving string) (embodied, waits float64) {
		a := assessed(t, strings.Replace(good, `"model": {`, `"serving": {`+serving+`}, "model": {`, 1), served(), Options{Categories: []Category{GWP}})
		e, _ := a.Outcome(GWP, Embodied)
		i, _ := a.Outcome(GWP, Idle)
		return e.Value, i.Value
	}
	embodied, waits := of(machine + ", " + idle)
	if math.Abs(waits/(0.5*embodied)-1) > 1e-12 {
		t.Errorf("half an hour of waiting for an hour of work costs %g of hardware, want half of %g", waits, embodied)
	}
	if alone, _ := of(idle); embodied <= alone {
		t.Errorf("with the machine beside it the hardware is %g, without %g", embodied, alone)
	}
}
