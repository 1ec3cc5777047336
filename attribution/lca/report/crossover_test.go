package report

import (
	"math"
	"strings"
	"testing"

	"cfubench/attribution/lca"
)

// With three designs each difference says which two it is between, and a pair that never
// crosses says so.
func TestCrossoverNamesThePair(t *testing.T) {
	kg := func(v float64) lca.Impact { return lca.Impact{Category: lca.GWP, Value: v} }
	never := math.Inf(1)
	r := lca.Comparison{
		FunctionalUnit: "output_token", Designs: []string{"one", "two", "three"}, Usage: 5e9, Draws: 100,
		Crossings: []lca.Crossing{
			{Category: lca.GWP, First: "one", Second: "two", Usage: 3e9, Lo: 2e9, Hi: 4e9, Probability: 1, Difference: kg(-0.1), DifferenceLo: kg(-0.2), DifferenceHi: kg(-0.05)},
			{Category: lca.GWP, First: "one", Second: "three", Usage: never, Lo: never, Hi: never, Difference: kg(0.3), DifferenceLo: kg(0.2), DifferenceHi: kg(0.4)},
		},
	}
	var text strings.Builder
	if err := Crossover(&text, r); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, line := range strings.Split(text.String(), "\n") {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"how much more a unit costs with one than with the other, at 5.00 billion output tokens",
		"global warming (GWP100) one two 100 %",
		"global warming (GWP100) one three never never to never",
		"global warming (GWP100) one three 0 %",
		"global warming (GWP100) two one -100 g CO2e -200 g CO2e to -50.0 g CO2e",
		"global warming (GWP100) three one 300 g CO2e 200 g CO2e to 400 g CO2e",
	} {
		if !lines[want] {
			t.Errorf("no line %q in\n%s", want, &text)
		}
	}
}
