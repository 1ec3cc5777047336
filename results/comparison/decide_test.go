package comparison_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"cfubench/internal/golden"
	"cfubench/results/comparison"
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
		if !(r.Lo < r.Estimate && r.Estimate < r.Hi) {
			t.Errorf("%s: %v is not within its interval [%v, %v]", r.Name, r.Estimate, r.Lo, r.Hi)
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
