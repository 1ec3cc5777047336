package report_test

import (
	"strings"
	"testing"

	"cfubench/attribution/lca/report/browsertest"
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
