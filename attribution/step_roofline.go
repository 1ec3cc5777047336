package attribution

import (
	"fmt"
	"math"
	"strings"

	"cfubench/internal/stats"
)

// ModelSize is what a roofline needs to know of a model.
type ModelSize struct {
	// Parameters are those that a token is computed with (the active ones of a
	// mixture of experts), WeightBytes what a step reads of them.
	Parameters  float64 `json:"parameters"`
	WeightBytes float64 `json:"weight_bytes"`
}

// Roofline holds an engine's step costs against the least work that they stand
// for: a step reads every weight once, and a token takes two floating-point
// operations a parameter (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
// Energies per byte and per operation can be compared with those of the
// hardware, and between engines and models; a cost far above its neighbours'
// says that the step does something else as well. Nothing here is an energy of
// hardware: they all are the run's own.
type Roofline struct {
	Domain string `json:"domain"`
	ModelSize
	// StepByte is the energy of a step per byte of weights, PromptFLOP and
	// DecodeFLOP those of a token per operation, in pJ.
	StepByte   Fitted `json:"step_pj_per_byte"`
	PromptFLOP Fitted `json:"prompt_pj_per_flop"`
	DecodeFLOP Fitted `json:"output_pj_per_flop"`
	// PromptToOutput is the energy of a prompt token over that of an output token,
	// each without its part of a step; by operations it is RooflinePromptToOutput.
	// All zero where either costs nothing.
	PromptToOutput Fitted `json:"prompt_to_output_ratio"`
	// BalanceTokens is how many decoded tokens a step needs before their own
	// cost is as much as reading the weights; zero if a token costs nothing.
	BalanceTokens float64 `json:"balance_tokens"`
}

// RooflinePromptToOutput is what a prompt token is to an output token by their
// operations: both take as many.
const RooflinePromptToOutput = 1

// Roofline returns the comparison; ok is false if the size is not known.
func (f *StepCosts) Roofline(m ModelSize) (r Roofline, ok bool) {
	if !m.Known() {
		return Roofline{}, false
	}
	r = Roofline{Domain: f.Domain, ModelSize: m, StepByte: f.Step.over(m.WeightBytes), PromptFLOP: f.Prompt.over(2 * m.Parameters), DecodeFLOP: f.Decode.over(2 * m.Parameters)}
	if f.Decode.Value > 0 {
		r.BalanceTokens = f.Step.Value / f.Decode.Value
		r.PromptToOutput = f.promptToOutput()
	}
	return r, true
}

// Known reports whether the model's size is known.
func (m ModelSize) Known() bool { return m.Parameters > 0 && m.WeightBytes > 0 }

// promptToOutput is Prompt / Decode with its interval by the delta method: the
// relative variances less twice the relative covariance.
func (f *StepCosts) promptToOutput() Fitted {
	p, d := f.Prompt.Value, f.Decode.Value
	if p <= 0 || d <= 0 {
		return Fitted{}
	}
	decode := [terms]float64{termDecode: 1, termContext: f.MeanContext}
	var decodes, both float64
	for a := range terms {
		both += decode[a] * f.covariance[termPrompt][a]
		for b := range terms {
			decodes += decode[a] * decode[b] * f.covariance[a][b]
		}
	}
	relative := f.covariance[termPrompt][termPrompt]/(p*p) + decodes/(d*d) - 2*both/(p*d)
	half := stats.Normal95 * math.Sqrt(max(relative, 0)) * p / d
	return Fitted{p / d, max(p/d-half, 0), p/d + half}
}

// String is the comparison in one line, without what the domain does not do.
func (r Roofline) String() string {
	one := func(e Fitted) string { return fmt.Sprintf("%.3g (%.3g to %.3g)", e.Value, e.Lo, e.Hi) }
	parts := []string{}
	if r.StepByte.Value > 0 {
		parts = append(parts, one(r.StepByte)+" pJ a byte of weights")
	}
	if r.PromptFLOP.Value > 0 {
		parts = append(parts, one(r.PromptFLOP)+" pJ an operation of a prompt token")
	}
	if r.DecodeFLOP.Value > 0 {
		parts = append(parts, one(r.DecodeFLOP)+" pJ an operation of an output token")
	}
	if r.PromptToOutput.Value > 0 {
		parts = append(parts, fmt.Sprintf("a prompt token costs %s of an output token's own cost, by operations %d", one(r.PromptToOutput), RooflinePromptToOutput))
	}
	if r.BalanceTokens > 0 {
		parts = append(parts, fmt.Sprintf("a step costs as much as %.3g output tokens", r.BalanceTokens))
	}
	return fmt.Sprintf("a step reads %.4g GB of weights, a token takes %.4g GFLOP: %s", r.WeightBytes/1e9, 2*r.Parameters/1e9, strings.Join(parts, ", "))
}

// over is an energy in J divided by a count, in pJ.
func (e Fitted) over(count float64) Fitted {
	const pico = 1e12
	return Fitted{e.Value * pico / count, e.Lo * pico / count, e.Hi * pico / count}
}
