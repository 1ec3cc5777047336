package figure

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cfubench/attribution/lca"
)

// Crossings that lie beside each other have labels one above the other, within the
// drawing and in the colour of the design that overtakes, however long its name is.
func TestCrossingsAreLegible(t *testing.T) {
	one := published(t, "olmo2-7b", "OLMo 2 7B")[0]
	list := []lca.Assessment{one, one, one}
	r := lca.Comparison{
		FunctionalUnit: "request", Usage: 1e9, Designs: []string{"a", "b", "out/of-a-long-name#b8-c16-r1=inventories/mine.json"},
		Crossings: []lca.Crossing{
			{Category: lca.GWP, First: "a", Second: "b", Usage: 1e9},
			{Category: lca.GWP, First: "a", Second: "out/of-a-long-name#b8-c16-r1=inventories/mine.json", Usage: 2e9},
			{Category: lca.GWP, First: "b", Second: "out/of-a-long-name#b8-c16-r1=inventories/mine.json", Usage: 1e6},
		},
	}
	var svg strings.Builder
	if err := Crossover(&svg, list, r, lca.GWP); err != nil {
		t.Fatal(err)
	}
	labels := regexp.MustCompile(`<text class="f(\d)" text-anchor="(start|end)" x="([\d.]+)" y="([\d.]+)">([^<]*)<`).FindAllStringSubmatch(svg.String(), -1)
	if len(labels) != 3 {
		t.Fatalf("%d labels of 3 crossings in\n%s", len(labels), &svg)
	}
	rows, colours := map[string]bool{}, []string{"1", "3", "3"}
	for i, l := range labels {
		rows[l[4]] = true
		from, err := strconv.ParseFloat(l[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		to := from + character*float64(len(l[5]))
		if l[2] == "end" {
			from, to = from-character*float64(len(l[5])), from
		}
		if from < 0 || to > panelWidth || l[1] != colours[i] {
			t.Errorf("%q goes from %g to %g of %d in colour %s, want it inside in colour %s", l[5], from, to, panelWidth, l[1], colours[i])
		}
	}
	if len(rows) != len(labels) {
		t.Errorf("%d labels stand in %d rows", len(labels), len(rows))
	}
}
