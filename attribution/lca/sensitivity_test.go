package lca

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// An hour of one device with no training: what moves the total, by how much.
func TestTornado(t *testing.T) {
	inv := inventoryOf(t, good)
	inv.Model, inv.Upfront = Model{Title: "none"}, nil
	inv.Hardware[0].Lifespan.Spread = &Spread{Shape: Fixed}
	inv.Hardware[0].Impacts["carbon"].Spread = &Spread{Shape: Uniform, Low: 50, High: 150}
	inv.Electricity.Impacts["carbon"].Spread = &Spread{Shape: Fixed}
	inv.Facility.PUE.Spread = &Spread{Shape: Uniform, Low: 1.1, High: 1.3}
	u := Usage{Cell: "c", Requests: 1, Energy: 3_600_000 * meter.Joule, Metered: Device, BusyTime: time.Hour, Devices: 1}
	a, err := Assess(inv, u, Options{Categories: []Category{GWP}})
	if err != nil {
		t.Fatal(err)
	}
	const embodied = 100.0 / 35040
	want := []Swing{
		// 1 kWh × 0.4 kg/kWh × PUE over its central 95 %, 1.105 to 1.295.
		{GWP, "facility.pue", Place{"test.json", 16, "facility.pue"}, 0.4*1.105 + embodied, 0.4*1.2 + embodied, 0.4*1.295 + embodied},
		// 52.5 to 147.5 kg over 35,040 h.
		{GWP, "hardware[0].carbon", Place{"test.json", 6, "hardware[0].carbon"}, 0.48 + 52.5/35040, 0.48 + embodied, 0.48 + 147.5/35040},
	}
	if len(a.Sensitivity) != len(want) {
		t.Fatalf("got %d swings, want %d: %v", len(a.Sensitivity), len(want), a.Sensitivity)
	}
	for i, w := range want {
		got := a.Sensitivity[i]
		if got.Input != w.Input || got.Place != w.Place || math.Abs(got.Low-w.Low) > 1e-9 || math.Abs(got.Base-w.Base) > 1e-9 || math.Abs(got.High-w.High) > 1e-9 {
			t.Errorf("swing %d: got %+v, want %+v", i, got, w)
		}
	}
}

// The more an input swings, the higher it stands; moving an input alone never
// moves the base.
func TestTornadoIsSorted(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		a := assess(t, inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], usages().Draw(t, "usage"), Options{MixBoundaries: true})
		for i, w := range a.Sensitivity {
			total, _ := a.Outcome(w.Category, Total)
			if w.Base != total.Value {
				t.Errorf("%s: base %g, total %g", w.Input, w.Base, total.Value)
			}
			if i > 0 && a.Sensitivity[i-1].Category == w.Category && a.Sensitivity[i-1].Width() < w.Width() {
				t.Errorf("%s swings %g but stands below one of %g", w.Input, w.Width(), a.Sensitivity[i-1].Width())
			}
		}
	})
}

// Contributions are the whole total, largest first; the issues named are those
// of a tenth or more.
func TestContributionsAreTheTotal(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		a := assess(t, inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], usages().Draw(t, "usage"), Options{MixBoundaries: true})
		for _, c := range a.Assessed() {
			sum, last := 0.0, math.Inf(1)
			for _, x := range a.Contributions {
				if x.Category != c {
					continue
				}
				if sum += x.Share; x.Value > last {
					t.Errorf("%s: %s stands below a smaller term", c, x.Term)
				}
				if last = x.Value; x.Significant() != (x.Share >= 0.1) {
					t.Errorf("%s: %s has %.3f and is significant: %v", c, x.Term, x.Share, x.Significant())
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("%s: the shares sum to %g", c, sum)
			}
		}
	})
}

// SCI is operation and calendar share per request, whatever the convention of
// the assessment, and never above C_FU.
func TestSCI(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		inv, u := inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], usages().Draw(t, "usage")
		calendar := assess(t, inv, u, Options{MixBoundaries: true})
		busy := assess(t, inv, u, Options{MixBoundaries: true, Embodied: BusyHours, Utilisation: 0.3})
		a, errA := calendar.SCI()
		b, errB := busy.SCI()
		if errA != nil || errB != nil || a.Score != b.Score {
			t.Fatalf("calendar %v (%v), busy %v (%v): want one score", a.Score, errA, b.Score, errB)
		}
		if got := a.Energy*a.Intensity + a.Embodied; math.Abs(got-a.Score) > 1e-12*a.Score {
			t.Errorf("E·I + M is %g, the score %g", got, a.Score)
		}
		total, _ := calendar.Outcome(GWP, Total)
		if cfu := total.Value / float64(u.Requests); a.Score > cfu*(1+1e-12) {
			t.Errorf("SCI %g is above C_FU %g, of which it is a part", a.Score, cfu)
		}
	})
}

func TestSCIWantsLocationBasedCarbon(t *testing.T) {
	inv := inventoryOf(t, good)
	inv.Electricity.CarbonMarket = inv.Electricity.Impacts["carbon"]
	u := hour()
	u.Metered = Device
	a, err := Assess(inv, u, Options{Basis: MarketBased})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.SCI(); err == nil {
		t.Error("got a score from market-based carbon, want a refusal")
	}
}

