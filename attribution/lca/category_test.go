package lca

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// emitting is an inventory whose electricity emits these kg per kWh.
func emitting(t *testing.T, kg map[string]float64) Inventory {
	t.Helper()
	var list []string
	for substance, v := range kg {
		list = append(list, fmt.Sprintf("%q: %s", substance, figure(v, "kg/kWh", "grid")))
	}
	return inventoryOf(t, `{"schema": 2, "name": "test", "hardware": ["server-ademe"],
		"electricity": {"title": "t", "region": "r", "emissions": {`+strings.Join(list, ", ")+`}},
		"facility": {"title": "t"}, "model": {"title": "m"}, "lifetime_inferences": `+figure(1e9, "requests", "none")+`}`)
}

// Emissions to air are characterised as openLCA does it with TRACI 2.2 (a public
// example of 0.048564 kg NOx and 0.032376 kg SO2, printed with six decimals), and
// by EF 3.1 and ReCiPe 2016 as ecoinvent's tables have the factors.
func TestEmissionsAreCharacterised(t *testing.T) {
	tests := []struct {
		category Category
		kg       map[string]float64
		want     float64
		within   float64
	}{
		{"acidification", map[string]float64{"NOx": 0.048564, "SO2": 0.032376}, 0.066371, 5e-7},
		{"smog", map[string]float64{"NOx": 0.048564, "SO2": 0.032376}, 1.203902, 2e-4},
		{"particulate_matter", map[string]float64{"NOx": 0.048564, "SO2": 0.032376, "PM2.5": 0}, 0.002329, 5e-7},
		{"eutrophication", map[string]float64{"NOx": 1, "NH3": 1}, 0.04429 + 0.1186, 1e-9},
		{"ef_acidification", map[string]float64{"SO2": 1, "NOx": 2, "NH3": 3}, 1.31 + 2*0.74 + 3*3.02, 1e-9},
		{"ef_particulate_matter", map[string]float64{"PM2.5": 1, "SO2": 10}, 2.38497e-4 + 8e-5, 1e-12},
		{"ef_ozone_formation", map[string]float64{"NOx": 1, "VOC": 2, "CH4": 100}, 1 + 2 + 1.01, 1e-9},
		{"ef_eutrophication_marine", map[string]float64{"NOx": 1, "NH3": 1}, 0.481, 1e-9},
		{"ef_eutrophication_terrestrial", map[string]float64{"NOx": 1, "NH3": 1}, 17.73, 1e-9},
		{"recipe_acidification", map[string]float64{"SO2": 1, "NOx": 1}, 1.36, 1e-9},
		{"recipe_particulate_matter", map[string]float64{"PM2.5": 1, "NOx": 1, "Hg": 1}, 1.11, 1e-9},
		{"recipe_ozone_formation", map[string]float64{"NOx": 1, "VOC": 1}, 1.18, 1e-9},
		{"recipe_ozone_formation_ecosystems", map[string]float64{"NOx": 1, "VOC": 1}, 1.29, 1e-9},
	}
	for _, test := range tests {
		u := hour()
		a, err := Assess(emitting(t, test.kg), u, Options{Categories: []Category{Energy, test.category}})
		if err != nil {
			t.Fatal(err)
		}
		kwh, _ := a.Outcome(Energy, Inference)
		o, _ := a.Outcome(test.category, Inference)
		if got := o.Value / kwh.Value; math.Abs(got-test.want) > test.within {
			t.Errorf("%s of %v is %g %s per kWh, want %g", test.category, test.kg, got, test.category.Unit(), test.want)
		}
	}
}

// Without the main substance the others are no account of a category, and other
// methods are assessed only where they are asked for.
func TestCategoriesThatAreNotAssessed(t *testing.T) {
	a, err := Assess(emitting(t, map[string]float64{"SO2": 1, "NOx": 1, "NH3": 1}), hour(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "[energy acidification smog eutrophication]" // no CO2 and no PM2.5
	if got := fmt.Sprint(a.Assessed()); got != want {
		t.Errorf("assessed %s, want %s", got, want)
	}
	_, err = Assess(emitting(t, map[string]float64{"SO2": 1}), hour(), Options{Categories: []Category{"ef_ozone_formation"}})
	if err == nil || !strings.Contains(err.Error(), "ef_ozone_formation: the inventory has no factor") {
		t.Errorf("ozone formation of SO2 alone: got %v", err)
	}
}

// eGRID's subregions have the emissions that acidify and make smog, and carbon of
// generation alone that no choice of GWPs changes.
func TestSubregions(t *testing.T) {
	text := strings.Replace(good, good[strings.Index(good, `"electricity": {`):strings.Index(good, `"facility": {`)], `"electricity": "us-camx-egrid2023", `, 1)
	for _, set := range []GWPSet{AR5, AR6} {
		a, err := Assess(inventoryOf(t, text), served(), Options{GWP: set, MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		// kg per MWh, of 0.24 kWh at the facility's meter.
		for c, want := range map[Category]float64{
			GWP: 429.983 * kgPerPound, "acidification": (0.02 + 0.7*0.332) * kgPerPound, "smog": 24.7936 * 0.332 * kgPerPound,
		} {
			if o, _ := a.Outcome(c, Inference); math.Abs(o.Value/(want*0.24e-3)-1) > 1e-12 {
				t.Errorf("%s by %s: got %g, want %g", c, set, o.Value, want*0.24e-3)
			}
		}
	}
}
