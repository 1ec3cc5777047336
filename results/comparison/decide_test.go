package comparison_test

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cfubench/internal/golden"
	"cfubench/internal/stats"
	"cfubench/results/comparison"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// text holds what is written against a golden file.
func text(t *testing.T, name string, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/"+name, b.Bytes())
	return b.String()
}

func TestRanking(t *testing.T) {
	a := subject(t, "a", func(s *simulated.Spec) { s.Inventory = "olmo2-7b" })
	b := subject(t, "b", func(s *simulated.Spec) { s.Inventory, s.Requests = "olmo2-7b", 70; slower(s) })
	for _, s := range []*comparison.Subject{&a, &b} {
		s.Summary.SLO = "ttft=1s"
	}
	subjects := []comparison.Subject{a, b}
	c, err := comparison.Choose(subjects, comparison.ChooseOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	printed := text(t, "choice.txt", func(b *bytes.Buffer) error { return c.WriteText(b) })
	for _, line := range strings.Split(printed, "\n")[1:] { // the sentence is as long as it is, and so are notes
		if table := !strings.Contains(line, ". ") && !strings.Contains(line, ", "); table && len([]rune(line)) > 100 {
			t.Errorf("a line of %d columns, want at most 100: %s", len([]rune(line)), line)
		}
	}
	differ := text(t, "differences.txt", func(b *bytes.Buffer) error {
		return comparison.WriteDifferences(b, comparison.Differences(subjects))
	})
	if long := regexp.MustCompile(`[0-9a-f]{20,}`).FindString(differ); long != "" {
		t.Errorf("a difference is told by the hash %s", long)
	}
	// What is ranked by is the mean that the points' own tables have.
	for i, r := range c.Rows {
		if want := float64(c.Beside[i].Metrics[c.Metric.Name].Mean); r.Estimate != want {
			t.Errorf("%s: ranked at %v, its table says %v", r.Name, r.Estimate, want)
		}
		if lo, hi := c.Interval(i); !(lo < r.Estimate && r.Estimate < hi) {
			t.Errorf("%s: %v is not within its interval [%v, %v]", r.Name, r.Estimate, lo, hi)
		}
		if s := c.From[i]; !strings.HasPrefix(r.Name, subjects[s].Name+":") {
			t.Errorf("%s is said to be of %s", r.Name, subjects[s].Name)
		}
	}
	if c.Currency != "USD" || !strings.Contains(printed, "no cost of hardware: the inventory has no price of it") {
		t.Errorf("costs are in %q; the ranking says no reason why the cost of hardware is not there:\n%s", c.Currency, printed)
	}
}

func TestChoicesThatMeanNothingAreRefused(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats, s.Inventory = 1, "olmo2-7b" })
	for _, c := range []struct {
		comment string
		change  func(*comparison.Subject)
		metric  string
		want    string // in the error, "" for none
	}{
		{"the same", func(*comparison.Subject) {}, "", ""},
		{"by a metric of which more is better", func(*comparison.Subject) {}, summary.MetricTokensPerMegawatt, "more of it is better"},
		{"by a metric that there is not", func(*comparison.Subject) {}, "beauty", `metric "beauty" is unknown`},
		{"under different objectives", func(s *comparison.Subject) { s.Summary.SLO = "ttft=1s" }, "", "say which holds for all with --slo"},
		{"by money that has no price", func(*comparison.Subject) {}, summary.MetricCostHardware, "by hardware_cost_per_million_output_tokens: no cost of hardware: the inventory has no price of it"},
		{"by money in two currencies", euro, summary.MetricCostPower, "different currencies"},
		{"by energy, with money in two currencies", euro, "", ""},
	} {
		other := alter(base, c.change)
		other.Name = "other"
		choice, err := comparison.Choose([]comparison.Subject{base, other}, comparison.ChooseOptions{Metric: c.metric, Seed: 1})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.comment, err, c.want)
		}
		if choice.Mixed && err == nil && !strings.Contains(strings.Join(choice.Warnings, "\n"), "different currencies") {
			t.Errorf("%s: costs are left out without a word", c.comment)
		}
	}
}

