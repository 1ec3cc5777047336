package report_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"cfubench/attribution/lca/report/browsertest"
	"cfubench/results/report"
	"cfubench/results/simulated"
)

func TestReportInABrowser(t *testing.T) {
	for _, c := range []struct {
		page string
		view browsertest.View
	}{
		{"sweep", browsertest.View{Width: 1280}},
		{"sweep", browsertest.View{Width: 390}},
		{"sweep", browsertest.View{Width: 1280, Dark: true}},
		{"sweep", browsertest.View{Width: 390, NoScript: true}},
		{"sweep", browsertest.View{Width: browsertest.Paper, Print: true}},
		{"modelled", browsertest.View{Width: 390}},
		{"modelled", browsertest.View{Width: browsertest.Paper, Print: true}},
		{"rates", browsertest.View{Width: 1280}},
		{"rates", browsertest.View{Width: 390}},
		{"invalid", browsertest.View{Width: 390}},
	} {
		t.Run(c.page+" at "+c.view.String(), func(t *testing.T) {
			_, page := render(t, pages()[c.page])
			s := browsertest.Look(t, page, c.view)
			for _, p := range s.Problems() {
				t.Error(p)
			}
			if want := strings.Count(string(page), `<svg class="chart`); s.Charts != want {
				t.Errorf("the browser shows %d charts, the page has %d", s.Charts, want)
			}
			if len(s.Headings) < 3 {
				t.Errorf("headings = %q, want at least table, validity and configuration", s.Headings)
			}
			if s.Charts > 0 && s.Smallest < 8 {
				t.Errorf("the smallest text of a chart is %.1f px high, want 8", s.Smallest)
			}
		})
	}
}

// Names of several settings leave room for the figures: on a phone the first of them
// stands beside a name without scrolling, in the ranking and in the tables.
func TestLongNamesInABrowser(t *testing.T) {
	run, s := simulate(t, func(s *simulated.Spec) { s.Requests = 30 })
	named := map[string]string{}
	for i := range s.Points {
		p := &s.Points[i]
		p.Name = "dtype=bfloat16,kv_cache_dtype=fp8_e5m2,prefix=on-" + p.Name
		for k, c := range p.Cells {
			named[c] = "dtype=bfloat16,kv_cache_dtype=fp8_e5m2,prefix=on-" + c
			p.Cells[k] = named[c]
		}
	}
	for i := range s.Cells {
		s.Cells[i].Cell = named[s.Cells[i].Cell]
	}
	var page bytes.Buffer
	if err := report.Write(&page, run, s); err != nil {
		t.Fatal(err)
	}
	for _, v := range []browsertest.View{{Width: 390}, {Width: 768}, {Width: 1280}, {Width: browsertest.Paper, Print: true}} {
		v.Script = `for (const d of page.querySelectorAll('details')) d.open = true;
  return [...page.querySelectorAll('.named tbody tr, .first tbody tr')].map(row => row.cells[1].getBoundingClientRect().right / page.documentElement.clientWidth);`
		seen := browsertest.Look(t, page.Bytes(), v)
		for _, p := range seen.Problems() {
			t.Errorf("%v: %s", v, p)
		}
		var ends []float64
		if err := json.Unmarshal(seen.Answer, &ends); err != nil || len(ends) < 8 {
			t.Fatalf("%v: got %d rows of tables (%v), want those of ranking and cells", v, len(ends), err)
		}
		if end := slices.Max(ends); end > 0.9 {
			t.Errorf("%v: the first figure beside a name ends at %.2f of the width, want 0.9 at most", v, end)
		}
	}
}
