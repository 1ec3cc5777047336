package summary

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The text that is written cell by cell is the one of the whole.
func TestASummaryInPiecesIsTheWholeOne(t *testing.T) {
	cell := CellSummary{Cell: "b1-c2-r1", Warnings: []string{"<a> \"cells\": null\n  \"points\": null"}, Steady: &Measures{}}
	for _, row := range []struct {
		what string
		s    Summary
	}{
		{"no cells and no points", Summary{}},
		{"empty lists", Summary{Cells: []CellSummary{}, Points: []Point{}}},
		{"one cell of no point", Summary{Cells: []CellSummary{cell}}},
		{"cells and points", Summary{Cells: []CellSummary{cell, {Cell: "b1-c2-r2"}}, Points: []Point{{Name: "b1-c2", Cells: []string{"b1-c2-r1", "b1-c2-r2"}}, {Name: "b1-c4"}}, Warnings: []string{"é"}}},
	} {
		want, err := json.MarshalIndent(row.s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := row.s.writeJSON(&got); err != nil {
			t.Fatalf("%s: %v", row.what, err)
		}
		if got.String() != string(want)+"\n" {
			t.Errorf("%s: got\n%s\nwant\n%s", row.what, got.String(), want)
		}
	}
}