// euro puts a subject's costs into another currency.
func euro(s *comparison.Subject) {
	for i, c := range s.Summary.Cells {
		cost := *c.Cost
		cost.Currency = "EUR"
		s.Summary.Cells[i].Cost = &cost
	}
}

func TestAMissedObjectiveIsRankedLast(t *testing.T) {
	dir := t.TempDir()
	s := spec()
	if _, err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	o := summary.Options{Limits: summary.DefaultLimits()}
	if err := o.SLO.Set("ttft=500ms"); err != nil { // 16 at once queue for 4 slots
		t.Fatal(err)
	}
	one, err := comparison.Load(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := comparison.Choose([]comparison.Subject{one}, comparison.ChooseOptions{Seed: 1}) // the share by default
	if err != nil {
		t.Fatal(err)
	}
	if last := c.Rows[len(c.Rows)-1]; last.Name != "b4-c16" || !strings.HasPrefix(last.Rejected, "keeps the SLO for") || c.Rows[0].Rejected != "" {
		t.Errorf("rows %+v; want b4-c16 last and rejected", c.Rows)
	}
	parts := c.Ranking()
	if why := parts[len(parts)-1]; why.Title != "not to be chosen" || why.Rows[0][0] != "" {
		t.Errorf("the last part is %+v, want why a row may not be chosen", why)
	}
}

// drop makes the cells of a name invalid.
func drop(s *comparison.Subject, cells ...string) {
	for i, c := range s.Summary.Cells {
		if slices.Contains(cells, c.Cell) {
			s.Summary.Cells[i].Validity = summary.Validity{Verdict: summary.Invalid, Reasons: []summary.Reason{{Code: "incomplete", Invalid: true}}}
		}
	}
}

func TestPairsAreOfRoundsMeasuredTogether(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats = 4 })
	once := subject(t, "once", func(s *simulated.Spec) { s.Repeats = 1 })
	elsewhere := base
	elsewhere.Name, elsewhere.Dir = "elsewhere", base.Dir+"2"
	for _, row := range []struct {
		comment  string
		subjects []comparison.Subject
		pairs    int
		warned   string
		refused  string
	}{
		{"all rounds", []comparison.Subject{base}, 4, "", ""},
		{"those that both have, by their numbers", []comparison.Subject{alter(base, func(s *comparison.Subject) { drop(s, "b4-c4-r1", "b4-c16-r4") })}, 2, "left out of the pairs, for not all have them: 4 of b4-c4; 1 of b4-c16", ""},
		{"one round in common", []comparison.Subject{alter(base, func(s *comparison.Subject) { drop(s, "b4-c4-r1", "b4-c4-r2", "b4-c16-r4") })}, 0, "", "there is one"},
		{"one repeat of each", []comparison.Subject{once}, 0, "", "each load point has one value"},
		{"two runs", []comparison.Subject{base, elsewhere}, 0, "", "are two runs, whose rounds were not measured together"},
	} {
		c, err := comparison.Choose(row.subjects, comparison.ChooseOptions{PairBy: comparison.PairByRepeat, Seed: 1})
		if row.refused != "" {
			if err == nil || !strings.Contains(err.Error(), row.refused) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want %q in one line", row.comment, err, row.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.comment, err)
			continue
		}
		pairs := max(c.Rows[0].Pairs, c.Rows[1].Pairs)
		if warned := strings.Join(c.Warnings, "\n"); pairs != row.pairs || !strings.Contains(warned, row.warned) {
			t.Errorf("%s: %d pairs, warnings %q; want %d and %q", row.comment, pairs, warned, row.pairs, row.warned)
		}
	}
}

