package comparison_test

import (
	"strings"
	"testing"

	"cfubench/results/comparison"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// Runs without a load point in common are ranked, and say so; of two points that were
// asked for it is an error. A batch size is no load point.
func TestNoLoadPointInCommon(t *testing.T) {
	few := subject(t, "few", func(s *simulated.Spec) { s.Concurrencies = []int{4} })
	many := subject(t, "many", func(s *simulated.Spec) { s.Concurrencies = []int{16} })
	table, err := comparison.Compare(few, []comparison.Subject{many}, comparison.Options{})
	if warned := strings.Join(table.Warnings, "; "); err != nil || len(table.Rows) > 0 || !strings.Contains(warned, "few and many have no load point in common") {
		t.Errorf("got %d rows, warnings %q, error %v; want a warning", len(table.Rows), warned, err)
	}
	few.Selected, many.Selected = true, true
	if _, err := comparison.Compare(few, []comparison.Subject{many}, comparison.Options{}); err == nil || !strings.Contains(err.Error(), "no load point in common") {
		t.Errorf("two points with different loads: error %v", err)
	}
	if _, err := comparison.Load(t.Context(), few.Dir+":b4", summary.Options{Limits: summary.DefaultLimits()}); err == nil || !strings.Contains(err.Error(), `no cell or load point "b4"`) {
		t.Errorf("a batch size in the place of a load point: error %v", err)
	}
}

// The decision in words, where it is not that one of many needs less than the first.
func TestSentences(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Concurrencies = []int{4} })
	other := alter(base, func(s *comparison.Subject) { s.Name = "other" })
	slow := subject(t, "slow", func(s *simulated.Spec) { s.Concurrencies = []int{4}; slower(s) })
	keeping := func(s comparison.Subject, kept float64) comparison.Subject {
		return alter(s, func(s *comparison.Subject) {
			s.Summary.SLO = "ttft=1s"
			for i, c := range s.Summary.Cells {
				m := c.Best()
				m.Goodput, m.SLORequests = summary.Figure(kept), int(kept*float64(m.Completed))
				s.Summary.Cells[i].Steady = &m
			}
		})
	}
	for _, row := range []struct {
		comment  string
		subjects []comparison.Subject
		by       string
		says     []string
		never    string
	}{
		{"one load point is not the best of any", []comparison.Subject{base}, "", []string{"b4-c4 is the only load point; its energy per request is ", " J."}, "probability"},
		{"one that alone keeps the SLO needs not the least", []comparison.Subject{keeping(base, 0.5), keeping(slow, 1)}, "", []string{"slow:b4-c4 alone keeps ttft=1s; its energy per request is ", " % more ("}, "least"},
		{"none keeps it: how near the nearest comes", []comparison.Subject{keeping(base, 0.5), keeping(slow, 0.75)}, "", []string{"No configuration keeps ttft=1s for 99 % of its requests: slow:b4-c4 comes nearest, with 75 % of "}, "least"},
		{"none keeps it at all", []comparison.Subject{keeping(base, 0), keeping(slow, 0)}, "", []string{"No configuration keeps ttft=1s: not one request did."}, "nearest"},
		{"the first is the best: how much more the next needs", []comparison.Subject{base, slow}, "", []string{"base:b4-c4 needs the least energy per request: ", "; slow:b4-c4, the next, needs ", " % more ("}, " than base"},
		{"two that measured the same", []comparison.Subject{base, other}, "", []string{"; other:b4-c4, the next, needs as much.", "other:b4-c4 measured the same."}, "repeats"},
		{"by latency it is not said twice", []comparison.Subject{slow, base}, summary.MetricLatencyP50, []string{"base:b4-c4 needs the least latency, p50: "}, "at a latency"},
	} {
		c, err := comparison.Choose(row.subjects, comparison.ChooseOptions{Metric: row.by, Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", row.comment, err)
			continue
		}
		said := c.Sentence()
		for _, want := range row.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q lacks %q", row.comment, said, want)
			}
		}
		if strings.Contains(said, row.never) {
			t.Errorf("%s: %q says %q", row.comment, said, row.never)
		}
	}
}
