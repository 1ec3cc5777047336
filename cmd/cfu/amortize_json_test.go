package main

import (
	"encoding/json"
	"strings"
	"testing"

	"cfubench/meter"
)

// The JSON has one assessment a line, whose stages sum to the total and whose
// draws have a mean and a median.
func TestAmortizeJSON(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--category", "gwp", "--functional-unit", "request", "--format", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var a struct {
		Cell      string
		Footprint []struct {
			Stage, Unit             string
			Value, Lo, Mean, Median float64
		}
		BreakEven []struct{ Requests *float64 } `json:"break_even"`
		Warnings  []string
		Usage     struct {
			Energy float64 `json:"energy_j"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	sum, total := 0.0, 0.0
	for _, r := range a.Footprint {
		if r.Unit != "kg CO2e" || !(r.Lo < r.Median && r.Median < r.Mean) {
			t.Errorf("%s: %+v; want a skewed distribution in kg CO2e", r.Stage, r)
		}
		if r.Stage == "total" {
			total = r.Value
		} else {
			sum += r.Value
		}
	}
	if a.Cell != "b2-c2-r1" || sum != total || total == 0 || a.Usage.Energy == 0 || len(a.BreakEven) == 0 || len(a.Warnings) == 0 {
		t.Errorf("cell %q: stages sum to %g, the total is %g: %s", a.Cell, sum, total, stdout)
	}
}

// The yearly view of published runs is printed as CSV, too.
func TestAmortizePublishedYearly(t *testing.T) {
	oneGoroutine(t)
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--published", "--model", "OLMo 2 7B", "--category", "energy", "--requests-per-month", "1000", "--monte-carlo", "0", "--format", "csv")
	if code != 0 || !strings.HasPrefix(stdout, "cell,year,requests,category,unit,scope2,scope3,total,upfront_amortized,scenario\nOLMo 2 7B @ inf,1,12000,energy,kWh,") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}
