package lca

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// figure writes a figure of an inventory.
func figure(value float64, unit, boundary string) string {
	return fmt.Sprintf(`{"value": %v, "unit": %q, "source": "test", "year": 2026, "boundary": %q, "quality": "measured"}`, value, unit, boundary)
}

func grid(carbon, water, adpe, primary float64) string {
	return fmt.Sprintf(`{"title": "grid", "region": "X", "characterized_by": "unknown", "carbon": %s, "water": %s, "adpe": %s, "primary_energy": %s}`,
		figure(carbon, "kg CO2e/kWh", "grid"), figure(water, "L/kWh", "grid"), figure(adpe, "kg Sb eq/kWh", "grid"), figure(primary, "MJ/kWh", "grid"))
}

func site(pue, wue, host float64) string {
	return fmt.Sprintf(`{"title": "site", "pue": %s, "wue": %s, "host_factor": %s}`, figure(pue, "1", "facility"), figure(wue, "L/kWh", "facility"), figure(host, "1", "host"))
}

func priced(usd float64) string {
	return fmt.Sprintf(`{"title": "price", "electricity": %s}`, figure(usd, "USD/kWh", "facility"))
}

func machine(devices int, covers, adds string, carbon, adpe, primary, years float64) string {
	if adds != "" {
		adds = fmt.Sprintf(`"adds_to": %q, `, adds)
	}
	return fmt.Sprintf(`{"title": "part", "devices": %d, "covers": %q, %s"carbon": %s, "adpe": %s, "primary_energy": %s, "lifespan": %s}`, devices, covers, adds,
		figure(carbon, "kg CO2e", covers), figure(adpe, "kg Sb eq", covers), figure(primary, "MJ", covers), figure(years, "year", covers))
}

func stage(name, kind string, members ...string) string {
	return fmt.Sprintf(`{"name": %q, "kind": %q, %s}`, name, kind, strings.Join(members, ", "))
}

// member is a field of an object.
func member(name, value string) string { return fmt.Sprintf("%q: %s", name, value) }

// sixStages is the inventory of testdata/six_stages.py.
func sixStages() string {
	host := machine(8, "host", "baseboard", 5700, 0.37, 70000, 4)
	h100 := "[" + machine(1, "baseboard", "", 164, 0.0051, 1828, 4) + "," + host + "]"
	a100 := "[" + machine(1, "baseboard", "", 127.6, 0.0069, 2445, 4) + "," + host + "]"
	place := func(grid, site, price string) []string {
		return []string{member("electricity", grid), member("facility", site), member("price", price)}
	}
	iowa := place(grid(0.352, 3.1, 9.855e-8, 9.6884), site(1.12, 0, 1.6), priced(0.0691))
	france := place(grid(0.04418, 3.6737, 4.858e-8, 9.3135), site(1.26, 0.37, 1.6), priced(0.11))
	us := place(grid(0.38355, 3.1321, 9.855e-8, 9.6884), site(1.2, 0.3, 1.6), priced(0.08))
	one := func(name, kind, hardware string, place []string, mwh, hours float64) string {
		return stage(name, kind, append([]string{member("hardware", hardware), member("energy", figure(mwh, "MWh", "device")),
			member("device_time", figure(hours, "h", "device"))}, place...)...)
	}
	stages := []string{
		one("pretraining", "training", h100, iowa, 180, 300e3), one("sft", "training", a100, france, 3.2, 12e3),
		one("reward model", "training", a100, france, 0.8, 3e3), one("ppo", "training", a100, france, 5.5, 20e3),
		one("teacher tokens", "data", h100, us, 9, 14e3), one("failed runs", "experimentation", h100, iowa, 210, 350e3),
	}
	return fmt.Sprintf(`{"schema": 2, "name": "six", "hardware": [%s], "electricity": %s, "facility": %s, "price": %s,
		"model": {"title": "Acme 7B", "stages": [%s]}, "lifetime_inferences": %s}`,
		machine(8, "host", "", 4200, 0.24, 56000, 5), grid(0.2797, 1.4769, 2.193e-8, 8.0614), site(1.19, 0.02, 1.5), priced(0.14),
		strings.Join(stages, ",\n"), figure(2, "billion requests", "none"))
}

// served is a cell of a thousand requests.
func served() Usage {
	return Usage{Cell: "c", Requests: 1000, OutputTokens: 200_000, Energy: 720_000 * meter.Joule, EnergyKind: meter.KindCounter, Metered: Device,
		BusyTime: 90 * time.Minute, Devices: 1}
}

