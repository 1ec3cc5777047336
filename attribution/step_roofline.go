package attribution

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
// says that the step does something else as well.
type Roofline struct {
	Domain string `json:"domain"`
	// StepByte is the energy of a step per byte of weights, PromptFLOP and
	// DecodeFLOP those of a token per operation, in pJ.
	StepByte   Fitted `json:"step_pj_per_byte"`
	PromptFLOP Fitted `json:"prompt_pj_per_flop"`
	DecodeFLOP Fitted `json:"output_pj_per_flop"`
	// BalanceTokens is how many decoded tokens a step needs before their own
	// cost is as much as reading the weights; zero if a token costs nothing.
	BalanceTokens float64 `json:"balance_tokens"`
}

// Roofline returns the comparison; ok is false if the size is not known.
func (f *StepCosts) Roofline(m ModelSize) (r Roofline, ok bool) {
	if !(m.Parameters > 0) || !(m.WeightBytes > 0) {
		return Roofline{}, false
	}
	r = Roofline{Domain: f.Domain, StepByte: f.Step.over(m.WeightBytes), PromptFLOP: f.Prompt.over(2 * m.Parameters), DecodeFLOP: f.Decode.over(2 * m.Parameters)}
	if f.Decode.Value > 0 {
		r.BalanceTokens = f.Step.Value / f.Decode.Value
	}
	return r, true
}

// over is an energy in J divided by a count, in pJ.
func (e Fitted) over(count float64) Fitted {
	const pico = 1e12
	return Fitted{e.Value * pico / count, e.Lo * pico / count, e.Hi * pico / count}
}
