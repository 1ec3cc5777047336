package lca

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// withMembers adds fields to a figure.
func withMembers(figure, members string) string {
	return strings.Replace(figure, `"quality"`, members+`, "quality"`, 1)
}

// base is an inventory with a published run, whose training was printed by the
// market and at a place of its own if own says so.
func base(own string) string {
	carbon := member("carbon", withMembers(figure(7, "t CO2e", "device"), `"basis": "market"`))
	run := `"runs": [{"rate": "inf", "requests": 100, "output_tokens": 20000, "devices": 1, "energy": ` + figure(1, "kWh", "device") +
		`, "wall_time": ` + figure(3, "h", "device") + `}], `
	return strings.NewReplacer(
		`"stages": [`, run+`"stages": [`, `"kind": "training",`, `"kind": "training", `+carbon+`, `+own,
		`"characterized_by"`, `"carbon_market": `+figure(0.1, "kg CO2e/kWh", "grid")+`, "emissions": {"CO2": `+figure(300, "g/kWh", "grid")+
			`, "CH4": `+figure(9, "g/kWh", "grid")+`, "SO2": `+figure(2, "g/kWh", "grid")+`}, "characterized_by"`).Replace(good)
}

// What is taken over from another inventory costs what it costs there, by the
// conventions and in the categories of the assessment that takes it.
func TestUpstreamIsWhatItIsThere(t *testing.T) {
	place := `"electricity": {"title": "g", "region": "X", "characterized_by": "ar5", "carbon": ` + figure(0.5, "kg CO2e/kWh", "grid") + `}, "facility": {"title": "f"}, `
	from := folder{texts: map[string]string{"base.json": base(""), "placed.json": base(place)}}
	u := served()
	for _, test := range []struct {
		what, file string
		options    Options
		categories []Category
		warning    string // of the making
	}{
		{"no choice", "base.json", Options{}, []Category{GWP, Energy, "acidification"}, "used as printed"},
		{"other GWPs", "base.json", Options{GWP: AR5}, []Category{GWP}, "used as printed"},
		{"by the market, as printed", "base.json", Options{Basis: MarketBased}, []Category{GWP}, ""},
		{"busy hours", "base.json", Options{Embodied: BusyHours}, []Category{GWP}, ""},
		{"a category that waits to be asked for", "base.json", Options{Categories: []Category{"ef_acidification"}}, []Category{"ef_acidification"}, ""},
		{"a printed figure that its own place replaces", "placed.json", Options{}, []Category{GWP}, "computed location-based"},
	} {
		t.Run(test.what, func(t *testing.T) {
			inv := inventoryOf(t, from.texts[test.file])
			o := test.options
			o.MixBoundaries = true
			there, err := Assess(inv, inv.Model.Usage(inv.Model.Runs[0]), o)
			if err != nil {
				t.Fatal(err)
			}
			for assessment, kind := range map[string]Stage{
				`{"inventory": "` + test.file + `", "rate": "inf", "functional_unit": "output_token", "count": ` + figure(5, "million output tokens", "none") + `}`: Total,
				`{"inventory": "` + test.file + `", "making": true}`: Training,
			} {
				text := strings.Replace(base(""), `"stages": [`, `"stages": [`+stage("taken", "data", member("assessment", assessment))+`, `, 1)
				inv, err := Decode("mine.json", []byte(text), from)
				if err != nil {
					t.Fatal(err)
				}
				here, err := Assess(inv, u, o)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range test.categories {
					got, _ := here.Outcome(c, Data)
					o, _ := there.Outcome(c, kind)
					want := o.Value / 20000 * 5e6
					if kind == Training {
						want = o.Value / 100 * 1e9
					}
					if got := got.Value / float64(u.Requests) * 1e9; math.Abs(got/want-1) > 1e-12 {
						t.Errorf("%s taken by %s: %g, there %g", c, assessment, got, want)
					}
				}
				if kind == Training && !strings.Contains(strings.Join(here.Warnings, "\n"), test.warning) {
					t.Errorf("warnings %q, want one of what was printed: %q", here.Warnings, test.warning)
				}
			}
		})
	}
}