// Every stage is assessed with its own hardware, grid, facility and price: the
// truth of each, in every category, is an independent script's.
func TestSixStages(t *testing.T) {
	a, err := Assess(inventoryOf(t, sixStages()), served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, a)
}

// agrees compares every row per request with what the script says.
func agrees(t *testing.T, a Assessment, arguments ...string) {
	t.Helper()
	text, err := exec.Command("python3", append([]string{"testdata/six_stages.py"}, arguments...)...).Output()
	if err != nil {
		t.Skipf("no python3 to recompute with: %v", err)
	}
	var truth map[string]map[Category]float64
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, r := range a.Rows {
		if r.FunctionalUnit != string(PerRequest) {
			continue
		}
		want, ok := truth[string(r.Stage)][r.Category]
		if compared++; !ok || math.Abs(r.Value/want-1) > 1e-9 {
			t.Errorf("%s of %s: got %.12g, want %.12g", r.Category, r.Stage, r.Value, want)
		}
	}
	want := 0
	for _, stage := range truth {
		want += len(stage)
	}
	if compared != want {
		t.Errorf("compared %d rows, the script has %d", compared, want)
	}
}

// The rows of one kind sum to its term, and all kinds to the total.
func TestKindsSumToTotal(t *testing.T) {
	a, err := Assess(inventoryOf(t, sixStages()), served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range a.Assessed() {
		sum := 0.0
		for _, kind := range Stages() {
			rows := 0.0
			for _, o := range a.Outcomes {
				if o.Category == c && o.Kind == kind {
					rows += o.Value
				}
			}
			if o, ok := a.Outcome(c, kind); ok && math.Abs(o.Value-rows) > 1e-12*rows {
				t.Errorf("%s: %s is %g, its stages sum to %g", c, kind, o.Value, rows)
			}
			sum += rows
		}
		if total, _ := a.Outcome(c, Total); math.Abs(sum-total.Value) > 1e-12*sum {
			t.Errorf("%s: kinds sum to %g, the total is %g", c, sum, total.Value)
		}
	}
}

// withStage is the small inventory with one stage instead of its own.
func withStage(t *testing.T, stage string, from Sources) (Inventory, error) {
	t.Helper()
	a, b := strings.Index(good, `"stages": [`), strings.LastIndex(good, `}]`)
	return Decode("mine.json", []byte(good[:a]+`"stages": [`+stage+good[b+1:]), from)
}

// What a stage costs does not depend on how it is given: as figures, as a
// record, or as the making of another inventory's model.
func TestOneStageThreeWays(t *testing.T) {
	u := served()
	u.Metered = Device
	total := func(stage string, from Sources) map[Category]float64 {
		inv, err := withStage(t, stage, from)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Assess(inv, u, Options{MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		list := map[Category]float64{}
		for _, c := range a.Assessed() {
			o, _ := a.Outcome(c, Training)
			list[c] = o.Value
		}
		return list
	}
	figures := total(stage("training", "training", member("energy", figure(10, "MWh", "device")), member("device_time", figure(20000, "h", "device"))), nil)
	from := folder{
		texts: map[string]string{"base.json": strings.Replace(good, `"name": "mine"`, `"name": "base"`, 1)},
		records: map[string]Record{
			"REC": {Energy: 36_000_000_000 * meter.Joule, Metered: Device, DeviceTime: 20000 * time.Hour, Year: 2026, Source: "REC"},
			"N0":  {Energy: 30_000_000_000 * meter.Joule, Metered: Device, DeviceTime: 15000 * time.Hour, Year: 2026, Source: "N0"},
			"N1":  {Energy: 6_000_000_000 * meter.Joule, Metered: Device, DeviceTime: 5000 * time.Hour, Year: 2026, Source: "N1"},
		},
	}
	for what, got := range map[string]map[Category]float64{
		"as a record a node": total(stage("training", "training", member("record", `["N0", "N1"]`)), from),
		"as a record":        total(stage("training", "training", member("record", `"REC"`)), from),
		"as a making":        total(stage("training", "training", member("assessment", `{"inventory": "base.json", "making": true}`)), from),
	} {
		for c, want := range figures {
			if math.Abs(got[c]/want-1) > 1e-12 {
				t.Errorf("%s: %s is %g, as figures %g", what, c, got[c], want)
			}
		}
	}
}

// So many units of another run cost what the run says that one costs.
func TestStageOfAnotherRun(t *testing.T) {
	from := folder{rows: map[string][]Row{"OUT": {
		{Cell: "a", FunctionalUnit: "output_token", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 2e-6, Lo: 1e-6, Hi: 4e-6},
		{Cell: "a", FunctionalUnit: "output_token", Category: Energy, Unit: "kWh", Stage: Total, Value: 5e-6},
		{Cell: "b", FunctionalUnit: "output_token", Category: GWP, Unit: "kg CO2e", Stage: Total, Value: 9e-6},
	}}}
	inv, err := withStage(t, stage("teacher", "data", member("assessment", `{"run": "OUT", "functional_unit": "output_token", "count": `+figure(3, "billion output tokens", "none")+`}`)), from)
	if err != nil {
		t.Fatal(err)
	}
	u := served()
	a, err := Assess(inv, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[Category]float64{GWP: 2e-6 * 3e9, Energy: 5e-6 * 3e9} {
		o, _ := a.Outcome(c, Data)
		if got := o.Value * 1e9 / float64(u.Requests); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("%s of the teacher: got %g, want %g", c, got, want)
		}
	}
}

// A share scales a stage and nothing else; shares that sum to one hand the
// whole stage on.
func TestSharesSumToOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		part := rapid.Float64Range(0.01, 0.99).Draw(rt, "share")
		of := func(share float64) float64 {
			s := stage("training", "training", member("energy", figure(10, "MWh", "device")), member("device_time", figure(20000, "h", "device")),
				member("share", strings.Replace(figure(share, "1", "none"), `"quality"`, `"reason": "products", "quality"`, 1)))
			inv, err := withStage(t, s, nil)
			if err != nil {
				rt.Fatal(err)
			}
			a, err := Assess(inv, served(), Options{})
			if err != nil {
				rt.Fatal(err)
			}
			o, _ := a.Outcome(GWP, Training)
			return o.Value
		}
		if got, want := of(part)+of(1-part), of(1); math.Abs(got/want-1) > 1e-12 {
			rt.Errorf("shares %g and the rest: %g, the whole stage %g", part, got, want)
		}
	})
}

