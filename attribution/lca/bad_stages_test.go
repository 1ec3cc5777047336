package lca

import (
	"fmt"
	"strings"
	"testing"
)

// Each field of the second version of the format, in its wrong forms.
func TestBadStagesAndServing(t *testing.T) {
	energy := member("energy", figure(1, "MWh", "device"))
	count := member("count", figure(1, "billion requests", "none"))
	from := folder{
		texts: map[string]string{"mine.json": good, "empty.json": good[:strings.Index(good, `"stages": [`)] + `"runs": []` + good[strings.LastIndex(good, "}]\n  },\n")+2:]},
		records: map[string]Record{
			"BAD": {Energy: 1, EnergyLo: 2, EnergyHi: 3, Metered: Device}, "GOOD": {Energy: 1, Metered: Device}, "HOST": {Energy: 1, Metered: Host},
			"NODE0": {Energy: 1, Metered: Device, Parts: []string{"begin 0"}}, "NODE1": {Energy: 1, Metered: Device, Parts: []string{"begin 1"}},
			"ALL": {Energy: 2, Metered: Device, Parts: []string{"begin 0", "begin 1"}},
		},
	}
	stages := []struct {
		what, stage string
		want        string // after "mine.json:20: model.stages[0]"
	}{
		{"no name", `{"kind": "training", ` + energy + `}`, `.name: missing: name the stage`},
		{"a name of the program's", stage("total", "training", energy), `.name: "total" is what this program calls a part of serving: give another name`},
		{"an unknown kind", stage("x", "cooking", energy), `.kind: "cooking" is not a kind of stage: give one of [service training data experimentation evaluation end_of_life]`},
		{"no figure", stage("x", "training", `"year": 2026`), `: has no figure: give energy, device_time, a printed impact, a record or an assessment, or leave it out`},
		{"an unknown category", stage("x", "training", energy, member("carbn", figure(1, "t CO2e", "device"))), `.carbn: no such field: see docs/lca.md for the format`},
		{"text for an unknown field", stage("x", "training", energy, `"nmae": "y"`), `.nmae: no such field: see docs/lca.md for the format`},
		{"a null figure", stage("x", "training", energy, `"carbon": null`), `.carbon: is null: give a value, or leave it out`},
		{"an energy in kilograms", stage("x", "training", member("energy", figure(1, "t CO2e", "device"))), `.energy.unit: "t CO2e" is not a unit of energy: give one of GWh, J, MJ, MWh, Wh, kJ, kWh`},
		{"a negative device time", stage("x", "training", member("device_time", figure(-1, "h", "device"))), `.device_time.value: -1 h must not be negative: check the value and its unit`},
		{"a year before computers", stage("x", "training", energy, `"year": 1848`), `.year: is 1848: give the year in which the stage ran`},
		{"a share above one", stage("x", "training", energy, member("share", strings.Replace(figure(2, "1", "none"), `"quality"`, `"reason": "r", "quality"`, 1))), `.share.value: 2 must be above 0 and at most 1 (100 %): check the value and its unit`},
		{"a share without a reason", stage("x", "training", energy, member("share", figure(0.5, "1", "none"))), `.share.reason: missing: say why this product carries that part of the stage`},
		{"no hardware at all", stage("x", "training", energy, `"hardware": []`), `.hardware: is empty: name a preset or describe the hardware, or leave it out`},
		{"unknown hardware", stage("x", "training", energy, `"hardware": ["abacus"]`), `.hardware[0]: no hardware preset is called "abacus": see cfu amortize --list-presets`},
		{"the same hardware twice", stage("x", "training", energy, `"hardware": ["h100-boavizta", "h200-boavizta"]`), `.hardware[1]: NVIDIA H200 SXM 141GB by the component model of BoaviztAPI 2.5.0 covers the device by itself: counted twice with the part before it`},
		{"an unknown grid", stage("x", "training", energy, `"electricity": "moon"`), `.electricity: no electricity preset is called "moon": see cfu amortize --list-presets`},
		{"an unknown facility", stage("x", "training", energy, `"facility": "moon"`), `.facility: no facility preset is called "moon": see cfu amortize --list-presets`},
		{"an unknown price", stage("x", "training", energy, `"price": "moon"`), `.price: no price preset is called "moon": see cfu amortize --list-presets`},
		{"a basis of water", stage("x", "training", energy, member("water", strings.Replace(figure(1, "kL", "device"), `"quality"`, `"basis": "market", "quality"`, 1))), `.water.basis: "market": give location or market, of a carbon figure`},
		{"an unknown water variant", stage("x", "training", energy, member("water", strings.Replace(figure(1, "kL", "device"), `"quality"`, `"water_variant": "rain", "quality"`, 1))), `.water.water_variant: "rain": give one of [li2025 morrison2025 ecologits0.9 onsite offsite], of a water figure`},
		{"a basis of an energy", stage("x", "training", strings.Replace(energy, `"quality"`, `"basis": "market", "quality"`, 1)), `.energy.basis: is for the printed carbon and water of a stage: leave it out here`},
		{"figures beside a record", stage("x", "training", energy, `"record": "REC"`), `: has figures of its own beside a record or an assessment: keep one`},
		{"a record beside an assessment", stage("x", "training", `"record": "REC", "assessment": {"inventory": "olmo2-7b", "making": true}`), `.record: given beside an assessment: a stage is one of them`},
		{"a record that is not there", stage("x", "training", `"record": "REC"`), `.record: record REC cannot be found: make it with cfu record`},
		{"a record that cannot be", stage("x", "training", `"record": "BAD"`), `.record: has the energy 1e-06 J outside its bracket`},
		{"a record twice", stage("x", "training", `"record": ["GOOD", "GOOD"]`), `.record: GOOD is given twice: its energy would be counted twice: keep one`},
		{"a record twice by other names", stage("x", "training", `"record": ["GOOD", "./GOOD/"]`), `.record: ./GOOD/ is given twice, also as GOOD: its energy would be counted twice: keep one`},
		{"a record beside one that it was merged into", stage("x", "training", `"record": ["ALL", "NODE1"]`), `.record: NODE1 is given twice, also as ALL: its energy would be counted twice: keep one`},
		{"records of other boundaries", stage("x", "training", `"record": ["GOOD", "HOST"]`), `.record: HOST: its meters cover the host and those before it the device: one figure cannot be made of them`},
		{"one of two records that is not there", stage("x", "training", `"record": ["GOOD", "REC"]`), `.record: REC: record REC cannot be found: make it with cfu record`},
		{"a record that is a number", stage("x", "training", `"record": 1`), `.record: a JSON number where a list is expected: give a list (docs/lca.md)`},
		{"an energy of the grid", stage("x", "training", member("energy", figure(1, "MWh", "grid"))), `.energy.boundary: "grid" is no equipment: say at what it was metered: device, baseboard, host or facility`},
		{"a place beside an assessment", stage("x", "training", `"electricity": "us-egrid2023", "assessment": {"inventory": "olmo2-7b", "making": true}`), `.electricity: given beside an assessment, which has its own: leave it out`},
		{"a year and a half", stage("x", "training", energy, `"year": 2024.5`), `.year: 2024.5 is not a whole number that can be held: give a whole number`},
		{"a list of one energy", stage("x", "training", `"energy": [1]`), `.energy: a JSON array where an object is expected: give an object (docs/lca.md)`},
		{"an assessment of nothing", stage("x", "training", `"assessment": {}`), `.assessment: names both, or nothing: give either an inventory or a run folder`},
		{"a making that is counted", stage("x", "training", `"assessment": {"inventory": "olmo2-7b", "making": true, `+count+`}`), `.assessment.making: takes the stages of an inventory's model as they are: leave out run, rate, functional_unit and count`},
		{"a run without a count", stage("x", "training", `"assessment": {"run": "OUT", "functional_unit": "request"}`), `.assessment.count: missing: say how many functional units were taken`},
		{"a run without a unit", stage("x", "training", `"assessment": {"run": "OUT", `+count+`}`), `.assessment.functional_unit: missing: say what is counted, such as output_token`},
		{"a run without a footprint", stage("x", "training", `"assessment": {"run": "OUT", "functional_unit": "request", `+count+`}`), `.assessment: run OUT has no footprint: amortize it first`},
		{"tokens counted of requests", stage("x", "training", `"assessment": {"inventory": "olmo2-7b", "rate": "inf", "functional_unit": "request", "count": `+figure(1, "billion output tokens", "none")+`}`), `.assessment.count.unit: "billion output tokens" of functional unit request: count requests`},
		{"an inventory without a rate", stage("x", "training", `"assessment": {"inventory": "olmo2-7b", "functional_unit": "request", `+count+`}`), `.assessment.rate: missing: name the published run of the inventory's model, or ask for its making`},
		{"a rate that was not published", stage("x", "training", `"assessment": {"inventory": "olmo2-7b", "rate": "7", "functional_unit": "request", `+count+`}`), `.assessment: the model "OLMo 2 7B" of inventory olmo2-7b has no published run at rate "7"`},
		{"an inventory that refers to itself", stage("x", "training", `"assessment": {"inventory": "mine.json", "making": true}`), `.assessment: inventory mine.json refers to itself: break the circle`},
		{"an inventory that makes nothing", stage("x", "training", `"assessment": {"inventory": "cpu-server", "making": true}`), `.assessment: the inventory cpu-server has no stages to take over`},
	}
	for _, test := range stages {
		t.Run(test.what, func(t *testing.T) {
			_, err := withStage(t, test.stage, from)
			if want := "mine.json:20: model.stages[0]" + test.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	const counted = `21: model.stages[1].record: what it holds is in the record of stage "x" (%s), too, and the shares come to %s: it would be counted more than once: give each stage a share, 1 in all at most, or keep one`
	of := func(value float64) string {
		return member("share", withMembers(figure(value, "1", "none"), `"reason": "r"`))
	}
	pairs := []struct {
		what, first, second string
		want                string // after "mine.json:", "" if it is fine
	}{
		{"two stages of one name", stage("x", "training", energy), stage("x", "data", energy), `21: model.stages[1].name: two stages are called "x": give each its own name`},
		{"one record of two stages", stage("x", "training", `"record": "GOOD"`), stage("y", "data", `"record": "./GOOD"`), fmt.Sprintf(counted, "GOOD", "2")},
		{"a record of all nodes, and that of one", stage("x", "training", `"record": "ALL"`), stage("y", "data", `"record": "NODE1"`), fmt.Sprintf(counted, "ALL", "2")},
		{"only one of which is a part", stage("x", "training", `"record": "GOOD"`, of(0.5)), stage("y", "data", `"record": "GOOD"`), fmt.Sprintf(counted, "GOOD", "1.5")},
		{"parts that are more than the whole", stage("x", "training", `"record": "GOOD"`, of(0.5)), stage("y", "data", `"record": "GOOD"`, of(0.75)), fmt.Sprintf(counted, "GOOD", "1.25")},
		{"one record that two stages share", stage("x", "training", `"record": "GOOD"`, of(0.25)), stage("y", "data", `"record": "GOOD"`, of(0.75)), ""},
	}
	for _, test := range pairs {
		_, err := withStage(t, test.first+",\n"+test.second, from)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "mine.json:")
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.what, got, test.want)
		}
	}

	figures := func(value float64, unit string) string { return figure(value, unit, "none") }
	lifetime := `"lifetime_inferences": {"value": 1, "unit": "billion requests"`
	rest := []struct {
		what, old, new string
		want           string
	}{
		{"a share of more than the machine", `"model": {`, `"serving": {"share": "128/2"}, "model": {`, `mine.json:18: serving.share: 64 must be above 0 and at most 1 (100 %): give a fraction such as 1/8`},
		{"a share of one and a half", `"model": {`, `"serving": {"share": 1.5}, "model": {`, `mine.json:18: serving.share: 1.5 must be above 0 and at most 1 (100 %): give a fraction such as 1/8`},
		{"a share of nothing", `"model": {`, `"serving": {"share": "1/0"}, "model": {`, `mine.json:18: serving.share: "1/0" is no number: give one, or a fraction such as 2/128`},
		{"a share that is true", `"model": {`, `"serving": {"share": true}, "model": {`, `mine.json:18: serving.share: a JSON boolean where an object is expected: give an object (docs/lca.md)`},
		{"a machine's time that is no number", `"model": {`, `"serving": {"machines": [{"name": "m", "per_device": "an eighth", "hardware": ["server-ademe"]}]}, "model": {`, `mine.json:18: serving.machines[0].per_device: "an eighth" is no number: give one, or a fraction such as 2/128`},
		{"a share that is no number", `"model": {`, `"serving": {"share": "half"}, "model": {`, `mine.json:18: serving.share: "half" is no number: give one, or a fraction such as 2/128`},
		{"negative idle time", `"model": {`, `"serving": {"idle_time": ` + figures(-1, "1") + `}, "model": {`, `serving.idle_time.value: -1 must not be negative: check the value and its unit`},
		{"idle power without its time", `"model": {`, `"serving": {"idle_power": ` + figures(80, "W") + `}, "model": {`, `serving.idle_time: missing: say how much idle device time the power is for`},
		{"idle power in joules", `"model": {`, `"serving": {"idle_time": ` + figures(1, "1") + `, "idle_power": ` + figures(80, "J") + `}, "model": {`, `serving.idle_power.unit: "J" is not a unit of power: give one of MW, W, kW`},
		{"a machine without a name", `"model": {`, `"serving": {"machines": [{"per_device": "1/8", "hardware": ["server-ademe"]}]}, "model": {`, `serving.machines[0].name: missing: name the machine`},
		{"two machines of one name", `"model": {`, `"serving": {"machines": [{"name": "m", "per_device": 1, "hardware": ["server-ademe"]}, {"name": "m", "per_device": 1, "hardware": ["server-ademe"]}]}, "model": {`, `serving.machines[1].name: "m" is given twice: give each machine its own name`},
		{"a machine without any time", `"model": {`, `"serving": {"machines": [{"name": "m", "per_device": 0, "hardware": ["server-ademe"]}]}, "model": {`, `serving.machines[0].per_device: 0 must be above 0: give a fraction such as 1/8`},
		{"idle power of no equipment", `"model": {`, `"serving": {"idle_time": ` + figures(1, "1") + `, "idle_power": ` + figures(80, "W") + `}, "model": {`, `serving.idle_power.boundary: "none" is no equipment: say at what it was metered: device, baseboard, host or facility`},
		{"a site without a name", `"model": {`, `"serving": {"sites": [{"hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[0].name: missing: name the site`},
		{"two sites of one name", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh"}, {"name": "north", "hosts": ["b"], "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[1].name: "north" is given twice: give each site its own name`},
		{"a site without hosts", `"model": {`, `"serving": {"sites": [{"name": "north", "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[0].hosts: missing: name the hosts that stand there, as domains[].host of run.json does`},
		{"a host without a name", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": [""], "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[0].hosts[0]: is empty: name the host; that which ran cfu itself stands at the inventory's own place`},
		{"a host at two sites", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh"}, {"name": "south", "hosts": ["b", "a"], "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[1].hosts[1]: "a" is given at site north, too: a host stands at one`},
		{"a site without electricity", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "facility": "ovh"}]}, "model": {`, `serving.sites[0].electricity: missing: name a preset or write it out`},
		{"a site without a facility", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe"}]}, "model": {`, `serving.sites[0].facility: missing: name a preset or write it out`},
		{"a site on an unknown grid", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "moon", "facility": "ovh"}]}, "model": {`, `serving.sites[0].electricity: no electricity preset is called "moon": see cfu amortize --list-presets`},
		{"a site at an unknown price", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh", "price": "moon"}]}, "model": {`, `serving.sites[0].price: no price preset is called "moon": see cfu amortize --list-presets`},
		{"a site of no hardware at all", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh", "hardware": []}]}, "model": {`, `serving.sites[0].hardware: is empty: name a preset or describe the hardware, or leave it out`},
		{"a site of unknown hardware", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh", "hardware": ["abacus"]}]}, "model": {`, `serving.sites[0].hardware[0]: no hardware preset is called "abacus": see cfu amortize --list-presets`},
		{"an unknown field of a site", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": ["a"], "electricity": "ecologits-swe", "facility": "ovh", "grid": "x"}]}, "model": {`, `serving.sites[0].grid: no such field: see docs/lca.md for the format`},
		{"hosts that are one text", `"model": {`, `"serving": {"sites": [{"name": "north", "hosts": "a", "electricity": "ecologits-swe", "facility": "ovh"}]}, "model": {`, `serving.sites[0].hosts: a JSON string where a list is expected: give a list (docs/lca.md)`},
		{"sites that are none", `"model": {`, `"serving": {"sites": {}}, "model": {`, `serving.sites: a JSON object where a list is expected: give a list (docs/lca.md)`},
		{"two runs at one rate", `"stages": [`, `"runs": [{"rate": "1", "requests": 1, "devices": 1, "energy": ` + figure(1, "kWh", "host") + `}, {"rate": "1", "requests": 1, "devices": 1, "energy": ` + figure(1, "kWh", "grid") + `}], "stages": [`, `model.runs[1].rate: "1" is given twice: give each run a rate of its own`},
		{"a run metered at the grid", `"stages": [`, `"runs": [{"rate": "1", "requests": 1, "devices": 1, "energy": ` + figure(1, "kWh", "grid") + `}], "stages": [`, `model.runs[0].energy.boundary: "grid" is no equipment: say at what it was metered: device, baseboard, host or facility`},
		{"an allocation by nothing", lifetime, `"allocation": {"reason": "r"}, ` + lifetime, `allocation.by: missing: give request, output_token or conversation, or leave the allocation out`},
		{"requests per request", lifetime, `"allocation": {"by": "request", "reason": "r", "per_request": ` + figures(3, "1") + `}, ` + lifetime, `allocation.per_request: means nothing where the lifetime counts requests and each carries the same: leave it out`},
		{"a machine without its time", `"model": {`, `"serving": {"machines": [{"name": "m", "hardware": ["server-ademe"]}]}, "model": {`, `serving.machines[0].per_device: missing: give this machine's device time per device time of the run, such as 1/8`},
		{"a machine without hardware", `"model": {`, `"serving": {"machines": [{"name": "m", "per_device": 1}]}, "model": {`, `serving.machines[0].hardware: missing: name a preset or describe the hardware`},
		{"a lifetime in months without a rate", lifetime, `"lifetime_inferences": {"value": 18, "unit": "month"`, `lifetime_rate: missing: a lifetime in months needs the rate at which it serves, such as 2000000 requests/month`},
		{"a rate of a lifetime in requests", lifetime, `"lifetime_rate": ` + figures(1, "requests/s") + `, ` + lifetime, `lifetime_rate: means nothing to a lifetime in billion requests: leave it out`},
		{"an unknown allocation", lifetime, `"allocation": {"by": "weight"}, ` + lifetime, `allocation.by: "weight": give request, output_token or conversation`},
		{"an allocation without a reason", lifetime, `"allocation": {"by": "request"}, ` + lifetime, `allocation.reason: missing: say why the making is shared by request`},
		{"an allocation by tokens of a lifetime in requests", lifetime, `"allocation": {"by": "output_token", "reason": "r"}, ` + lifetime, `allocation.per_request: missing: the lifetime counts requests: give how many output_tokens a mean request has`},
		{"hardware that counts nothing known", `"devices": 1,`, `"devices": 1, "counts": "slots",`, `hardware[0].counts: "slots": give accelerators, processors or hosts`},
		{"an unknown scope", `"region": "X",`, `"region": "X", "scope": "well to wheel",`, `electricity.scope: "well to wheel": give direct or life_cycle`},
		{"a facility factor of the grid", `"boundary": "facility"`, `"boundary": "grid"`, `facility.pue.boundary: "grid" is no equipment: give facility, or host for a host factor`},
		{"a PUE of twenty-five", `"value": 1.2`, `"value": 25`, `facility.pue.value: 25 must be at least 1 and at most 20: check the value and its unit`},
		{"a spread that leaves the domain", `"boundary": "facility", "quality": "measured"`, `"boundary": "facility", "quality": "measured", "spread": {"shape": "uniform", "low": 0.2, "high": 2}`, `facility.pue.spread: low 0.2 must be at least 1 and at most 20: give the ends of what it can be`},
		{"ends of a lognormal", `"boundary": "facility", "quality": "measured"`, `"boundary": "facility", "quality": "measured", "spread": {"shape": "lognormal", "gsd": 1.1, "low": 1, "high": 2}`, `facility.pue.spread: low means nothing to a lognormal spread: leave it out`},
		{"a pedigree out of range", `"boundary": "facility", "quality": "measured"`, `"boundary": "facility", "quality": "measured", "pedigree": {"reliability": 1, "completeness": 2, "time": 3, "geography": 4, "technology": 6}`, `facility.pue.pedigree: technology is 6: give a score from 1 (best) to 5`},
		{"a title that steers the terminal", `"title": "my grid"`, `"title": "my \u001b[31mgrid"`, `electricity.title: holds the control character U+001B: remove it`},
		{"a study that is not one", `"model": {`, `"study": {"auditor": "me"}, "model": {`, `study.auditor: no such field: see docs/lca.md for the format`},
	}
	for _, test := range rest {
		t.Run(test.what, func(t *testing.T) {
			if !strings.Contains(good, test.old) {
				t.Fatalf("the good inventory does not have %q", test.old)
			}
			_, err := Decode("mine.json", []byte(strings.Replace(good, test.old, test.new, 1)), nil)
			if err == nil || !strings.HasPrefix(err.Error(), "mine.json:") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
