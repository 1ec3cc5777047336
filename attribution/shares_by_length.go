package attribution

// Equal is the run average: the busy energy of the run divided by its
// requests, whatever they asked for. It is what most published figures are
// (Morrison et al. 2025, arXiv 2503.05804: energy of 2,400 prompts over
// 2,400). A failed request counts like any other. It cannot tell prefill from
// decode.
type Equal struct{}

// Name is "equal".
func (Equal) Name() string { return "equal" }

// Weigh gives every request the same weight.
func (Equal) Weigh(Scene) (Weights, error) {
	return Weights{Basis: ByRun, Of: func(int) (float64, float64) { return 1, 0 }}, nil
}

// Token divides the busy energy of the run in proportion to tokens, with a
// price for a prompt token and one for an output token. It is the common proxy
// (0.44–0.46 in normalised L1 from exact Shapley values: JouleShare, arXiv
// 2608.00026). A failed request is weighed by the tokens that were counted for
// it, which may be none.
type Token struct{ Prompt, Output float64 }

// Name is "token".
func (Token) Name() string { return "token" }

// Weigh prices each request's tokens.
func (t Token) Weigh(s Scene) (Weights, error) {
	c := s.Requests
	return Weights{Basis: ByRun, Split: true, Of: func(i int) (float64, float64) {
		prompt, output := c.tokens(i)
		return t.Prompt * prompt, t.Output * output
	}}, nil
}