// The making is shared by what the lifetime counts: a long answer carries more
// of it by token and the same by request.
func TestAllocation(t *testing.T) {
	lifetime := `"lifetime_inferences": {"value": 1, "unit": "billion requests"`
	of := func(change string, tokens int64) float64 {
		inv := inventoryOf(t, strings.Replace(good, lifetime, change, 1))
		u := served()
		u.OutputTokens, u.Conversations = tokens, 1000
		a, err := Assess(inv, u, Options{})
		if err != nil {
			t.Fatal(err)
		}
		o, _ := a.Outcome(GWP, Training)
		return o.Value
	}
	byToken := `"lifetime_inferences": {"value": 200, "unit": "billion output tokens"`
	mean := `"allocation": {"by": "output_token", "reason": "answers differ", "per_request": ` + figure(200, "1", "none") + `}, ` + lifetime
	months := `"lifetime_rate": ` + figure(1e9/24, "requests/month", "none") + `, "lifetime_inferences": {"value": 2, "unit": "year"`
	base := of(lifetime, 200_000)
	for _, test := range []struct {
		what   string
		change string
		tokens int64
		want   float64 // of base
	}{
		{"by request, a short answer", lifetime, 20_000, 1},
		{"by token, the mean answer", byToken, 200_000, 1},
		{"by token, a tenth of it", byToken, 20_000, 0.1},
		{"a lifetime of requests by token", mean, 400_000, 2},
		{"a lifetime of requests by token, answers of one token", mean, 1000, 0.005},
		{"a lifetime of requests by conversation, single turns", strings.Replace(strings.Replace(mean, "output_token", "conversation", 1), `"value": 200`, `"value": 0.2`, 1), 1000, 5},
		{"a lifetime of tokens by request, answers of one token", `"allocation": {"by": "request", "reason": "r", "per_request": ` + figure(200, "1", "none") + `}, ` + byToken, 1000, 1},
		{"two years at a monthly rate", months, 200_000, 1},
		{"two years at a monthly rate of tokens, a tenth of the mean answer", strings.Replace(months, figure(1e9/24, "requests/month", "none"), figure(200.0/24, "billion output tokens/month", "none"), 1), 20_000, 0.1},
		{"two years at a daily rate of conversations", strings.Replace(months, figure(1e9/24, "requests/month", "none"), figure(1e9/730, "conversations/day", "none"), 1), 20_000, 1},
	} {
		if got := of(test.change, test.tokens) / base; math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: got %g of the making by request, want %g", test.what, got, test.want)
		}
	}
}

