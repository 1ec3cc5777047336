package report

import (
	"slices"
	"testing"

	"cfubench/results/comparison"
	"cfubench/results/decision"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// A configuration has its colour by its place in the run, as in the charts of energy,
// wherever the ranking puts it.
func TestConfigurationsHaveOneColour(t *testing.T) {
	point := func(label string) summary.Point { return summary.Point{Point: runfolder.Point{Label: label}} }
	measured := []summary.Point{point("default"), point("other"), point("default"), point("left out")}
	ranked := []summary.Point{point("other"), point("default"), point("default")}
	d := tradeoff{
		Choice:   comparison.Choice{Decision: decision.Decision{Rows: make([]decision.Row, len(ranked))}, Beside: ranked, From: make([]int, len(ranked))},
		subjects: []comparison.Subject{{Summary: summary.Summary{Points: measured}}},
	}
	names, of := d.series()
	if want := []string{"default", "other", "left out"}; !slices.Equal(names, want) {
		t.Errorf("series %q, want %q", names, want)
	}
	if want := []int{1, 0, 0}; !slices.Equal(of, want) {
		t.Errorf("rows of series %v, want %v", of, want)
	}
}