func TestDoubtsStandAtTheDecision(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats = 1 })
	for _, row := range []struct {
		comment        string
		change         func(*comparison.Subject)
		metric         string
		warned, remark string // of b4-c16; "" for none
	}{
		{"nothing", func(*comparison.Subject) {}, "", "", ""},
		{"a whole run among steady windows", func(s *comparison.Subject) { s.Summary.Cells[1].Steady = nil }, "", "whole runs are ranked among steady windows, for they had none, or not in every repeat: b4-c16", "of the whole run"},
		{"a point without batches has its noise from the others", func(s *comparison.Subject) { s.Summary.Cells[1].BatchMeans = nil }, "", "", "taken to be as noisy as the others may be"},
		{"correlated batches", func(s *comparison.Subject) {
			s.Summary.Cells[1].BatchMeans = map[string][]float64{summary.MetricEnergyPerRequest: {20, 20.1, 20.2, 20.3, 20.4, 20.5, 20.6, 20.7, 20.8, 20.9}}
		}, "", "batch means are correlated", ""},
		{"several models", func(s *comparison.Subject) {
			s.Run.Engine = slices.Clone(s.Run.Engine)
			other := s.Run.Engine[0]
			other.Model, other.Label = "another", "second"
			s.Run.Engine = append(s.Run.Engine, other)
			s.Summary.Points = slices.Clone(s.Summary.Points)
			s.Summary.Points[1].Label = "second"
		}, "", "the configurations serve different models (SmolLM2-135M, another)", ""},
	} {
		c, err := comparison.Choose([]comparison.Subject{alter(base, row.change)}, comparison.ChooseOptions{Metric: row.metric, Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", row.comment, err)
			continue
		}
		if warned := strings.Join(c.Warnings, "\n"); (row.warned == "") != (warned == "") || !strings.Contains(warned, row.warned) {
			t.Errorf("%s: warnings %q, want %q", row.comment, warned, row.warned)
		}
		for i, r := range c.Rows {
			want := ""
			if strings.HasPrefix(r.Name, "b4-c16") {
				want = row.remark
			}
			if (want == "") != (c.Remarks[i] == "") || !strings.Contains(c.Remarks[i], want) {
				t.Errorf("%s: the remark of %s is %q, want %q", row.comment, r.Name, c.Remarks[i], want)
			}
		}
		if sentence := c.Sentence(); strings.Contains(sentence, "batches") || !c.Batches {
			t.Errorf("%s: %q counts batches, which nobody can ask for", row.comment, sentence)
		}
	}
}

// Cost is of the window that the energy is of, so its ranking has the same doubt.
func TestMoneyOfDifferentWindowsIsDoubted(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats = 2 })
	for _, row := range []struct {
		comment string
		whole   string // the load point without steady windows
		doubted bool
	}{
		{"all of steady windows", "", false},
		{"a whole run among steady windows", "b4-c16", true},
	} {
		c, err := comparison.Choose([]comparison.Subject{alter(base, func(s *comparison.Subject) {
			for i := range s.Summary.Cells {
				cell := &s.Summary.Cells[i]
				cell.Cost = &summary.Cost{Currency: "USD", Power: summary.Figure(i + 1)}
				if row.whole != "" && strings.HasPrefix(cell.Cell, row.whole) {
					cell.Steady = nil
				}
			}
		})}, comparison.ChooseOptions{Metric: summary.MetricCostPower, Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", row.comment, err)
			continue
		}
		if warned := strings.Join(c.Warnings, "\n"); strings.Contains(warned, "whole runs are ranked among steady windows") != row.doubted {
			t.Errorf("%s: warnings %q, want one of the windows: %v", row.comment, warned, row.doubted)
		}
	}
}

