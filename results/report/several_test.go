package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// TestOneValue holds a figure against itself wherever it stands: in the cells and the
// tables that they are made from, in the load points of summary.json, in the printed
// table, in the ranking, the page and its charts, in a comparison, and in the footprint.
func TestOneValue(t *testing.T) {
	for _, kind := range []struct {
		comment string
		change  func(*simulated.Spec)
		slo     string
		by      string // what is ranked by; "" for energy per request
		steady  bool   // some cell's steady window differs from its whole run
	}{
		{"one repeat", func(s *simulated.Spec) { s.Repeats = 1 }, "", "", true},
		{"three repeats", func(s *simulated.Spec) { s.Repeats = 3 }, "", "", true},
		{"three repeats by carbon, some of which miss an objective", func(s *simulated.Spec) { s.Repeats = 3 }, "ttft=1s", summary.MetricCarbonCFU, true},
		{"too few requests for a steady window", func(s *simulated.Spec) { s.Requests, s.Batches = 9, []int{1, 4} }, "", "", false},
		{"an open loop", func(s *simulated.Spec) { s.Concurrencies, s.Rates = nil, []float64{0.5, 8} }, "ttft=2s", "", true},
		{"eight GPUs", func(s *simulated.Spec) { s.Parts = gpus(8) }, "tpot=40ms", "", true},
		{"a model in place of a sensor, and failures", func(s *simulated.Spec) { s.Kind, s.Failures = meter.KindModel, 0.03 }, "", "", true},
		{"an invalid repeat", func(s *simulated.Spec) { s.Incomplete = true }, "", "", true},
		{"no meter", func(s *simulated.Spec) { s.Parts, s.Inventory = []simulated.Part{}, "" }, "ttft=1s", summary.MetricLatencyP50, true},
	} {
		t.Run(kind.comment, func(t *testing.T) {
			dir := t.TempDir()
			s := spec()
			kind.change(&s)
			run, err := s.Write(dir)
			if err != nil {
				t.Fatal(err)
			}
			o := summary.Options{Limits: summary.DefaultLimits()}
			if kind.slo != "" {
				if err := o.SLO.Set(kind.slo); err != nil {
					t.Fatal(err)
				}
			}
			one, err := comparison.Load(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := summary.WriteSummary(dir, one.Summary); err != nil {
				t.Fatal(err)
			}
			choice, err := comparison.Choose([]comparison.Subject{one}, comparison.ChooseOptions{Metric: kind.by, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			sameEverywhere(t, one, choice, readSummary(t, dir))
			samePrinted(t, run, one.Summary, choice)
			inEnergy(t, dir, one.Summary)
			if s.Inventory != "" {
				inFootprint(t, dir, one.Summary)
			}
			if some := slices.ContainsFunc(one.Summary.Cells, func(c summary.CellSummary) bool {
				return c.Steady != nil && c.Steady.Latency.P50 != c.Whole.Latency.P50
			}); some != kind.steady {
				t.Errorf("a steady window differs from its whole run: %v, want %v", some, kind.steady)
			}
		})
	}
}

// gpus are n processors with counters of their own, one within each that is not summed.
func gpus(n int) (parts []simulated.Part) {
	for i := range n {
		name := fmt.Sprintf("gpu%d", i)
		of := func(name, parent string, scope meter.Scope, share float64) simulated.Part {
			return simulated.Part{Domain: meter.Domain{
				Name: name, Device: fmt.Sprintf("GPU %d", i), Source: "nvml", Kind: meter.KindCounter, Scope: scope, Parent: parent,
				Quantum: meter.Energy(1000), UpdatePeriod: 100 * time.Millisecond, Limit: 700 * meter.Watt, Note: "simulated",
			}, Share: share * float64(1+i) / float64(n)}
		}
		parts = append(parts, of(name, "", meter.ScopeGPU, 10), of(name+"-hbm", name, meter.ScopeHBM, 2))
	}
	return parts
}

// sameEverywhere holds the means over a point's valid cells against the ranking, the
// stored summary, and comparisons of the run and of one point of it.
func sameEverywhere(t *testing.T, one comparison.Subject, choice comparison.Choice, stated summary.Summary) {
	t.Helper()
	again := one
	again.Name = "again"
	table, err := comparison.Compare(one, []comparison.Subject{again}, comparison.Options{Metrics: metricNames()})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for i, r := range choice.Rows {
		selected, err := comparison.Load(t.Context(), one.Dir+":"+r.Name, summary.Options{Limits: summary.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range summary.Metrics() {
			want := mean(one.Summary, r.Name, m)
			if math.IsNaN(want) {
				continue
			}
			same := func(where string, got float64) {
				t.Helper()
				checked++
				if got != want && math.Abs(got/want-1) > 1e-12 {
					t.Errorf("%s of %s is %v in %s, the cells have %v", m.Name, r.Name, got, where, want)
				}
			}
			ranked := choice.Beside[i].Metrics[m.Name]
			same("the ranking's row", float64(ranked.Mean))
			for _, p := range stated.Points {
				if p.Name != r.Name {
					continue
				}
				same("summary.json", float64(p.Metrics[m.Name].Mean))
				if got := p.Metrics[m.Name]; got.Lo.Known() && (got.Lo != ranked.Lo || got.Hi != ranked.Hi) {
					t.Errorf("%s of %s lies in [%v, %v] in summary.json, in [%v, %v] in the ranking", m.Name, r.Name, got.Lo, got.Hi, ranked.Lo, ranked.Hi)
				}
			}
			if got := selected.Summary.Points[0].Metrics[m.Name]; m.Name != summary.MetricGoodput && m.Name != summary.MetricEnergyPerSLO { // which need the objective
				same("the point by itself", float64(got.Mean))
				if got.Lo.Known() && (got.Lo != ranked.Lo || got.Hi != ranked.Hi) {
					t.Errorf("%s of %s by itself lies in [%v, %v], in its run in [%v, %v]", m.Name, r.Name, got.Lo, got.Hi, ranked.Lo, ranked.Hi)
				}
			}
			for _, row := range table.Rows {
				if row.Point == r.Name && row.Metric == m.Name {
					same("the comparison", row.A)
				}
			}
			if m.Name == choice.Metric.Name {
				same("the decision", r.Estimate)
			}
		}
	}
	if checked < 10*len(choice.Rows) {
		t.Errorf("%d figures of %d rows were compared with each other, too few to tell", checked, len(choice.Rows))
	}
}

func metricNames() (names []string) {
	for _, m := range summary.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// samePrinted holds what is printed of the load points, in the table, the ranking and
// the page, against what the summary states.
func samePrinted(t *testing.T, run runfolder.Run, s summary.Summary, choice comparison.Choice) {
	t.Helper()
	view, err := json.Marshal(report.ViewOf(run, s))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := summary.PointTableOf(s)
	written := map[string]map[string]string{} // by point and metric
	for i, p := range s.Points {
		written[p.Name] = map[string]string{}
		for k, c := range columns {
			for metric, unit := range map[string]string{summary.MetricEnergyPerRequest: "J/req", summary.MetricEnergyPerToken: "J/out tok"} {
				if prefix, ok := strings.CutSuffix(c.Unit, unit); ok && c.Name == "energy" {
					written[p.Name][metric] = rows[i].Cells[k]
					f, known := p.Metrics[metric]
					if !known {
						f = summary.Interval{Mean: summary.Unknown(), Lo: summary.Unknown(), Hi: summary.Unknown()}
					}
					want := in(prefix, float64(f.Mean))
					if metric == summary.MetricEnergyPerRequest && f.Lo.Known() {
						want += " (" + in(prefix, float64(f.Lo)) + " to " + in(prefix, float64(f.Hi)) + ")"
					}
					if rows[i].Cells[k] != want {
						t.Errorf("%s of %s is printed as %s, want %s", metric, p.Name, rows[i].Cells[k], want)
					}
				}
			}
		}
		if s.MeterKind != "" && len(written[p.Name]) != 2 {
			t.Errorf("the table has %v of %s, want both energies", written[p.Name], p.Name)
		}
	}
	first := choice.Ranking()[0]
	for i, r := range choice.Rows {
		if choice.Metric.Name == summary.MetricEnergyPerRequest {
			unit, ok := strings.CutSuffix(first.Columns[0].Unit, "J/req")
			if got := first.Rows[i][0]; !ok || got != in(unit, float64(choice.Beside[i].Metrics[choice.Metric.Name].Mean)) {
				t.Errorf("%s is ranked at %s %s, its mean is %v J", r.Name, got, first.Columns[0].Unit, choice.Beside[i].Metrics[choice.Metric.Name].Mean)
			}
			m, energy := choice.Beside[i].Metrics[choice.Metric.Name], written[r.Name][choice.Metric.Name]
			for what, text := range map[string]string{"ranking": r.Name + " | " + first.Rows[i][0] + " | " + first.Rows[i][1], "table": energy, "mark": r.Name + ": " + si.Bounded(float64(m.Mean), float64(m.Lo), float64(m.Hi), "J")} {
				if !bytes.Contains(view, []byte(text)) {
					t.Errorf("the page's %s has no %q", what, text)
				}
			}
		}
		if !strings.Contains(first.Columns[0].Unit, "/") && choice.Metric.Name != summary.MetricLatencyP50 && choice.Metric.Name != summary.MetricCarbonCFU {
			t.Errorf("the ranking's unit is %q, of no request", first.Columns[0].Unit)
		}
	}
}

// in is a figure as it is written with a prefix.
func in(prefix string, v float64) string {
	factor := map[string]float64{"": 1, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6}[prefix]
	return si.Prefix{Symbol: prefix, Factor: factor}.Short(v)
}

// inEnergy holds the energy of whole cells against energy.arrow, by every convention.
func inEnergy(t *testing.T, dir string, s summary.Summary) {
	t.Helper()
	for _, c := range s.Cells {
		if c.Whole.Energy == nil {
			continue
		}
		rows, _, err := runfolder.Energies().Read(runfolder.CellFile(dir, c.Cell, runfolder.EnergyFile))
		if err != nil {
			t.Fatal(err)
		}
		sums := map[string]meter.Energy{}
		for _, r := range rows {
			if r.Summed {
				sums[r.Convention] += r.Energy
			}
		}
		if len(sums) != 3 {
			t.Errorf("%s is divided by %d conventions, want 3", c.Cell, len(sums))
		}
		for convention, sum := range sums {
			if got := float64(c.Whole.Energy.PerRequest) * float64(c.Whole.Completed); math.Abs(got/sum.Joules()-1) > 1e-12 {
				t.Errorf("%s: %v J in the summary, %v J by %s in energy.arrow", c.Cell, got, sum.Joules(), convention)
			}
		}
	}
}

// mean is a metric's over the repeats of a load point.
func mean(s summary.Summary, point string, m summary.Metric) float64 {
	sum, n := 0.0, 0.0
	for _, c := range s.Cells {
		if c.Point.String() == point && c.Validity.Valid() {
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
	ratios := map[string][]float64{}
	for _, c := range s.Cells {
		for _, r := range rows {
			if r.Cell != c.Cell || r.Stage != "inference" {
				continue
			}
			whole, stated := c.Whole.Energy, c.Best().Energy
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
	if len(ratios) != 3 {
		t.Errorf("the footprint has %d of three figures", len(ratios))
	}
}
