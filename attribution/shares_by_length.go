package attribution

import "fmt"

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
// price for a prompt token that was computed and one for an output token. With
// both zero the prices are what the run's own energy says, as in Phase; where it
// does not tell, the convention is refused. One for both is the common proxy
// (0.44–0.46 in normalised L1 from exact Shapley values: JouleShare, arXiv
// 2608.00026). A failed request is weighed by the tokens that were counted for
// it, which may be none.
type Token struct {
	Prompt, Output float64
	Server         *Server // helps the fit; see Phase
	// Roles say which domains only prefill or only decode; see Phase.
	Roles map[string]Role
}

// Name is "token".
func (Token) Name() string { return "token" }

// Weigh prices each request's tokens.
func (t Token) Weigh(s Scene) (Weights, error) {
	w := Weights{Basis: ByRun, Split: true, SharesCache: true}
	role := t.Roles[s.Curve.domain.Name]
	if role != RoleBoth {
		t.Prompt, t.Output = 1, 1
		w.Notes = append(w.Notes, role.note())
	}
	if t.Prompt == 0 && t.Output == 0 {
		fit, err := s.prefillWeight(s.Timeline(t.Server))
		if err != nil {
			return w, err
		}
		if !fit.ok {
			w.Refused = "the run does not tell what a prompt token costs beside an output token (" + fit.note + "): give both with --weights IN:OUT"
			return w, nil
		}
		t.Prompt, t.Output = fit.weight, 1
		w.Notes = []string{"weights " + fmt.Sprintf("%.4g:1", fit.weight) + ": " + fit.note}
	}
	c := s.Requests
	w.Of = func(i int) (float64, float64) {
		prompt, output := c.tokens(i)
		return role.own(t.Prompt*c.paid(i, prompt), t.Output*output)
	}
	return w, nil
}
