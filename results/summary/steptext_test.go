package summary_test

import (
	"bytes"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/results/summary"
)

// TestCostsOfStepsAsText: a valid cell says what its steps cost, how far to believe
// it, what that is of the model's size and who pays for cached prompts; an invalid
// one says nothing.
func TestCostsOfStepsAsText(t *testing.T) {
	one := func(v float64) attribution.Fitted { return attribution.Fitted{Value: v, Lo: v / 2, Hi: v * 2} }
	costs := &attribution.StepCosts{Domain: "gpu0", Source: attribution.SourceFit, Intervals: 40, Residual: 0.021, MeanBatch: 8,
		Step: attribution.Fitted{Value: 1.4, Hi: 3}, Prompt: one(0.014), Decode: one(0.07), NotTold: []string{"step"}}
	roofline, _ := costs.Roofline(attribution.ModelSize{Parameters: 7e9, WeightBytes: 14e9})
	cell := summary.CellSummary{Cell: "b8-c8-r1", StepCosts: []*attribution.StepCosts{costs}, Rooflines: []attribution.Roofline{roofline},
		CacheShare: &attribution.SharedCache{Cached: 100, Known: 80, Users: 2}}
	for _, row := range []struct {
		verdict string
		says    bool
	}{{summary.Valid, true}, {summary.Invalid, false}} {
		cell.Validity.Verdict = row.verdict
		s := summary.Summary{Cells: []summary.CellSummary{cell}}
		var b bytes.Buffer
		if err := s.WriteTable(&b, false); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"miss an interval by", "2.10  not step    fit", "pJ/FLOP", "100 (0 to 214)", "who pays for cached prompts", "2 requests pay their part of 80 cached prompt tokens"} {
			if strings.Contains(b.String(), want) != row.says {
				t.Errorf("%s: want %q said: %v, in\n%s", row.verdict, want, row.says, &b)
			}
		}
	}
}
