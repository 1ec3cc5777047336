package report

import (
	"fmt"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// A page of thousands of cells shows the first, says so, and stays small.
func TestThousandsOfCellsOnAPage(t *testing.T) {
	const n = rowsShown + 500
	s := summary.Summary{MeterKind: "counter"}
	for i := range n {
		c := summary.CellSummary{
			Cell: fmt.Sprintf("c%d-r1", i+1), Point: runfolder.Point{Load: runfolder.Load{Concurrency: i + 1}}, Repeat: 1,
			Validity: summary.Validity{Verdict: summary.Valid}, Conventions: []summary.ConventionSummary{{Convention: "phase", Requests: 3, Prefill: 1, Decode: 2}},
			Sensors: []summary.SensorSummary{{Domain: "gpu0"}},
		}
		if i%2 == 0 {
			c.Warnings = []string{"every other cell has this"}
		}
		s.Cells = append(s.Cells, c)
		s.Points = append(s.Points, summary.Point{Name: fmt.Sprintf("c%d", i+1), Point: c.Point, Cells: []string{c.Cell}})
	}
	d := build(runfolder.Run{}, s)
	if got := len(d.Table.Rows); got != rowsShown || !strings.Contains(d.Table.Rest, fmt.Sprintf("first %d of %d rows", rowsShown, n)) {
		t.Errorf("table: got %d rows and %q, want %d and how many there are", got, d.Table.Rest, rowsShown)
	}
	if got := len(d.Sensors); got != rowsShown || d.SensorsRest == "" {
		t.Errorf("sensors: got %d rows and %q, want %d and how many there are", got, d.SensorsRest, rowsShown)
	}
	if len(d.Findings) != 1 || !strings.HasSuffix(d.Findings[0].Where, fmt.Sprintf("and %d more", n/2-placesShown)) {
		t.Errorf("findings: got %+v, want one that names the first %d cells", d.Findings, placesShown)
	}
	folded := 0
	for _, one := range d.Sections {
		for _, c := range one.Charts {
			if strings.HasSuffix(c.Caption, fmt.Sprintf("; the first %d of %d load points", barsShown, n)) {
				folded++
			}
		}
	}
	if folded == 0 {
		t.Errorf("no chart says that it shows the first %d load points", barsShown)
	}
	var page strings.Builder
	if err := Write(&page, runfolder.Run{}, s); err != nil {
		t.Fatal(err)
	}
	if got := page.Len(); got > 2<<20 || !strings.Contains(page.String(), d.Table.Rest) {
		t.Errorf("the page has %d bytes, want at most 2 MiB, and what it does not show", got)
	}
}
