package lca

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

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

// What a reader must know of sites and hosts that do not fit.
func TestDoubtsOfSites(t *testing.T) {
	elsewhere := france(member("price", priced(0.11)))
	lonely := strings.NewReplacer(`"france"`, `"moon"`, `"lyon-1", "lyon-2"`, `"crater"`).Replace(elsewhere)
	hourly := &Hourly{}
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
		{"one grid by the hour for two places", []string{elsewhere}, spread(), Options{Hourly: hourly}, "an hourly mix is of one grid and hosts at site france were metered"},
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
// the energy among sites gives what one place gives.
func TestSitesOfOnePlace(t *testing.T) {
	same := func(name, host string) string {
		return "{" + strings.Join([]string{member("name", `"`+name+`"`), member("hosts", `["`+host+`"]`), member("electricity", grid(0.2797, 1.4769, 2.193e-8, 8.0614)),
			member("facility", site(1.19, 0.02, 1.5)), member("price", priced(0.14))}, ", ") + "}"
	}
	idle := `"idle_time": ` + figure(0.5, "1", "none") + `, "idle_power": ` + figure(60, "W", "device") + `, `
	plain := inventoryOf(t, strings.Replace(withSites(), `"sites": []`, strings.TrimSuffix(idle, ", "), 1))
	split := inventoryOf(t, strings.Replace(withSites(same("east", "e"), same("west", "w")), `"sites"`, idle+`"sites"`, 1))
	rapid.Check(t, func(t *rapid.T) {
		u := usages().Draw(t, "usage")
		o := Options{MixBoundaries: true, Draws: rapid.SampledFrom([]int{0, MinDraws}).Draw(t, "draws"), Seed: 7}
		one := assess(t, plain, u, o)
		east := meter.Energy(rapid.Int64Range(0, int64(u.Energy)).Draw(t, "east"))
		west := meter.Energy(rapid.Int64Range(0, int64(u.Energy-east)).Draw(t, "west"))
		u.Hosts = []HostUsage{{Host: "e", Energy: east, Devices: 2}, {Host: "", Energy: u.Energy - east - west, Devices: 3}, {Host: "w", Energy: west, Devices: 1}}
		many := assess(t, split, u, o)
		if len(one.Outcomes) != len(many.Outcomes) {
			t.Fatalf("%d outcomes of one place, %d of three", len(one.Outcomes), len(many.Outcomes))
		}
		for i, want := range one.Outcomes {
			if got := many.Outcomes[i]; math.Abs(got.Value-want.Value) > 1e-9*want.Value {
				t.Errorf("%s of %s: %g at three places, %g at one", want.Category, want.Stage, got.Value, want.Value)
			}
		}
	})
}
