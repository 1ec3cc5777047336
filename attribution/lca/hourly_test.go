package lca

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// What a file of hours must have is said with its line.
func TestReadHourlyRefuses(t *testing.T) {
	const source = "# source: a grid\n"
	tests := []struct{ what, text, want string }{
		{"an empty file", "", "f.csv:1: is empty"},
		{"comments alone", source, "f.csv:1: is empty"},
		{"no source", "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,1\n", "f.csv:1: does not say where the figures are from"},
		{"another first column", source + "time,carbon (g CO2e/kWh)\n", `f.csv:2: the first column is "time"`},
		{"no intensity", source + "start\n2026-01-01T00:00:00Z\n", "f.csv:2: has no intensity"},
		{"an unknown column", source + "start,price (EUR/kWh)\n", `f.csv:2: column "price (EUR/kWh)": give start and any of carbon, water,`},
		{"a category that substances give", source + "start,smog (g O3 eq/kWh)\n", `f.csv:2: column "smog`},
		{"no unit", source + "start,carbon\n", "f.csv:2: column \"carbon\" has no unit: write carbon (kg CO2e/kWh)"},
		{"a unit of something else", source + "start,carbon (L/kWh)\n", `"L/kWh" is not a unit of carbon intensity`},
		{"one column twice", source + "start,water (L/kWh),water (L/kWh)\n", "f.csv:2: two columns are water"},
		{"no row", source + "start,carbon (g CO2e/kWh)\n", "f.csv:2: has no row"},
		{"a time without a zone", source + "start,carbon (g CO2e/kWh)\n2026-01-01 00:00,1\n", `f.csv:3: start "2026-01-01 00:00": give RFC 3339 with a zone`},
		{"rows out of order", source + "start,carbon (g CO2e/kWh)\n2026-01-01T01:00:00Z,1\n2026-01-01T00:00:00Z,1\n", "f.csv:4: start 2026-01-01T00:00:00Z is not after"},
		{"an hour twice, in two zones", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00+01:00,1\n", "f.csv:4: start"},
		{"seconds apart", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:01Z,1\n", "has rows 1s apart"},
		{"a negative intensity", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,-1\n", `f.csv:3: carbon "-1": give a number`},
		{"no number", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,NaN\n", `f.csv:3: carbon "NaN"`},
		{"an empty field", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,\n", `f.csv:3: carbon ""`},
		{"a field too many", source + "start,carbon (g CO2e/kWh)\n2026-01-01T00:00:00Z,1,2\n", "f.csv:3: wrong number of fields"},
		{"an unknown scope", source + "# scope: all\nstart,carbon (g CO2e/kWh)\n", `f.csv:2: scope "all"`},
		{"an unknown quality", "# quality: good\n" + source + "start,carbon (g CO2e/kWh)\n", `f.csv:1: quality "good"`},
		{"an unknown GWP set", source + "# characterized_by: ar9\nstart,carbon (g CO2e/kWh)\n", `f.csv:2: characterized_by "ar9"`},
	}
	for _, test := range tests {
		_, err := ReadHourly("f.csv", strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", test.what, err, test.want)
		}
	}
}

// hourlyMix is a file of hours from 2026-01-01T00:00Z on, in g CO2e/kWh.
func hourlyMix(t *testing.T, carbon ...float64) *Hourly {
	t.Helper()
	text := "# source: grid operator\n# scope: direct\nstart,carbon (g CO2e/kWh),carbon_market (g CO2e/kWh)\n"
	for i, v := range carbon {
		text += fmt.Sprintf("%s,%g,%g\n", newYear.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), v, v/2)
	}
	h, err := ReadHourly("f.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The inference of a cell has the mix of its own hours by their energy; all else
// keeps the yearly mean.
func TestHourlyMixIsWeightedByEnergy(t *testing.T) {
	inv, err := Load("olmo2-7b-us", nil) // its grid is given by gases, which the hours replace
	if err != nil {
		t.Fatal(err)
	}
	u := hour()
	o := Options{MixBoundaries: true}
	yearly, err := Assess(inv, u, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Hourly = Hours{"": hourlyMix(t, 100, 500)}
	u.Hosts = []HostUsage{{Energy: u.Energy, Hours: []HourEnergy{{newYear.Add(30 * time.Minute), newYear.Add(time.Hour), 3000}, {newYear.Add(time.Hour), newYear.Add(90 * time.Minute), 1000}}}}
	a, err := Assess(inv, u, o)
	if err != nil {
		t.Fatal(err)
	}
	perKWh := func(a Assessment) float64 {
		kwh, _ := a.Outcome(Energy, Inference)
		carbon, _ := a.Outcome(GWP, Inference)
		return carbon.Value / kwh.Value
	}
	if got := perKWh(a); math.Abs(got-0.2) > 1e-12 {
		t.Errorf("carbon of inference is %g kg/kWh, want 0.2", got)
	}
	for _, o := range yearly.Outcomes {
		if o.Category == GWP && (o.Stage == Inference || o.Stage == Total) {
			continue
		}
		if now, _ := a.Outcome(o.Category, o.Stage); now.Value != o.Value {
			t.Errorf("%s of %s is %g with hours and %g without: only the carbon of inference may differ", o.Category, o.Stage, now.Value, o.Value)
		}
	}
	for _, row := range a.Rows {
		if row.Category != GWP || row.Stage != Inference {
			continue
		}
		if !strings.Contains(row.Boundary, "by the hour") || !strings.Contains(row.Source, "grid operator (f.csv:3)") {
			t.Errorf("the row does not say its hours: boundary %q, source %q", row.Boundary, row.Source)
		}
	}
	inv.Upfront, o.Basis = nil, MarketBased // the making has no market-based intensity
	if a, err = Assess(inv, u, o); err != nil {
		t.Fatal(err)
	}
	if got := perKWh(a); math.Abs(got-0.1) > 1e-12 {
		t.Errorf("market-based carbon of inference is %g kg/kWh, want 0.1", got)
	}
}

// Hours that the file lacks, and cells of unknown time, are refused.
func TestHourlyMixWantsTheHoursOfTheRun(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	gap := hourlyMix(t, 1, 2)
	gap.starts[1] = newYear.Add(5 * time.Hour)
	for _, test := range []struct {
		what  string
		mix   *Hourly
		hours []HourEnergy
		want  string
	}{
		{"no time", hourlyMix(t, 1), nil, "not known when it ran"},
		{"before the file", hourlyMix(t, 1), []HourEnergy{{newYear.Add(-time.Minute), newYear, 1}}, "f.csv has no row for 2025-12-31T23:59Z"},
		{"after the file", hourlyMix(t, 1), []HourEnergy{{newYear, newYear.Add(time.Hour), 1}, {newYear.Add(time.Hour), newYear.Add(61 * time.Minute), 1}}, "has no row for 2026-01-01T01:00Z"},
		{"in a gap of it", gap, []HourEnergy{{newYear.Add(2 * time.Hour), newYear.Add(3 * time.Hour), 1}}, "has no row for 2026-01-01T02:00Z"},
		{"beyond the end of a row", gap, []HourEnergy{{newYear, newYear.Add(90 * time.Minute), 1}}, "has no row for 2026-01-01T00:00Z to 2026-01-01T01:30Z"},
		{"no energy", hourlyMix(t, 1), []HourEnergy{{newYear, newYear.Add(time.Minute), 0}}, "no energy was metered"},
	} {
		u := hour()
		u.Hosts = []HostUsage{{Energy: u.Energy, Hours: test.hours}}
		if _, err := Assess(inv, u, Options{Hourly: Hours{"": test.mix}, MixBoundaries: true}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.what, err, test.want)
		}
	}
}

// The mean lies within the hours' intensities, and equal hours give theirs,
// however a run is cut.
func TestHourlyMixProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		carbon := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 48).Draw(rt, "carbon")
		h := hourlyMix(t, carbon...)
		from := newYear.Add(time.Duration(rapid.Int64Range(0, int64(time.Duration(len(carbon))*time.Hour)-2).Draw(rt, "from")))
		to := from.Add(1 + time.Duration(rapid.Int64Range(0, int64(newYear.Add(time.Duration(len(carbon))*time.Hour).Sub(from))-1).Draw(rt, "length")))
		var hours []HourEnergy
		low, high := math.Inf(1), 0.0
		start := from
		for _, end := range append(h.Edges(from, to), to) {
			hours = append(hours, HourEnergy{start, end, meter.Energy(rapid.Int64Range(1, 1e12).Draw(rt, "energy"))})
			v := carbon[int(start.Sub(newYear)/time.Hour)]
			low, high = min(low, v), max(high, v)
			start = end
		}
		e, err := h.over(Electricity{}, []HostUsage{{Energy: 1, Hours: hours}})
		if err != nil {
			rt.Fatal(err)
		}
		if v := e.Impacts["carbon"].Value; v < low*(1-1e-12) || v > high*(1+1e-12) {
			rt.Fatalf("mean %g of hours between %g and %g", v, low, high)
		}
	})
}