// What a category lacks is left out of the table and named, never zero.
func TestMissingFiguresAreLeftOut(t *testing.T) {
	inv := inventoryOf(t, good)
	u := hour()
	u.Metered = Device
	a, err := Assess(inv, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Rows {
		if r.Stage == Experimentation {
			t.Errorf("a row for experimentation, of which there is no figure: %+v", r)
		}
		if r.Category == Water || r.Category == ADPe || r.Category == PrimaryEnergy || r.Category == Cost {
			t.Errorf("a row of %s, for which there is no factor", r.Category)
		}
		if r.Stage == Total && r.Category == GWP && r.Boundary != "cradle to use; energy: device × PUE, location-based; embodied: device, calendar share; without experimentation" {
			t.Errorf("the total's boundary does not say what is missing: %q", r.Boundary)
		}
	}
	want := "the inventory has no data for experimentation: that stage is excluded, not zero"
	if !slices.Contains(a.Warnings, want) {
		t.Errorf("warnings %q, want %q among them", a.Warnings, want)
	}
}

// Energy reaches the facility's meter once: by host factor and PUE from a
// device, by PUE from a host, as it is where the overhead is in it.
func TestEnergyIsLiftedOnce(t *testing.T) {
	inv := inventoryOf(t, good)
	factor := *inv.Facility.PUE
	factor.canonical, factor.Value = 1.5, 1.5
	inv.Facility.HostFactor = &factor
	tests := []struct {
		what     string
		metered  Boundary
		included bool
		want     float64
	}{
		{"a device", Device, false, 1.5 * 1.2},
		{"a baseboard", Baseboard, false, 1.5 * 1.2},
		{"a host", Host, false, 1.2},
		{"a facility", Facility, false, 1},
		{"a device whose figure has the overhead in it", Device, true, 1.5},
	}
	for _, test := range tests {
		u := Usage{Cell: "c", Requests: 1, Energy: 3_600_000 * meter.Joule, Metered: test.metered, OverheadIncluded: test.included}
		a, err := Assess(inv, u, Options{MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := a.Outcome(Energy, Inference); math.Abs(o.Value-test.want) > 1e-12 {
			t.Errorf("1 kWh at %s: got %g kWh at the facility, want %g", test.what, o.Value, test.want)
		}
	}
}

// The published water formulas, on E = 2 IT kWh, PUE 1.5, WUE 0.4, EWIF 3.
func TestWaterVariants(t *testing.T) {
	want := map[WaterVariant]float64{
		WaterLi:        2 * (0.4 + 1.5*3),
		WaterMorrison:  2 * 1.5 * (0.4 + 3),
		WaterEcoLogits: 2 * 1.5 * (0.4 + 1.5*3),
		WaterOnSite:    2 * 0.4,
		WaterOffSite:   2 * 1.5 * 3,
	}
	for _, v := range WaterVariants() {
		if got := v.litres(2, 3, 1.5, 0.4, 3); math.Abs(got-want[v]) > 1e-12 {
			t.Errorf("%s: got %g L, want %s = %g", v, got, v.Formula(), want[v])
		}
	}
}

// eGRID's gases, characterised: AR5 gives the total that the EPA prints.
func TestGWPSets(t *testing.T) {
	inv, err := Load("olmo2-7b-us", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := Usage{Cell: "c", Requests: 1, Energy: 3_600_000 * meter.Joule, Metered: Facility}
	want := map[GWPSet]float64{
		AR5: (767.2 + 0.057*28 + 0.008*265) * kgPerPound / 1000,
		AR6: (767.2 + 0.057*27.9 + 0.008*273) * kgPerPound / 1000,
	}
	for set, w := range want {
		a, err := Assess(inv, u, Options{GWP: set})
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := a.Outcome(GWP, Inference); math.Abs(o.Value/w-1) > 1e-12 {
			t.Errorf("%s: got %g kg per kWh, want %g", set, o.Value, w)
		}
	}
	if printed := 770.884 * kgPerPound / 1000; math.Abs(want[AR5]/printed-1) > 1e-4 {
		t.Errorf("AR5 gives %g, the EPA prints %g", want[AR5], printed)
	}
}

func TestServedModelIsRecognised(t *testing.T) {
	tests := []struct {
		served, title string
		want          bool
	}{
		{"allenai/OLMo-2-1124-7B-Instruct", "OLMo 2 7B", true},
		{"meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B", true},
		{"OLMoE-1B-7B-0924", "OLMoE 0924", true},
		{"allenai/OLMo-2-1124-13B", "OLMo 2 7B", false},
		{"SmolLM2-135M-Instruct-Q4", "OLMo 2 7B", false},
	}
	for _, test := range tests {
		if got := NamesModel(test.served, test.title); got != test.want {
			t.Errorf("%s as %s: got %v, want %v", test.served, test.title, got, test.want)
		}
	}
}

// Water is as scarce as where it is taken: what the site evaporates by the
// factor there, what generation takes by the grid's.
func TestWaterScarcity(t *testing.T) {
	text := strings.Replace(sixStages(), `{"title": "grid"`, `{"title": "grid", "aware": `+figure(3, "m3 world eq/m3", "grid"), 1)
	text = strings.Replace(text, `{"title": "site"`, `{"title": "site", "aware": `+figure(40, "m3 world eq/m3", "facility"), 1)
	u := served()
	u.Metered = Host
	a, err := Assess(inventoryOf(t, text), u, Options{MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	const kwh = 0.2
	want := (kwh*0.02*40 + kwh*1.19*1.4769*3) / 1e3
	if o, ok := a.Outcome(WaterScarcity, Inference); !ok || math.Abs(o.Value/want-1) > 1e-9 {
		t.Errorf("got %g m3 world eq, want %g", o.Value, want)
	}
	if _, ok := a.Outcome(WaterScarcity, Training); ok {
		t.Error("training has a water scarcity, though no factor of its places is known")
	}
}
