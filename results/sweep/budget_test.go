package sweep

import (
	"strings"
	"testing"
	"time"

	"cfubench/datasets"
	"cfubench/results/runfolder"
)

// A cell takes its idle windows and its schedule at least, and beyond these what cells of
// its load took, or those of others where none has been measured.
func TestPaceExpects(t *testing.T) {
	c := Defaults()
	c.Idle, c.Arrival, c.NumRequests = 2*time.Second, "constant", 61
	c.Rate, c.Concurrency = []string{"1", "10"}, []int{4}
	slow, fast, closed := runfolder.AtRate(1), runfolder.AtRate(10), runfolder.Load{Concurrency: 4}
	s := &sweep{config: c, pace: newPace()}
	s.schedules()
	for _, row := range []struct {
		why  string
		took time.Duration // of a cell at of, 0 for none
		of   runfolder.Load
		want map[runfolder.Load]time.Duration
	}{
		{"before the first cell", 0, slow, map[runfolder.Load]time.Duration{slow: 64 * time.Second, fast: 10 * time.Second, closed: 4 * time.Second}},
		{"an open loop says what its answers take", 66 * time.Second, slow, map[runfolder.Load]time.Duration{slow: 66 * time.Second, fast: 12 * time.Second, closed: 6 * time.Second}},
		{"a closed one is slower, and says so of its own", 24 * time.Second, closed, map[runfolder.Load]time.Duration{slow: 66 * time.Second, fast: 21 * time.Second, closed: 24 * time.Second}},
	} {
		if row.took > 0 {
			s.pace.took(plannedCell{Point: runfolder.Point{Load: row.of}}, row.took)
		}
		for load, want := range row.want {
			if got := s.pace.expected(load); got != want {
				t.Errorf("%s: load %s: got %v, want %v", row.why, load, got, want)
			}
		}
	}
}

// The least time of a load is that of its last conversation's begin, within the limits
// of a cell.
func TestLeastTime(t *testing.T) {
	turns := make([]datasets.Request, 30)
	for i := range turns {
		turns[i].Turn = i % 3
	}
	for _, row := range []struct {
		why    string
		change func(*Config)
		trace  []datasets.Request
		load   runfolder.Load
		want   time.Duration
	}{
		{"a schedule", nil, nil, runfolder.AtRate(2), 30 * time.Second},
		{"all at once", nil, nil, runfolder.Load{RateInf: true}, 0},
		{"turns have no times of their own", nil, turns, runfolder.AtRate(1), 9 * time.Second},
		{"turns of a trace that is not known yet", func(c *Config) { c.MultiTurn = true }, nil, runfolder.AtRate(1), 0},
		{"a cell that ends sooner", func(c *Config) { c.MaxDuration = 5 * time.Second }, nil, runfolder.AtRate(2), 5 * time.Second},
		{"one that goes on", func(c *Config) { c.MinDuration = time.Minute }, nil, runfolder.Load{Concurrency: 1}, time.Minute},
	} {
		c := Defaults()
		c.Idle, c.Arrival, c.NumRequests = 0, "constant", 61
		if row.change != nil {
			row.change(&c)
		}
		s := &sweep{config: c, trace: datasets.Trace{Requests: row.trace}}
		if got := c.least(row.load, s.conversations(), nil); got != row.want {
			t.Errorf("%s: got %v, want %v", row.why, got, row.want)
		}
	}
}

// A budget leaves out the cells that would not end within it, and measures those behind
// them that do.
func TestWithinBudget(t *testing.T) {
	cells := []time.Duration{10 * time.Second, time.Minute, 10 * time.Second, 15 * time.Second}
	for _, row := range []struct {
		budget time.Duration
		want   string
	}{
		{0, ""}, {2 * time.Minute, ""},
		{30 * time.Second, "leave room for 2 of 4 cells"},
		{5 * time.Second, "leave room for 0 of 4 cells"},
	} {
		if got := withinBudget(row.budget, cells); (got == "") != (row.want == "") || !strings.HasSuffix(got, row.want) {
			t.Errorf("budget %v: got %q, want %q", row.budget, got, row.want)
		}
	}
}
