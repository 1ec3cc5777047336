package lca

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// withSites is the inventory of six_stages.py with sites.
func withSites(sites ...string) string {
	return strings.Replace(sixStages(), `"model": {`, fmt.Sprintf(`"serving": {"sites": [%s]}, "model": {`, strings.Join(sites, ", ")), 1)
}

// france is the site of six_stages.py, with what is given beside.
func france(more ...string) string {
	return "{" + strings.Join(append([]string{member("name", `"france"`), member("hosts", `["lyon-1", "lyon-2"]`), member("electricity", grid(0.04418, 3.6737, 4.858e-8, 9.3135)),
		member("facility", site(1.26, 0.37, 1.6))}, more...), ", ") + "}"
}

// a100s are the hardware there.
func a100s() string {
	return member("hardware", "["+machine(1, "baseboard", "", 127.6, 0.0069, 2445, 4)+","+machine(8, "host", "baseboard", 5700, 0.37, 70000, 4)+"]")
}

// spread is the cell of a thousand requests, a part of it metered on two hosts
// in France.
func spread() Usage {
	u := served()
	u.Devices = 3
	u.Hosts = []HostUsage{
		{Host: "", Energy: 468_000 * meter.Joule, Devices: 2}, {Host: "lyon-1", Energy: 200_000 * meter.Joule, Devices: 1}, {Host: "lyon-2", Energy: 52_000 * meter.Joule},
	}
	return u
}