// The share that keeps the SLO stands with its interval, and what more requests would
// tell is said on either side of the share that is asked for.
func TestAShareOfTheSLOHasAnInterval(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats, s.Concurrencies = 1, []int{4} })
	for _, row := range []struct {
		comment           string
		kept, completed   int
		rejected, warning string
	}{
		{"clearly kept", 2000, 2000, "", ""},
		{"just kept", 191, 192, "", "more requests would tell whether the SLO is kept for 99 % of them: b4-c4 (191 of 192, 97.1 to 99.9 %)"},
		{"just missed", 189, 192, "keeps the SLO for 98.4 % of 192 requests (95.5 to 99.5 %): more would tell", "more requests would tell"},
		{"clearly missed", 96, 192, "keeps the SLO for 50 % of 192 requests (43 to 57 %)", ""},
	} {
		c, err := comparison.Choose([]comparison.Subject{alter(base, func(s *comparison.Subject) {
			m := s.Summary.Cells[0].Best()
			m.SLORequests, m.Completed, m.Goodput = row.kept, row.completed, 1
			s.Summary.Cells[0].Steady = &m
		})}, comparison.ChooseOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		doubts := slices.DeleteFunc(slices.Clone(c.Warnings), func(w string) bool { return !strings.HasPrefix(w, "more requests") })
		if got := strings.Join(doubts, "; "); c.Rows[0].Rejected != row.rejected || !strings.HasPrefix(got, row.warning) || (got == "") != (row.warning == "") {
			t.Errorf("%s: rejected %q, warned %q; want %q and %q", row.comment, c.Rows[0].Rejected, got, row.rejected, row.warning)
		}
	}
}

// With one repeat the batches' spread, without what the lengths of the shared requests
// explain, is what another run of the same requests would differ by; with it, it is
// several times that.
func TestOneRepeatIsAsSureAsItSays(t *testing.T) {
	all := subject(t, "all", func(s *simulated.Spec) {
		s.Concurrencies, s.Repeats, s.Requests, s.Parts = []int{4}, 60, 200, simulated.RAPL()[:1]
	})
	m, _ := summary.MetricOf(summary.MetricEnergyPerRequest)
	var values []float64
	for _, c := range all.Summary.Cells {
		values = append(values, float64(m.Value(c)))
	}
	logs := stats.Logs(values)
	truth, between := stats.Mean(logs), stats.Deviation(logs)
	for _, row := range []struct {
		comment      string
		sameRequests bool
		least, most  float64 // error within a run over the deviation between runs
		held         float64 // least share of intervals that hold the truth
	}{
		{"of the same requests", true, 0.7, 1.3, 0.85},
		{"of any requests", false, 4, math.Inf(1), 0.95},
	} {
		within, held := 0.0, 0
		for i, c := range all.Summary.Cells {
			s := m.SampleOf([]summary.CellSummary{c}, row.sameRequests).LogSpread()
			e := math.Sqrt(s.Squares / s.Freedom)
			within += e / float64(len(values))
			if math.Abs(logs[i]-truth) <= e*stats.StudentT(s.Freedom, stats.Confidence) {
				held++
			}
		}
		share := float64(held) / float64(len(values))
		t.Logf("%s: error %.4f, deviation between runs %.4f, intervals hold the mean of all in %.0f %%", row.comment, within, between, 100*share)
		if r := within / between; r < row.least || r > row.most || share < row.held {
			t.Errorf("%s: the error within a run is %.2f of the deviation between runs, want %g to %g; intervals hold in %.2f, want %g at least", row.comment, r, row.least, row.most, share, row.held)
		}
	}
}

// What has no figure because it failed, or kept the SLO at no rate, is said where the
// choice is.
func TestChoiceSaysWhatIsNotMeasured(t *testing.T) {
	one := subject(t, "one", func(s *simulated.Spec) { s.Repeats = 1 })
	one.Run.Failed = []runfolder.Failed{{Batch: 8, Label: "dtype=float64", Reason: "the engine exited: out of memory"}}
	search := runfolder.RateSearch{Batch: 4, Label: "slow"}
	search.FailedAt = 0.5
	one.Run.RateSearches = []runfolder.RateSearch{search}
	c, err := comparison.Choose([]comparison.Subject{one}, comparison.ChooseOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"dtype=float64, batch 8 failed and is not measured, or not whole: the engine exited: out of memory", "slow, batch 4 keeps", "at no rate that was tried, down to 0.5 requests/s"} {
		if !strings.Contains(got, want) {
			t.Errorf("warnings %q, want %q among them", got, want)
		}
	}
}
