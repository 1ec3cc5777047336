package summary_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// The cost of a million tokens is that of the requests that they were in, over the
// window that is stated.
func TestCostOfTokens(t *testing.T) {
	dir := t.TempDir()
	spec := simulated.Spec{Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{2}, Repeats: 1, Requests: 20,
		Server: simulated.DefaultServer(), Conventions: "equal", Inventory: "olmo2-7b"}
	if _, err := spec.Write(dir); err != nil {
		t.Fatal(err)
	}
	cost := func() summary.CellSummary {
		t.Helper()
		s, err := summary.Summarize(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return s.Cells[0]
	}
	c := cost()
	if i := slices.IndexFunc(c.Footprint, func(f summary.CategoryFootprint) bool { return f.Category == "cost" }); i < 0 {
		t.Fatal("the inventory prices electricity, and the footprint has no cost")
	} else if want := c.Footprint[i].Stages["inference"] * float64(c.Steady.Completed) / c.Steady.OutputTokens * 1e6; math.Abs(float64(c.Cost.Power)/want-1) > 1e-9 {
		t.Errorf("power costs %v a million output tokens, the requests' cost comes to %v", c.Cost.Power, want)
	}
	if c.Cost.Currency != "USD" || c.Cost.Hardware.Known() || c.Cost.Both.Known() || len(c.Cost.Missing) != 1 {
		t.Errorf("cost = %+v; want USD, no hardware, no sum, and one reason", c.Cost)
	}

	path := filepath.Join(dir, runfolder.FootprintFile)
	rows, meta, err := runfolder.Footprints().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		comment string
		keep    func(*runfolder.Footprint) bool
		missing string
	}{
		{"priced hardware", func(r *runfolder.Footprint) bool {
			if r.Category == "cost" && r.Kind == "training" {
				r.Stage, r.Kind = "embodied", "embodied"
			}
			return true
		}, ""},
		{"no price at all", func(r *runfolder.Footprint) bool { return r.Category != "cost" }, "no price of electricity"},
		{"only requests were asked for", func(r *runfolder.Footprint) bool { return r.FunctionalUnit == "request" }, "no functional unit output_token"},
	} {
		w, err := runfolder.Footprints().Derive(path, meta)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if f.keep(&r) {
				if err := w.Write(&r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := cost().Cost
		if !strings.Contains(strings.Join(got.Missing, "; "), f.missing) || (f.missing == "") != (len(got.Missing) == 0) {
			t.Errorf("%s: missing %q, want %q", f.comment, got.Missing, f.missing)
		}
		if f.missing == "" && got.Both != got.Power+got.Hardware {
			t.Errorf("%s: %+v does not sum up", f.comment, got)
		}
	}
}