// What a run folder says of its own cost is not changed by a choice made here; a
// warning says by what it was made.
func TestUpstreamRunOfOtherConventions(t *testing.T) {
	rows := []Row{{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 1}}
	from := folder{rows: map[string][]Row{"OUT": rows}, under: Options{GWP: AR5, Water: WaterLi, Basis: MarketBased, Embodied: Calendar}}
	inv, err := withStage(t, stage("index", "data", member("assessment", `{"run": "OUT", "functional_unit": "request", "count": `+figure(1, "requests", "none")+`}`)), from)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Assess(inv, served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `stage "index": OUT was amortized with --gwp ar5, not ar6, --basis market, not location: its figures are used as they are; amortize it by the same conventions`
	if got := strings.Join(a.Warnings, "\n"); !strings.Contains(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// A part of a part is drawn as two figures, each in its own unit and within what
// it can be.
func TestShareOfAShare(t *testing.T) {
	own := withMembers(figure(20, "%", "none"), `"reason": "r", "spread": {"shape": "uniform", "low": 10, "high": 30}`)
	theirs := withMembers(figure(0.5, "1", "none"), `"reason": "r", "spread": {"shape": "uniform", "low": 0.4, "high": 0.6}`)
	text := strings.Replace(good, `"kind": "training",`, `"kind": "training", `+member("share", theirs)+`,`, 1)
	inv, err := withStage(t, stage("base", "training", member("assessment", `{"inventory": "base.json", "making": true}`), member("share", own)), folder{texts: map[string]string{"base.json": text}})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Assess(inventoryOf(t, good), served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Assess(inv, served(), Options{Draws: 20_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	all, _ := whole.Outcome(GWP, Training)
	got, _ := a.Outcome(GWP, Training)
	if part := got.Value / all.Value; math.Abs(part-0.1) > 1e-12 {
		t.Errorf("a fifth of a half is %g", part)
	}
	// The product of both uniform shares has its 95 % between 0.0488 and 0.159; the
	// stage's other figures, all measured, widen it by a few per cent.
	if lo, hi := got.Lo/all.Value, got.Hi/all.Value; lo < 0.045 || lo > 0.052 || hi < 0.15 || hi > 0.17 {
		t.Errorf("its interval is [%.4g, %.4g], want about [0.049, 0.159]", lo, hi)
	}
}

// What the meters of a record did not see is said of the stage that it is, also where
// another inventory takes the stage over.
func TestRecordWithAGap(t *testing.T) {
	of := func(u Unmetered) Record {
		return Record{Energy: 36e12, Metered: Device, Year: 2026, Source: "REC", Unmetered: u}
	}
	hour := 90 * time.Minute
	from := folder{records: map[string]Record{
		"WHOLE": of(Unmetered{}), "CUT": of(Unmetered{Cut: 1}), "GAP": of(Unmetered{hour, 1, 1}), "GAPS": of(Unmetered{3 * hour, 2, 1}),
	}}
	a, b := strings.Index(good, `"stages": [`), strings.LastIndex(good, `}]`)
	from.texts = map[string]string{"base.json": good[:a] + `"stages": [` + stage("run", "training", member("record", `"GAP"`)) + good[b+1:]}
	for _, test := range []struct {
		why, stage, want string // the doubt, "" if there is none
	}{
		{"a record that is whole", stage("run", "training", member("record", `"WHOLE"`)), ""},
		{"one that goes on after a kill", stage("run", "training", member("record", `"GAP"`)), `stage "run": its record has a gap of 1h30m0s: what was used then is not counted`},
		{"one that was never gone on with", stage("run", "training", member("record", `"CUT"`)), `stage "run": its record was cut short, and for how long it went on is not known: what was used then is not counted`},
		{"several nodes", stage("run", "training", member("record", `["GAP", "WHOLE", "GAPS"]`)), `stage "run": its record has 3 gaps, 6h0m0s in all: what was used then is not counted`},
		{"a making that is taken over", stage("base", "training", member("assessment", `{"inventory": "base.json", "making": true}`)), `stage "base: run": its record has a gap of 1h30m0s: what was used then is not counted`},
	} {
		inv, err := withStage(t, test.stage, from)
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
			continue
		}
		assessed, err := Assess(inv, served(), Options{MixBoundaries: true})
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
			continue
		}
		got := slices.DeleteFunc(slices.Clone(assessed.Warnings), func(w string) bool { return !strings.Contains(w, "its record") })
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%s: got the doubts %q, want %q", test.why, got, test.want)
		}
	}
}

// The bracket of a modelled record is that of its input, not of the model.
func TestRecordOfAModel(t *testing.T) {
	for kind, want := range map[meter.Kind]Spread{
		meter.KindCounter: {Shape: Uniform, Low: 9, High: 12}, meter.KindModel: DefaultSpread(Modelled),
	} {
		r := Record{Energy: 36e12, EnergyLo: 32.4e12, EnergyHi: 43.2e12, Kind: kind, Metered: Device, Year: 2026, Source: "REC"}
		inv, err := withStage(t, stage("run", "training", member("record", `"REC"`)), folder{records: map[string]Record{"REC": r}})
		if err != nil {
			t.Fatal(err)
		}
		if got := inv.Upfront[0].Energy.SpreadOf(); got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}

// A record of a host has all of its processors, and what it was metered on is told from
// what its stage is charged with.
func TestRecordOnItsHardware(t *testing.T) {
	record := func(counts Counts, products ...string) Record {
		return Record{Energy: 36e12, Metered: Host, DeviceTime: time.Hour, Counts: counts, Products: products, Year: 2026, Source: "REC"}
	}
	h100, xeon := "NVIDIA H100 80GB HBM3", "Intel(R) Xeon(R) Gold 6130"
	for _, test := range []struct {
		why, hardware string
		record        Record
		machines      float64 // that the record's hour is charged with
		doubt         string
	}{
		{"a host of two processors", `["server-dell-r740"]`, record(Hosts, xeon), 1, ""},
		{"a host of a processor that no words name", `["server-ademe"]`, record(Hosts, "Neoverse-V2"), 1, ""},
		{"an hour of one of its processors", `["server-dell-r740"]`, record("", xeon), 0.5, ""},
		{"the accelerator that it is charged with", `["h100-ademe2026"]`, record(Accelerators, h100), 1, ""},
		{"another accelerator", `["h100-ademe2026"]`, record(Accelerators, h100, "NVIDIA A100-SXM4-80GB"), 1, `stage "run" was metered on NVIDIA H100 80GB HBM3, NVIDIA A100-SXM4-80GB, but its hardware is`},
		{"a host that is charged as an accelerator", `["h100-ademe2026"]`, record(Hosts), 1, `stage "run": its record counted hosts and`},
		{"accelerators that are charged as hosts", `["server-ademe"]`, record(Accelerators, h100), 1, `stage "run": its record counted accelerators and`},
	} {
		text := stage("run", "training", member("record", `"REC"`), `"hardware": `+test.hardware, `"electricity": "ecologits-fra", "facility": "ovh"`)
		inv, err := withStage(t, text, folder{records: map[string]Record{"REC": test.record}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Assess(inv, served(), Options{MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		h := inv.Upfront[0].Parts()[0]
		want := test.machines * h.Impacts["carbon"].Canonical() / h.Lifespan.Canonical()
		if h.Counts == Accelerators {
			want /= float64(h.Devices)
		}
		if got := a.Balance(GWP).UpfrontHardware; math.Abs(got/want-1) > 1e-12 {
			t.Errorf("%s: an hour is charged with %g kg CO2e, want %g", test.why, got, want)
		}
		doubts := slices.DeleteFunc(slices.Clone(a.Warnings), func(w string) bool { return !strings.HasPrefix(w, `stage "run"`) })
		if got := strings.Join(doubts, "\n"); test.doubt == "" && got != "" || !strings.Contains(got, test.doubt) {
			t.Errorf("%s: doubts %q, want %q", test.why, got, test.doubt)
		}
	}
}

// How many units of another assessment were taken is as uncertain as it is said to be.
func TestCountOfUnitsIsDrawn(t *testing.T) {
	rows := []Row{{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 1, Lo: 1, Hi: 1}}
	count := withMembers(figure(2, "million requests", "none"), `"spread": {"shape": "uniform", "low": 1, "high": 3}`)
	inv, err := withStage(t, stage("teacher", "data", member("assessment", `{"run": "OUT", "functional_unit": "request", "count": `+count+`}`)), folder{rows: map[string][]Row{"OUT": rows}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Assess(inv, served(), Options{Draws: 20_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := a.Outcome(GWP, Data)
	if want := 2e6 * 1000 / 1e9; math.Abs(got.Value/want-1) > 1e-12 {
		t.Errorf("they cost %g, want %g", got.Value, want)
	}
	// The lifetime, measured, widens it by some thousandths.
	if lo, hi := got.Lo/got.Value, got.Hi/got.Value; math.Abs(lo-0.525) > 0.02 || math.Abs(hi-1.475) > 0.03 {
		t.Errorf("its interval is %.3f to %.3f of it, want 0.525 to 1.475", lo, hi)
	}
	if !slices.Contains(inv.Figures(), inv.Upfront[0].Assessment.Count) {
		t.Error("the number of units is no figure of the inventory")
	}
}

// What an inventory takes in is of its hash: with another figure in it, assessments under
// the same text are not alike.
func TestHashIsOfWhatIsTakenIn(t *testing.T) {
	of := func(mass string, kg float64, energy meter.Energy) string {
		from := folder{
			texts:   map[string]string{"base.json": strings.Replace(good, `"value": 100`, `"value": `+mass, 1)},
			rows:    map[string][]Row{"OUT": {{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: kg}}},
			records: map[string]Record{"REC": {Energy: energy, Metered: Device, Year: 2026, Source: "REC"}},
		}
		inv, err := withStage(t, stage("base", "training", member("assessment", `{"inventory": "base.json", "making": true}`))+`, `+
			stage("teacher", "data", member("assessment", `{"run": "OUT", "functional_unit": "request", "count": `+figure(1, "requests", "none")+`}`))+`, `+
			stage("run", "training", member("record", `"REC"`)), from)
		if err != nil {
			t.Fatal(err)
		}
		return inv.Hash
	}
	first := of("100", 1, 36e12)
	for what, hash := range map[string]string{"another inventory": of("101", 1, 36e12), "another run": of("100", 2, 36e12), "another record": of("100", 1, 37e12)} {
		if hash == first {
			t.Errorf("%s: the same hash", what)
		}
	}
	if of("100", 1, 36e12) != first {
		t.Error("the same twice: another hash")
	}
	if inv := inventoryOf(t, good); inv.Hash != hashOf([]byte(good)) {
		t.Error("an inventory that takes nothing in has another hash than its text")
	}
}

// A stage that is another assessment has no hardware and no place of the inventory through
// which it is taken over: nothing of it ran there.
func TestTakenOverAssessmentsHaveNoPlace(t *testing.T) {
	a, b := strings.Index(good, `"stages": [`), strings.LastIndex(good, `}]`)
	tokens := stage("tokens", "data", member("assessment", `{"run": "OUT", "functional_unit": "request", "count": `+figure(1, "requests", "none")+`}`))
	utilisation := `"utilisation": {"value": 0.5, "unit": "1", "source": "scheduler", "year": 2025, "boundary": "device", "quality": "measured"}`
	between := strings.Replace(good[:a]+`"stages": [`+tokens+good[b+1:], ",\n    "+utilisation, "", 1)
	if strings.Contains(between, "utilisation") {
		t.Fatal("the hardware between has a utilisation still")
	}
	from := folder{
		texts: map[string]string{"between.json": between},
		rows:  map[string][]Row{"OUT": {{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 3, Lo: 3, Hi: 3}}},
		under: Options{Embodied: BusyHours},
	}
	inv, err := withStage(t, stage("base", "training", member("assessment", `{"inventory": "between.json", "making": true}`)), from)
	if err != nil {
		t.Fatal(err)
	}
	if p := &inv.Upfront[0]; p.Grid() != nil || len(p.Parts()) > 0 {
		t.Errorf("it is said to have run on %v with %v", p.Grid(), p.Parts())
	}
	got, err := Assess(inv, served(), Options{Embodied: BusyHours})
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := got.Outcome(GWP, Training); math.Abs(o.Value/(3*1000/1e9)-1) > 1e-12 {
		t.Errorf("it costs %g, want %g", o.Value, 3*1000/1e9)
	}
}

// What two stages take from one run, or from one record, is one measurement: it errs alike
// in both, also where the stages are of different inventories.
func TestOneCauseIsDrawnOnce(t *testing.T) {
	from := folder{
		rows: map[string][]Row{
			"OUT":   {{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 1, Lo: 0.5, Hi: 1.5}, {Cell: "a", FunctionalUnit: "output_token", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 0.01, Lo: 0.005, Hi: 0.015}},
			"OTHER": {{Cell: "a", FunctionalUnit: "request", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 1, Lo: 0.5, Hi: 1.5, Source: "another"}},
		},
		records: map[string]Record{"REC": {Energy: 36e12, EnergyLo: 18e12, EnergyHi: 54e12, Kind: meter.KindCounter, Metered: Device, Year: 2026, Source: "REC", Parts: []string{"begin"}}},
	}
	taken := func(name, run, unit, count string) string {
		return stage(name, "data", member("assessment", `{"run": "`+run+`", "functional_unit": "`+unit+`", "count": `+withMembers(count, `"spread": {"shape": "fixed"}`)+`}`))
	}
	half := withMembers(figure(0.5, "1", "none"), `"reason": "r", "spread": {"shape": "fixed"}`)
	recorded := func(name string) string {
		return stage(name, "data", member("record", `"REC"`), member("share", half), `"electricity": {"title": "g", "region": "X", "characterized_by": "ar6", "carbon": `+withMembers(figure(1, "kg CO2e/kWh", "grid"), `"spread": {"shape": "fixed"}`)+`}, "facility": {"title": "f"}, "hardware": ["h100-ademe2026"]`)
	}
	requests, tokens := figure(1, "million requests", "none"), figure(100, "million output tokens", "none")
	for _, test := range []struct {
		what, stages  string
		lowest, width float64 // of the 95 % interval, relative to the value
	}{
		{"two stages of one run", taken("x", "OUT", "request", requests) + ", " + taken("y", "OUT", "request", requests), 0.61, 0.776},
		{"in other units of it", taken("x", "OUT", "request", requests) + ", " + taken("y", "OUT", "output_token", tokens), 0.61, 0.776},
		{"of two runs", taken("x", "OUT", "request", requests) + ", " + taken("y", "OTHER", "request", requests), 0.72, 0.56},
		{"two parts of one record", recorded("x") + ", " + recorded("y"), 0.525, 0.95},
	} {
		inv, err := withStage(t, test.stages, from)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Assess(inv, served(), Options{Draws: 20_000, Seed: 1, MixBoundaries: true, Categories: []Category{GWP}})
		if err != nil {
			t.Fatal(err)
		}
		o, _ := a.Outcome(GWP, Data)
		if lo, width := o.Lo/o.Value, (o.Hi-o.Lo)/o.Value; math.Abs(lo-test.lowest) > 0.03 || math.Abs(width-test.width) > 0.04 {
			t.Errorf("%s: from %.3f of it, %.3f wide; want %.3f and %.3f", test.what, lo, width, test.lowest, test.width)
		}
	}
	// Of two designs that take the same and nothing else, none is cheaper in any draw.
	var list []Assessment
	for _, name := range []string{"x", "renamed"} {
		inv, err := withStage(t, taken(name, "OUT", "request", requests), from)
		if err != nil {
			t.Fatal(err)
		}
		inv.Upfront[0].Printed["carbon"].place.File = name + ".json" // as of another file
		a, err := Assess(inv, served(), Options{Categories: []Category{GWP}})
		if err != nil {
			t.Fatal(err)
		}
		a.Options.Draws, a.Options.Seed = 1000, 1
		list = append(list, a)
	}
	r, err := Compare(t.Context(), list, string(PerRequest), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if x := r.Crossings[0]; x.DifferenceLo.Value != 0 || x.DifferenceHi.Value != 0 {
		t.Errorf("two designs that take the same differ by %v to %v", x.DifferenceLo, x.DifferenceHi)
	}
}
