package attribution_test

import (
	"math"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
)

func TestRoofline(t *testing.T) {
	one := func(v float64) attribution.Fitted { return attribution.Fitted{Value: v, Lo: v / 2, Hi: v * 2} }
	f := attribution.StepCosts{Step: one(1.4), Prompt: one(0.014), Decode: one(0.07)}
	r, ok := f.Roofline(attribution.ModelSize{Parameters: 7e9, WeightBytes: 14e9})
	if !ok || math.Abs(r.StepByte.Value-100) > 1e-9 || math.Abs(r.PromptFLOP.Value-1) > 1e-9 || math.Abs(r.DecodeFLOP.Hi-10) > 1e-9 || math.Abs(r.BalanceTokens-20) > 1e-9 {
		t.Errorf("got %+v, want 100 pJ a byte, 1 pJ an operation of the prompt, at most 10 of a decode, 20 tokens of balance", r)
	}
	if _, ok := f.Roofline(attribution.ModelSize{Parameters: 7e9}); ok {
		t.Error("got a roofline of a model of no known size, want none")
	}
}

// TestRooflineOfAFit: the ratio of a prompt token to an output token holds the true
// one of the simulated engine, at its mean context, and is said beside that of
// their operations.
func TestRooflineOfAFit(t *testing.T) {
	s := serve(batchsim.Standard()[2], 1, 20*ms, 0)
	costs := s.attribute(t, attribution.Steps{}).Costs
	r, ok := costs.Roofline(attribution.ModelSize{Parameters: 7e9, WeightBytes: 14e9})
	if !ok {
		t.Fatal("got no roofline of a model whose size is given")
	}
	p := s.load.Engine.Physics
	want := p.PromptJ / (p.DecodeJ + p.ContextJ*costs.MeanContext)
	if got := r.PromptToOutput; got.Lo > want || got.Hi < want || got.Hi-got.Lo > 0.3*want || got.Hi == got.Lo {
		t.Errorf("a prompt token to an output token: got %+v, want an interval around %.3f that is no wider than 0.3 of it", got, want)
	}
	if got := r.StepByte.Value * 14e9 / 1e12; math.Abs(got-costs.Step.Value) > 1e-9 {
		t.Errorf("a step: got %g J by its bytes, want the %g of the costs", got, costs.Step.Value)
	}
	for _, said := range []string{"a step reads 14 GB of weights, a token takes 14 GFLOP", "pJ a byte of weights", "of an output token's own cost, by operations 1", "a step costs as much as"} {
		if !strings.Contains(r.String(), said) {
			t.Errorf("got %q, want %q in it", r, said)
		}
	}
}