// A lifetime in requests that is chosen says nothing of the tokens by which the inventory
// shares the making: it is shared by request, which is told.
func TestChosenLifetimeOfAnotherAllocation(t *testing.T) {
	lifetime := `"lifetime_inferences": {"value": 1, "unit": "billion requests"`
	for _, test := range []struct {
		what, change string
		told         bool
	}{
		{"shared by request", lifetime, false},
		{"shared by tokens, as the lifetime counts", `"lifetime_inferences": {"value": 200, "unit": "billion output tokens"`, true},
		{"shared by tokens, of which a request has so many", `"allocation": {"by": "output_token", "reason": "r", "per_request": ` + figure(200, "1", "none") + `}, ` + lifetime, false},
	} {
		a, err := Assess(inventoryOf(t, strings.Replace(good, lifetime, test.change, 1)), served(), Options{LifetimeInferences: 1e9})
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(strings.Join(a.Warnings, "\n"), "the inventory shares the making by output token"); told != test.told {
			t.Errorf("%s: told %v, want %v: %q", test.what, told, test.told, a.Warnings)
		}
	}
}

// Serving has more than one stack: a share of the machine, machines beside it,
// and idle ones.
func TestServing(t *testing.T) {
	serving := func(members string) (embodied, idle float64) {
		inv := inventoryOf(t, strings.Replace(good, `"model":`, `"serving": {`+members+`}, "model":`, 1))
		a, err := Assess(inv, served(), Options{MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		e, _ := a.Outcome(GWP, Embodied)
		i, _ := a.Outcome(GWP, Idle)
		return e.Value, i.Value
	}
	whole, _ := serving("")
	if got, _ := serving(`"share": "2/128"`); math.Abs(got/whole-2.0/128) > 1e-12 {
		t.Errorf("2 of 128 threads carry %g of the machine", got/whole)
	}
	if got, _ := serving(`"machines": [{"name": "retrieval", "per_device": "1/8", "hardware": ["server-ademe"]}]`); math.Abs(got-whole-1.5/8*3660/35040) > 1e-12 {
		t.Errorf("a host for eight devices adds %g kg, want %g", got-whole, 1.5/8*3660/35040)
	}
	for boundary, pue := range map[string]float64{"device": 1.2, "host": 1.2, "facility": 1} { // which has the overhead in it
		_, idle := serving(`"idle_time": ` + figure(0.5, "1", "none") + `, "idle_power": ` + figure(100, "W", boundary))
		if want := 0.75*0.1*pue*0.4 + 0.75*100/35040; math.Abs(idle/want-1) > 1e-12 {
			t.Errorf("0.75 idle device-hours, metered at the %s, cost %g kg, want %g", boundary, idle, want)
		}
	}
}

// A host factor multiplies accelerators alone: processors that were metered
// beside them are in it.
func TestHostFactorIsOfAccelerators(t *testing.T) {
	inv, err := Load("olmo2-7b-us", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := served()
	u.Requests, u.Energy, u.ProcessorEnergy = 1, 10_350_000, 2_070_000
	a, err := Assess(inv, u, Options{MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := a.Outcome(Energy, Inference); math.Abs(o.Value/(8.28*1.74*1.4/3.6e6)-1) > 1e-9 {
		t.Errorf("got %g mWh, want 5.60: GPU × host factor × PUE", o.Value*1e6)
	}
	// Processors that took more than the factor adds were metered all the same.
	u.ProcessorEnergy = 8_280_000
	if a, err = Assess(inv, u, Options{MixBoundaries: true}); err != nil {
		t.Fatal(err)
	}
	if o, _ := a.Outcome(Energy, Inference); math.Abs(o.Value/(10.35*1.4/3.6e6)-1) > 1e-9 {
		t.Errorf("got %g mWh, want 4.03: what was metered × PUE", o.Value*1e6)
	}
	if !slices.ContainsFunc(a.Warnings, func(w string) bool { return strings.Contains(w, "less than was metered") }) {
		t.Errorf("no warning says that the host factor is not applied: %q", a.Warnings)
	}
}

// A printed figure of another variant than was asked for is computed anew from
// the stage's energy.
func TestPrintedVariants(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := inv.Model.Usage(inv.Model.Runs[0])
	a, err := Assess(inv, u, Options{Water: WaterOnSite})
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := a.Outcome(Water, Training); o.Value > 0.004*u.BusyTime.Hours()*1e3 {
		t.Errorf("training takes %g L on site, where there is none but in making hardware", o.Value)
	}
	lib, err := loadLibrary()
	if err != nil {
		t.Fatal(err)
	}
	c := &loader{checker: &checker{}, lib: lib}
	lumi := lib.model["olmo-7b-lumi"]
	c.model(&lumi.value, lumi.at)
	for basis, want := range map[Basis]float64{LocationBased: 149_000 * 0.05747, MarketBased: 0} {
		inv := inv.WithModel(lumi.value)
		inv.Electricity = lumi.value.Stages[0].Electricity.value
		a, err := Assess(inv, u, Options{Basis: basis, MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		row := slices.IndexFunc(a.Outcomes, func(o Outcome) bool { return o.Category == GWP && o.Kind == Training })
		if got := a.Outcomes[row].Value * inv.LifetimeInferences.canonical / float64(u.Requests); math.Abs(got-want) > 1e-6*want+1e-9 {
			t.Errorf("%s-based training on LUMI: got %g kg, want %g", basis, got, want)
		}
	}
}

// Amounts in two currencies are never added.
func TestCurrenciesAreTyped(t *testing.T) {
	text := strings.Replace(sixStages(), `"unit": "USD/kWh"`, `"unit": "EUR/kWh"`, 1) // the serving's
	a, err := Assess(inventoryOf(t, text), served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Rows {
		if r.Category == Cost && (r.Unit != "EUR" || r.Kind != Inference && r.Kind != Total) {
			t.Errorf("a cost of %s in %s beside electricity in EUR", r.Stage, r.Unit)
		}
	}
	if !strings.Contains(strings.Join(a.Warnings, "\n"), "in USD and the serving's electricity in EUR: left out") {
		t.Errorf("nothing says that prices in USD are left out: %q", a.Warnings)
	}
}

// A two-socket server carries the whole of itself where hosts are counted.
func TestDevicesCountByKind(t *testing.T) {
	inv := inventoryOf(t, good)
	lib, err := loadLibrary()
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{}
	r740 := lib.hardware["server-dell-r740"]
	c.hardware(&r740.value, r740.at)
	inv.Hardware = []Hardware{r740.value}
	u := served()
	u.Counts, u.Metered = Hosts, Host
	a, err := Assess(inv, u, Options{MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := a.Outcome(GWP, Embodied); math.Abs(o.Value/(1.5*1313/35040)-1) > 1e-12 {
		t.Errorf("got %g kg of 1.5 host-hours, want %g", o.Value, 1.5*1313/35040)
	}
}

// Assessments under one name are told apart by what was read and chosen.
func TestHashAndChoices(t *testing.T) {
	a, b := inventoryOf(t, good), inventoryOf(t, strings.Replace(good, `"value": 1.2`, `"value": 1.3`, 1))
	if a.Name != b.Name || a.Hash == b.Hash || len(a.Hash) != 64 {
		t.Errorf("two inventories %q hash to %q and %q", a.Name, a.Hash, b.Hash)
	}
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{Share: 0.5, Grid: "ecologits-fra"}, "share=0.5 grid=ecologits-fra"},
		{Options{GWP: AR5, Water: WaterOnSite, Basis: MarketBased, Embodied: BusyHours}, "gwp=ar5 water-variant=onsite basis=market embodied-convention=busy"},
		{Options{GWP: AR6, Water: WaterLi, Basis: LocationBased, Embodied: Calendar}, ""},
	} {
		if got := test.options.Choices(); got != test.want {
			t.Errorf("choices: got %q, want %q", got, test.want)
		}
	}
}

// A window too short for its meter is assessed all the same: its interval reaches
// down towards nothing, and a warning says why.
func TestMeterErrsByAllItCounted(t *testing.T) {
	inv, err := Load("olmo2-7b-us", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := served()
	u.Meter = MeterError{Gain: 0.05, Sampling: 2}
	a, err := Assess(inv, u, Options{MixBoundaries: true, Draws: 2000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := a.Outcome(Energy, Inference)
	if !(o.Lo >= 0 && o.Lo < o.Value/10 && o.Hi > 2*o.Value) {
		t.Errorf("got %g in [%g, %g], want an interval from nearly nothing to more than twice as much", o.Value, o.Lo, o.Hi)
	}
	if !slices.ContainsFunc(a.Warnings, func(w string) bool { return strings.Contains(w, "measure for longer") }) {
		t.Errorf("no warning says that the meter errs by all it counted: %q", a.Warnings)
	}
}
