package attribution_test

import (
	"slices"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
)

// TestStepSaysWhichCostsItTells: a load whose batch varies tells every cost; one
// that is always full with equal answers makes steps and output tokens rise
// together, and the costs say so.
func TestStepSaysWhichCostsItTells(t *testing.T) {
	varied := batchsim.Standard()[2]
	full := varied
	full.Engine.Concurrency, full.Engine.Scheduler.Batch = 0, 4
	full.Jobs = slices.Repeat([]batchsim.Job{{Prompt: 10, Output: 2000}}, 4)
	for _, row := range []struct {
		what string
		load batchsim.Load
		not  []string
		says string
	}{
		{"long and short prompts tell all three costs", varied, nil, "told apart: all"},
		{"a batch that is always full does not tell steps from output tokens", full, []string{"step", "output token"}, "told apart: not step"},
	} {
		r := serve(row.load, 1, 100*ms, 0).attribute(t, attribution.Steps{})
		if r.Costs == nil {
			t.Fatalf("%s: got no costs: %v", row.what, r.Notes)
		}
		for _, name := range row.not {
			if !slices.Contains(r.Costs.NotTold, name) {
				t.Errorf("%s: got %v not told, want %s among them (step %v, output token %v)", row.what, r.Costs.NotTold, name, r.Costs.Step, r.Costs.Decode)
			}
		}
		if row.not == nil && r.Costs.NotTold != nil {
			t.Errorf("%s: got %v not told, want none", row.what, r.Costs.NotTold)
		}
		if said := r.Costs.String(); !strings.Contains(said, row.says) || !strings.Contains(said, "miss an interval's energy by") {
			t.Errorf("%s: got %q, want %q and by how much they miss an interval", row.what, said, row.says)
		}
		if miss, known := r.Costs.Miss(); !known || miss > 0.05 {
			t.Errorf("%s: the costs miss an interval by %.3f (known: %v), want 0.05 at most of engines that cost sums", row.what, miss, known)
		}
		for _, share := range r.Shares[:len(row.load.Jobs)] {
			if share.Fit > share.Energy/10 {
				t.Errorf("%s: request %d has %v ± %v by the fit, want a tenth at most: shares need sums of costs alone", row.what, share.Request, share.Energy, share.Fit)
			}
		}
	}
}
