package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca/report/browsertest"
	"cfubench/internal/golden"
	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/comparison"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// threeRuns are a sweep on three servers, one of them with other batch sizes.
func threeRuns(t *testing.T) []comparison.Subject {
	t.Helper()
	var subjects []comparison.Subject
	for _, one := range []struct {
		name   string
		change func(*simulated.Spec)
	}{
		{"base", func(*simulated.Spec) {}},
		{"fast", func(s *simulated.Spec) { s.Server.TokenTime = 15 * time.Millisecond }},
		{"large", func(s *simulated.Spec) { s.Batches = []int{1, 32}; s.Server.First = 60 * meter.Watt }},
	} {
		dir := t.TempDir()
		s := spec()
		s.Requests = 60
		one.change(&s)
		if _, err := s.Write(dir); err != nil {
			t.Fatal(err)
		}
		o := summary.Options{Limits: summary.DefaultLimits()}
		if err := o.SLO.Set("ttft=1s"); err != nil {
			t.Fatal(err)
		}
		loaded, err := comparison.Load(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		loaded.Name = "somewhere/" + one.name
		subjects = append(subjects, loaded)
	}
	comparison.Shorten(subjects)
	return subjects
}

func several(t *testing.T, subjects []comparison.Subject, warnings []string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteSeveral(&b, subjects, warnings, comparison.ChooseOptions{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSeveralRunsOnOnePage(t *testing.T) {
	subjects := threeRuns(t)
	view, err := json.MarshalIndent(report.SeveralViewOf(subjects, []string{"a warning"}, comparison.ChooseOptions{Seed: 1}), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/several.json", append(view, '\n'))

	page := several(t, subjects, nil)
	for _, forbidden := range []string{"src=", "https://", "@import", "url(", "<script"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	// The decision comes first, and the warnings of each run last.
	at := -1
	for _, want := range []string{`id="decision"`, `id="differences"`, `id="energy"`, `id="latency"`, `id="runs"`, "few_requests"} {
		next := strings.Index(page, want)
		if next <= at {
			t.Errorf("%s is at %d, want it behind %d", want, next, at)
		}
		at = next
	}
	for _, v := range []browsertest.View{{Width: 390, Dark: true}, {Width: browsertest.Paper, Print: true}} {
		seen := browsertest.Look(t, []byte(page), v)
		for _, p := range seen.Problems() {
			t.Errorf("%v: %s", v, p)
		}
		if v.Width == 390 && seen.Smallest < 8 {
			t.Errorf("%v: the smallest text of a chart is %.1f px high, want 8", v, seen.Smallest)
		}
	}
}

func TestSeveralRunsWithoutAChoiceSayWhy(t *testing.T) {
	subjects := threeRuns(t)[:2]
	subjects[1].Summary.SLO = "ttft=9s"
	if page := several(t, subjects, nil); !strings.Contains(page, "say which holds for all with --slo") || strings.Contains(page, "<svg") {
		t.Error("runs under two objectives have a choice, or no reason why not")
	}
}

// The keyboard reaches the marks of a decision's charts, and the line under the
// chart says what they are.
func TestMarksAreReadByKeyboard(t *testing.T) {
	_, page := render(t, pages()["sweep"])
	seen := browsertest.Look(t, page, browsertest.View{Width: 1280, Script: `
		const mark = page.querySelector('#decision .read');
		const line = mark.querySelector('.said'), still = mark.closest('svg').querySelector('.still');
		const shown = e => page.defaultView.getComputedStyle(e).visibility;
		const before = [shown(line), shown(still)];
		mark.focus();
		return {before, after: [shown(line), shown(still)], text: line.textContent, label: mark.getAttribute('aria-label')};`})
	var got struct {
		Before, After []string
		Text, Label   string
	}
	if err := json.Unmarshal(seen.Answer, &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Before, got.After) != "[hidden visible] [visible hidden]" || !strings.Contains(got.Text, "b8-c8: 19.8 (19.1 to 20.6) J") || !strings.HasPrefix(got.Label, got.Text) {
		t.Errorf("got %+v; want the line hidden before and shown after", got)
	}
}

// TestOneValue holds a figure against itself wherever it stands: in the cells, in
// the load points of summary.json, in the ranking and its charts, in a comparison,
// and in the footprint.
func TestOneValue(t *testing.T) {
	for _, repeats := range []int{1, 3} {
		dir := t.TempDir()
		s := spec()
		s.Repeats = repeats
		run, err := s.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		one, err := comparison.Load(t.Context(), dir, summary.Options{Limits: summary.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		if err := summary.WriteSummary(dir, one.Summary); err != nil {
			t.Fatal(err)
		}
		stated := readSummary(t, dir)
		page, err := json.Marshal(report.ViewOf(run, one.Summary))
		if err != nil {
			t.Fatal(err)
		}
		choice, err := comparison.Choose([]comparison.Subject{one}, comparison.ChooseOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		other := one
		other.Name = "again"
		table, err := comparison.Compare(one, []comparison.Subject{other}, comparison.Options{})
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		for i, r := range choice.Rows {
			name := r.Name
			for _, metric := range []string{summary.MetricEnergyPerRequest, summary.MetricEnergyPerToken, summary.MetricTTFTP99, summary.MetricOutputTokenRate, summary.MetricCarbon, summary.MetricCarbonCFU, summary.MetricCostPower} {
				m, _ := summary.MetricOf(metric)
				want := mean(one.Summary, name, m)
				same := func(where string, got float64) {
					t.Helper()
					checked++
					if math.Abs(got/want-1) > 1e-12 {
						t.Errorf("%d repeats: %s of %s is %v in %s, the cells have %v", repeats, metric, name, got, where, want)
					}
				}
				same("the ranking's row", float64(choice.Beside[i].Metrics[metric].Mean))
				for _, p := range stated.Points {
					if p.Name == name {
						same("summary.json", float64(p.Metrics[metric].Mean))
					}
				}
				for _, row := range table.Rows {
					// By batches a comparison holds the batches' own means together.
					if row.Point == name && row.Metric == metric && row.Basis == "repeats" {
						same("the comparison", row.A)
					}
				}
				if metric == summary.MetricEnergyPerRequest {
					same("the decision", r.Estimate)
					for _, text := range []string{name + " | " + si.Short(want) + " | ", name + ": " + si.Short(want) + " ("} {
						if !bytes.Contains(page, []byte(text)) {
							t.Errorf("%d repeats: the page has no %q", repeats, text)
						}
					}
				}
			}
		}
		if checked < 4*7*2 {
			t.Errorf("%d figures were compared with each other, too few to tell", checked)
		}
		inFootprint(t, dir, one.Summary)
	}
}

// mean is a metric's over the repeats of a load point.
func mean(s summary.Summary, point string, m summary.Metric) float64 {
	sum, n := 0.0, 0.0
	for _, c := range s.Cells {
		if c.Point.String() == point {
			sum, n = sum+float64(m.Value(c)), n+1
		}
	}
	return sum / n
}

// readSummary reads summary.json of a run folder.
func readSummary(t *testing.T, dir string) (s summary.Summary) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, runfolder.SummaryFile))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inFootprint holds the cells' carbon and cost of power, which are of the window that
// their energy is stated of, against the rows of footprint.arrow, which are of the
// whole cells, and all of them against each other over the energy of their window.
func inFootprint(t *testing.T, dir string, s summary.Summary) {
	t.Helper()
	rows, _, err := runfolder.Footprints().Read(filepath.Join(dir, runfolder.FootprintFile))
	if err != nil {
		t.Fatal(err)
	}
	ratios, steady := map[string][]float64{}, 0
	for _, c := range s.Cells {
		for _, r := range rows {
			if r.Cell != c.Cell || r.Stage != "inference" {
				continue
			}
			whole, stated := c.Whole.Energy, c.Best().Energy
			if c.Steady != nil && whole.PerRequest != stated.PerRequest {
				steady++
			}
			switch r.FunctionalUnit + " " + r.Category {
			case "request gwp":
				got := float64(c.Carbon("inference"))
				if want := 1000 * r.Value * float64(stated.PerRequest/whole.PerRequest); math.Abs(got/want-1) > 1e-12 {
					t.Errorf("%s: use is %v g, footprint.arrow has %v kg of the whole cell", c.Cell, got, r.Value)
				}
				ratios["carbon"] = append(ratios["carbon"], 1000*r.Value/float64(whole.PerRequest), got/float64(stated.PerRequest))
			case "request energy":
				ratios["electricity"] = append(ratios["electricity"], r.Value/float64(whole.PerRequest))
			case "output_token cost":
				got := float64(c.Cost.Power)
				if want := 1e6 * r.Value * float64(stated.PerOutputToken/whole.PerOutputToken); math.Abs(got/want-1) > 1e-12 {
					t.Errorf("%s: power costs %v a million tokens, footprint.arrow has %v a token of the whole cell", c.Cell, got, r.Value)
				}
				ratios["cost"] = append(ratios["cost"], 1e6*r.Value/float64(whole.PerOutputToken), got/float64(stated.PerOutputToken))
			}
		}
	}
	for what, list := range ratios {
		for _, r := range list {
			if math.Abs(r/list[0]-1) > 1e-9 {
				t.Errorf("%s per joule differs between cells: %v", what, list)
			}
		}
	}
	if steady == 0 {
		t.Error("no cell's steady window differs from the whole: the two are not told apart")
	}
	if len(ratios) != 3 {
		t.Errorf("the footprint has %d of three figures", len(ratios))
	}
}