// What each host used is characterised by its own grid, facility, price and
// hardware: the truth is an independent script's.
func TestSites(t *testing.T) {
	inv := inventoryOf(t, strings.Replace(withSites(france(a100s(), member("price", priced(0.11)))), `"lifetime_inferences"`, member("stages", "["+retrieval()+"]")+`, "lifetime_inferences"`, 1))
	a, err := Assess(inv, spread(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, a, "sites")
	sums := map[Category]float64{}
	for _, s := range a.Sites() {
		sums[s.Category] += s.Operation
		if s.Site == "france" && (s.Energy != 252_000*meter.Joule || !slices.Equal(s.Hosts, []string{"lyon-1", "lyon-2"}) || math.Abs(s.Devices-1.0/3) > 1e-12) {
			t.Errorf("france: %+v", s)
		}
	}
	for _, c := range a.Assessed() {
		if o, _ := a.Outcome(c, Inference); math.Abs(sums[c]/o.Value-1) > 1e-12 {
			t.Errorf("%s: the sites sum to %g, inference is %g", c, sums[c], o.Value)
		}
	}
}

// Each site has the mix of its own hours, weighted by what its own hosts used in
// each: the truth is the script's.
func TestSitesByTheHour(t *testing.T) {
	inv := inventoryOf(t, strings.Replace(withSites(france(a100s(), member("price", priced(0.11)))), `"lifetime_inferences"`, member("stages", "["+retrieval()+"]")+`, "lifetime_inferences"`, 1))
	mix := func(name, first, second string) *Hourly {
		h, err := ReadHourly(name, strings.NewReader("# source: grid operator\nstart,carbon (kg CO2e/kWh),water (L/kWh)\n2026-01-01T00:00:00Z,"+first+"\n2026-01-01T01:00:00Z,"+second+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	u := spread()
	for i, joules := range [][2]meter.Energy{{100_000, 368_000}, {150_000, 50_000}, {12_000, 40_000}} {
		turn := newYear.Add(time.Hour)
		u.Hosts[i].Hours = []HourEnergy{{turn.Add(-time.Minute), turn, joules[0] * meter.Joule}, {turn, turn.Add(time.Minute), joules[1] * meter.Joule}}
	}
	a, err := Assess(inv, u, Options{Hourly: Hours{"": mix("ie.csv", "0.31,1.2", "0.19,2.1"), "france": mix("fr.csv", "0.02,4", "0.06,3")}})
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, a, "sites", "hours")
	k := slices.IndexFunc(a.Outcomes, func(o Outcome) bool { return o.Category == GWP && o.Stage == Inference })
	if source := a.sources()[k]; !strings.Contains(source, "ie.csv:2") || !strings.Contains(source, "fr.csv:2") {
		t.Errorf("the source of inference is %q: want both files", source)
	}
}

// The meters of each host err by themselves: what two hosts used together is
// known better than either, and carbon follows those where the grid has some.
func TestMetersOfHostsAreDrawnApart(t *testing.T) {
	place := func(carbon string) string {
		return member("electricity", `{"title": "grid", "characterized_by": "ar6", "carbon": {"value": `+carbon+`, "unit": "kg CO2e/kWh", "source": "test", "year": 2026, "boundary": "grid", "quality": "measured", "spread": {"shape": "fixed"}}}`) + ", " +
			member("facility", `{"title": "hall"}`)
	}
	inv := inventoryOf(t, `{"schema": 2, "name": "two", "hardware": ["h100-ecologits"], `+place("1")+`, "serving": {"sites": [{"name": "water", "hosts": ["b"], `+place("0")+`}]},
		"model": {"title": "none"}, "lifetime_inferences": `+figure(1, "requests", "none")+`}`)
	u := Usage{Cell: "c", Requests: 1, Energy: 720_000 * meter.Joule, Metered: Device, EnergyKind: meter.KindCounter, Hosts: []HostUsage{
		{Energy: 360_000 * meter.Joule, EnergyKind: meter.KindCounter, Devices: 1, Meter: MeterError{Gain: 0.1, Meter: "a"}},
		{Host: "b", Energy: 360_000 * meter.Joule, EnergyKind: meter.KindCounter, Devices: 1, Meter: MeterError{Gain: 0.1, Meter: "b"}}}}
	widthOf := func(u Usage, c Category) float64 {
		t.Helper()
		a, err := Assess(inv, u, Options{Draws: 40_000, MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		o, _ := a.Outcome(c, Inference)
		return (o.Hi - o.Lo) / o.Value
	}
	modelled := u
	modelled.Hosts = slices.Clone(u.Hosts)
	for i := range modelled.Hosts {
		modelled.Hosts[i].EnergyKind, modelled.Hosts[i].Meter = meter.KindModel, MeterError{}
	}
	one := Usage{Cell: "c", Requests: 1, Energy: u.Energy, Metered: Device, EnergyKind: meter.KindModel}
	for _, test := range []struct {
		what string
		got  float64
		want float64
	}{
		{"energy of both: two deviations of 5 %, in quadrature", widthOf(u, Energy), 2 * 1.96 * 0.05 / math.Sqrt2},
		{"carbon of the one with some: its own 5 %", widthOf(u, GWP), 2 * 1.96 * 0.05},
		{"a model of both errs as one", widthOf(modelled, Energy), widthOf(one, Energy)},
	} {
		if math.Abs(test.got/test.want-1) > 0.02 {
			t.Errorf("%s: the interval is %.4f of the value wide, want %.4f", test.what, test.got, test.want)
		}
	}
	a, err := Assess(inv, u, Options{Draws: 1000, MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(a.Variance, func(v Variance) bool { return v.Input == "gain of the meter of host b" }) {
		t.Errorf("the parts of the variance do not name the meters of host b: %+v", a.Variance)
	}
}

// A category that one place has no factor for is left out, and an error where
// it was asked for.
func TestSiteWithoutFactor(t *testing.T) {
	inv := inventoryOf(t, withSites(france()))
	a, err := Assess(inv, spread(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(a.Assessed(), Cost) || !slices.Contains(a.Assessed(), GWP) {
		t.Errorf("assessed are %v: want carbon and no cost, for France has no price", a.Assessed())
	}
	if want := "cost: site france has no factor for it and others that served have: the category is left out"; !slices.Contains(a.Warnings, want) {
		t.Errorf("no warning %q in %q", want, a.Warnings)
	}
	_, err = Assess(inv, spread(), Options{Categories: []Category{Cost}})
	if want := "category cost: site france has no factor for it: add one to electricity, facility or price"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("cost asked for: got %v, want %s", err, want)
	}
}

// inFirstHour is the usage with all of its hosts' energy in the first hour of the
// year.
func inFirstHour(u Usage) Usage {
	u.Hosts = slices.Clone(u.Hosts)
	for i := range u.Hosts {
		u.Hosts[i].Hours = []HourEnergy{{newYear, newYear.Add(time.Hour), u.Hosts[i].Energy}}
	}
	return u
}

// What a reader must know of sites and hosts that do not fit.
func TestDoubtsOfSites(t *testing.T) {
	elsewhere := france(member("price", priced(0.11)))
	lonely := strings.NewReplacer(`"france"`, `"moon"`, `"lyon-1", "lyon-2"`, `"crater"`).Replace(elsewhere)
	hourly := Hours{"": hourlyMix(t, 100)}
	unknown, alone := served(), spread()
	alone.Hosts = alone.Hosts[1:]
	alone.Energy = 252_000 * meter.Joule
	for _, test := range []struct {
		what  string
		sites []string
		u     Usage
		o     Options
		want  string
	}{
		{"a site whose hosts were not metered", []string{elsewhere, lonely}, spread(), Options{}, "site moon: none of its hosts (crater) was metered: metered were lyon-1, lyon-2"},
		{"energy of unknown hosts", []string{elsewhere}, unknown, Options{}, "it is not known which host used the energy: all of it counts at the inventory's own place, none at its sites"},
		{"another grid for one of two places", []string{elsewhere}, spread(), Options{Grid: "ecologits-swe"}, "--grid replaces the figure of the inventory's own place: site france keeps its own"},
		{"one grid by the hour for two places", []string{elsewhere}, inFirstHour(spread()), Options{Hourly: hourly}, `site france has no hourly mix: its electricity is "grid" at all hours`},
		{"hours of the inventory's own place, where nothing was metered", []string{elsewhere}, inFirstHour(alone), Options{Hourly: hourly}, "nothing was metered at the inventory's own place: its hourly mix is not used"},
		{"hours of a site that there is not", []string{elsewhere}, spread(), Options{Hourly: Hours{"mars": hourly[""]}}, `hourly mix of site "mars": the inventory has no such site: it has france`},
		{"hours of a site of an inventory without", nil, spread(), Options{Hourly: Hours{"mars": hourly[""]}}, `hourly mix of site "mars": the inventory has no sites: add serving.sites`},
		{"hours at a site that are not known", []string{elsewhere}, spread(), Options{Hourly: Hours{"france": hourly[""]}}, "site france: it is not known when it ran"},
		{"hosts whose brackets are not the cell's", []string{elsewhere}, func() Usage { u := spread(); u.EnergyLo, u.EnergyHi = u.Energy-1, u.Energy+1; return u }(), Options{}, "do not sum to the cell's"},
		{"hosts that use more than the cell", []string{elsewhere}, func() Usage { u := spread(); u.Energy++; return u }(), Options{}, "its hosts used"},
		{"nothing at the inventory's own place", []string{elsewhere}, alone, Options{PUE: 1.5}, "--pue replaces the figure of the inventory's own place"},
	} {
		t.Run(test.what, func(t *testing.T) {
			a, err := Assess(inventoryOf(t, withSites(test.sites...)), test.u, test.o)
			said := strings.Join(a.Warnings, "\n")
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("got %s\nwant %s", said, test.want)
			}
		})
	}
}

// Where the hosts stand does not matter if every place is the same: any split of
// the energy among sites gives what one place gives, intervals too.
func TestSitesOfOnePlace(t *testing.T) {
	place := `"electricity": "ecologits-irl", "facility": "google", "price": "us-iowa-commercial-2023"`
	same := func(name, host string) string {
		return fmt.Sprintf(`{"name": %q, "hosts": [%q], %s}`, name, host, place)
	}
	of := func(sites string) Inventory {
		return inventoryOf(t, fmt.Sprintf(`{"schema": 2, "name": "one", "hardware": ["h100-ademe2026", "p5-host-ecologits"], %s, "serving": {"idle_time": %s, "idle_power": %s, "sites": [%s]},
			"model": "olmo2-7b", "lifetime_inferences": %s}`, place, figure(0.5, "1", "none"), figure(60, "W", "device"), sites, figure(2, "billion requests", "none")))
	}
	plain, split := of(""), of(same("east", "e")+", "+same("west", "w"))
	rapid.Check(t, func(t *rapid.T) {
		u := splitUp(usages().Draw(t, "usage")).Draw(t, "split")
		o := Options{MixBoundaries: true, Draws: rapid.SampledFrom([]int{0, MinDraws}).Draw(t, "draws"), Seed: 7}
		one, many := assess(t, plain, u, o), assess(t, split, u, o)
		if len(one.Outcomes) != len(many.Outcomes) {
			t.Fatalf("%d outcomes of one place, %d of three", len(one.Outcomes), len(many.Outcomes))
		}
		for i, want := range one.Outcomes {
			got := many.Outcomes[i]
			if math.Abs(got.Value-want.Value) > 1e-9*want.Value {
				t.Errorf("%s of %s: %g at three places, %g at one", want.Category, want.Stage, got.Value, want.Value)
			}
			for k, pair := range [][2]float64{{got.Lo, want.Lo}, {got.Hi, want.Hi}, {got.Mean, want.Mean}, {got.Median, want.Median}} {
				if math.Abs(pair[0]-pair[1]) > 3e-3*math.Abs(pair[1]) { // the histograms' resolution
					t.Errorf("%s of %s: figure %d of the interval is %g at three places, %g at one", want.Category, want.Stage, k, pair[0], pair[1])
				}
			}
		}
	})
}

// splitUp draws three hosts that used the energy of u together, whose brackets add
// up to its.
func splitUp(u Usage) *rapid.Generator[Usage] {
	return rapid.Custom(func(t *rapid.T) Usage {
		hosts := []HostUsage{{Host: "e", Devices: 2}, {Host: "", Devices: 3}, {Host: "w", Devices: 1}}
		left := [3]meter.Energy{u.Energy, u.Energy - u.EnergyLo, u.EnergyHi - u.Energy}
		u.EnergyLo, u.EnergyHi = 0, 0
		for i := range hosts {
			h, part := &hosts[i], left
			for k := range part {
				if i < len(hosts)-1 {
					part[k] = meter.Energy(rapid.Int64Range(0, int64(left[k])).Draw(t, "part"))
				}
				left[k] -= part[k]
			}
			part[1] = min(part[1], part[0]) // not below nothing
			h.Energy, h.EnergyLo, h.EnergyHi, h.EnergyKind = part[0], part[0]-part[1], part[0]+part[2], u.EnergyKind
			u.EnergyLo, u.EnergyHi = u.EnergyLo+h.EnergyLo, u.EnergyHi+h.EnergyHi
			h.Meter = MeterError{Gain: rapid.Float64Range(0, 0.2).Draw(t, "gain"), Sampling: rapid.Float64Range(0, 0.2).Draw(t, "sampling"), Meter: "meters of " + h.Host}
		}
		u.Hosts = hosts
		return u
	})
}
