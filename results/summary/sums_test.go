package summary_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

// With several domains that count their sum comes first, and is theirs.
func TestPowerOfSeveralDomains(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind meter.Kind
		want []string
	}{
		{"package and memory, and what holds or covers them", meter.KindCounter, []string{"sum of 2", "package-0", "dram"}},
		{"one model of the processes", meter.KindModel, []string{"process"}},
	} {
		spec := sweep()
		spec.Kind, spec.Batches, spec.Concurrencies, spec.Repeats, spec.Requests = tt.kind, []int{2}, []int{2}, 1, 20
		c := summarize(t, spec, summary.Options{Traces: 1}).Cells[0]
		var names []string
		for _, p := range c.Trace.Power {
			names = append(names, p.Domain)
		}
		if got, want := strings.Join(names, " "), strings.Join(tt.want, " "); got != want {
			t.Fatalf("%s: got the power of %s, want %s", tt.name, got, want)
		}
		if len(names) < 2 {
			continue
		}
		for k, got := range c.Trace.Power[0].Watts {
			want := 0.0
			for _, p := range c.Trace.Power[1:] {
				want += p.Watts[k]
			}
			if math.Abs(got-want) > 1e-9 {
				t.Fatalf("%s: step %d of the sum has %v W, the domains %v", tt.name, k, got, want)
			}
		}
	}
}

// The costs of steps of several domains are summed where all do the same work.
func TestStepsOfSeveralDomains(t *testing.T) {
	costs := func(domain string, role attribution.Role, v float64) *attribution.StepCosts {
		f := attribution.Fitted{Value: v, Lo: v / 2, Hi: v * 2}
		return &attribution.StepCosts{Domain: domain, Role: role, Source: attribution.SourceFit, MeanBatch: 4, Step: f, Prompt: f, Decode: f}
	}
	for _, tt := range []struct {
		name  string
		costs []*attribution.StepCosts
		want  string // the first row
		rows  int
	}{
		{"one domain has no sum", []*attribution.StepCosts{costs("gpu0", "", 1)}, "gpu0 1.00 (0.500 to 2.00)", 1},
		{"two that do all of the work", []*attribution.StepCosts{costs("gpu0", "", 1), costs("gpu1", "", 2)}, "sum of 2 3.00 (1.50 to 6.00)", 3},
		{"one that prefills and one that decodes", []*attribution.StepCosts{costs("gpu0", attribution.RolePrefill, 1), costs("gpu1", attribution.RoleDecode, 2)}, "gpu0 (prefill) 1.00 (0.500 to 2.00)", 2},
	} {
		cell := summary.CellSummary{Cell: "b4-c4-r1", StepCosts: tt.costs, Validity: summary.Validity{Verdict: summary.Valid}}
		_, rows := summary.StepTableOf(summary.Summary{Cells: []summary.CellSummary{cell}})
		if got := strings.Join(rows[0].Cells[1:3], " "); got != tt.want || len(rows) != tt.rows {
			t.Errorf("%s: got %d rows, the first %q; want %d and %q", tt.name, len(rows), got, tt.rows, tt.want)
		}
	}
}

// What cfu attribute prints begins with the sum over the domains that count, by each
// convention that divides them all.
func TestAttributionOfSeveralDomains(t *testing.T) {
	division := func(domain, convention string, joules int, refused string) derivation.Division {
		e := meter.Energy(joules) * meter.Joule
		return derivation.Division{Domain: domain, Convention: convention, Method: meter.KindCounter, Refused: refused, Requests: e, Counter: e, Median: e}
	}
	c := derivation.Attributed{Cell: "b4-c4-r1", Divisions: []derivation.Division{
		division("gpu0", "token", 10, ""), division("gpu0", "equal", 10, ""), division("gpu1", "token", 20, ""), division("gpu1", "equal", 20, "no request"), division("module", "token", 70, ""),
	}}
	c.Energy.Kind = string(meter.KindCounter)
	for _, name := range []string{"gpu0", "gpu1", "module"} {
		c.Energy.Domains = append(c.Energy.Domains, derivation.DomainEnergy{Domain: meter.Domain{Name: name}, Summed: name != "module"})
	}
	var b bytes.Buffer
	if err := summary.WriteAttribution(&b, []derivation.Attributed{c}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if got := strings.Join(strings.Fields(lines[2]), " "); got != "b4-c4-r1 sum of 2 token counter 30.0 0 0 30.0 –" {
		t.Errorf("the first row is %q, want the sum of both", got)
	}
	if n := strings.Count(b.String(), "sum of"); n != 1 {
		t.Errorf("got %d sums, want that of the one convention that divides both:\n%s", n, &b)
	}
}
