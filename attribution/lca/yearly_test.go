package lca

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// A year is twelve months of requests at the cost of one, which scopes share
// without a rest; growth compounds from month to month, and a design that is
// cheaper than the one before it is asked for more.
func TestYearly(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Assess(inv, served(), Options{Categories: []Category{GWP}, MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	marginal := a.Balance(GWP).Marginal()
	tests := []struct {
		what   string
		growth Growth
		years  []float64 // requests
	}{
		{"a steady service", Growth{RequestsPerMonth: 1000}, []float64{12000, 12000}},
		{"ten per cent more each month", Growth{RequestsPerMonth: 1000, Monthly: 0.1}, []float64{1000 * (math.Pow(1.1, 12) - 1) / 0.1, 1000 * math.Pow(1.1, 12) * (math.Pow(1.1, 12) - 1) / 0.1}},
		{"half the cost and an elasticity of one: twice the use", Growth{RequestsPerMonth: 1000, Rebound: 1, Baseline: 2 * marginal}, []float64{24000}},
		{"no elasticity: no rebound", Growth{RequestsPerMonth: 1000, Baseline: 2 * marginal}, []float64{12000}},
	}
	for _, test := range tests {
		rows, err := a.Yearly(test.growth, len(test.years))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range test.years {
			total, _ := a.Outcome(GWP, Total)
			r := rows[i]
			if r.Year != i+1 || math.Abs(r.Requests/want-1) > 1e-12 {
				t.Errorf("%s: year %d has %g requests, want %g", test.what, r.Year, r.Requests, want)
			}
			if cost := total.Value / float64(a.Usage.Requests) * want; math.Abs(r.Total.Value/cost-1) > 1e-12 || math.Abs((r.Scope2.Value+r.Scope3.Value)/cost-1) > 1e-12 {
				t.Errorf("%s: year %d costs %g (%g + %g), want %g", test.what, r.Year, r.Total.Value, r.Scope2.Value, r.Scope3.Value, cost)
			}
		}
	}
	for _, bad := range []struct {
		growth Growth
		years  int
		want   string
	}{
		{Growth{RequestsPerMonth: math.NaN()}, 1, "requests per month"},
		{Growth{RequestsPerMonth: 1, Monthly: -1}, 1, "growth -1 a month"},
		{Growth{RequestsPerMonth: 1, Monthly: math.NaN()}, 1, "growth NaN a month"},
		{Growth{RequestsPerMonth: 1}, 51, "51 years"},
		{Growth{RequestsPerMonth: 1, GridDecline: 1}, 1, "grid decline 1 a year"},
		{Growth{RequestsPerMonth: 1, GridDecline: math.NaN()}, 1, "grid decline NaN a year"},
		{Growth{RequestsPerMonth: 1, Discount: -0.1}, 1, "discount -0.1 a year"},
		{Growth{RequestsPerMonth: 1, GridDecline: 0.1}, 1, "begin in the second year"},
		{Growth{RequestsPerMonth: 1, Discount: 0.1}, 2, "discount: it is of money, and cost is not assessed"},
		{Growth{RequestsPerMonth: 1, Rebound: -1}, 1, "rebound"},
		{Growth{RequestsPerMonth: 1, Monthly: 9}, 50, "growth 9 a month: the requests of year 26 are beyond all numbers"},
	} {
		if _, err := a.Yearly(bad.growth, bad.years); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v for %d years: got %v, want %q", bad.growth, bad.years, err, bad.want)
		}
	}
}

// A grid that gets cleaner takes from the carbon of operation alone; discounting
// takes from money alone; the first year is as assessed.
func TestYearlyScenarios(t *testing.T) {
	a, err := Assess(inventoryOf(t, sixStages()), served(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := a.Yearly(Growth{RequestsPerMonth: 1000}, 3)
	if err != nil {
		t.Fatal(err)
	}
	g := Growth{RequestsPerMonth: 1000, GridDecline: 0.05, Discount: 0.03}
	rows, err := a.Yearly(g, 3)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-12*want {
			t.Errorf("%s: got %g, want %g", what, got, want)
		}
	}
	for i, r := range rows {
		cleaner, cheaper := 1.0, 1.0
		if r.Category == GWP {
			cleaner = []float64{1, 0.95, 0.9025}[r.Year-1]
		}
		if r.Category == Cost {
			cheaper = []float64{1, 1 / 1.03, 1 / 1.0609}[r.Year-1]
		}
		what := fmt.Sprintf("%s of year %d", r.Category, r.Year)
		near(what+", scope 2", r.Scope2.Value, plain[i].Scope2.Value*cleaner*cheaper)
		near(what+", scope 3", r.Scope3.Value, plain[i].Scope3.Value*cheaper)
		near(what+", total", r.Total.Value, r.Scope2.Value+r.Scope3.Value)
		near(what+", upfront", r.UpfrontAmortized, plain[i].UpfrontAmortized*cheaper)
	}
	if got, want := g.Scenario(), "the carbon of the grid falls by 5 % a year, money is discounted at 3 % a year"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Growth{RequestsPerMonth: 1, Rebound: 1}).Scenario(); got != "" {
		t.Errorf("growth without a scenario: got %q", got)
	}
}
