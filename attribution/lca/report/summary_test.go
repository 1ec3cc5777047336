package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// Without units that were asked for the table is per request, and per what an
// evaluation counted: its file was given for that.
func TestUnitsOfTheSummary(t *testing.T) {
	inv, err := lca.Load("cpu-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := lca.Usage{Cell: "b1", Requests: 10, OutputTokens: 900, Conversations: 4, Energy: 4000 * meter.Joule, EnergyKind: meter.KindCounter, Metered: lca.Host,
		Outcomes: []lca.OutcomeCount{{Name: "correct_answer", Count: 8, Lo: 5, Hi: 9, Judged: 10}}}
	for _, test := range []struct {
		what  string
		asked []lca.FunctionalUnit
		want  []string
	}{
		{"nothing asked for", nil, []string{"request", "correct_answer"}},
		{"tokens asked for", []lca.FunctionalUnit{lca.PerOutputToken}, []string{"output_token", "correct_answer"}},
	} {
		a, err := lca.Assess(inv, u, lca.Options{FunctionalUnits: test.asked, Categories: []lca.Category{lca.Energy}, MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := printAll(NewSummary(&b), []lca.Assessment{a}); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(b.String(), "\n\n")
		table, _, _ = strings.Cut(table, "\n\n") // of the stages; that of the totals follows
		var got []string
		for _, line := range strings.Split(table, "\n") {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "b1" {
				got = append(got, f[1])
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: rows per %v, want %v", test.what, got, test.want)
		}
	}
}
