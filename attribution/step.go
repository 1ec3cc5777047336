package attribution

import (
	"fmt"
	"math"

	"cfubench/internal/stats"
)

// Steps divides energy as the engine spends it: step by step. Under continuous
// batching a step reads the weights once, whoever takes part, and computes
// prompt tokens and decodes for each. So a step costs
//
//	Step + Prompt · prompt tokens computed + Decode · tokens decoded + Context · context read,
//
// and its Shapley value, the only division that closes, treats equals alike,
// charges nothing for nothing and is linear, is exactly
//
//	Step / number of requests in it + each one's own terms
//
// (a game that costs Step if anyone plays shares it equally; the rest is
// additive). The steps come from the tokens' stamps, the costs from the run's own
// energy by least squares (see StepCosts). What a request owes by them divides
// the energy of all busy time, so that the shares close to the meter whatever
// the costs' scale. (Closing each busy period by itself would follow a drift of
// the costs, but a short one's energy is known worse than its work.)
//
// A request that failed pays for the tokens that came, and for its prompt as
// far as a step was long enough to have computed it. Only prompt tokens that
// were computed count, not those of a cache. Drafts that speculative decoding
// rejects are in the cost of the decoded tokens that it accepts.
//
// Where a run cannot tell its costs they come from the run's other cells, then
// from Prior, and without either the convention is Phase; notes and flags say so.
type Steps struct {
	// Cells are the fits of the run's other cells on the same domains, Prior
	// costs that were given, by domain or for any ("").
	Cells []*StepCosts
	Prior []*StepCosts
	// Server helps Phase where steps are not known.
	Server *Server
	// Roles say which domains only prefill or only decode; see Role.
	Roles map[string]Role
}

// Name is "step".
func (Steps) Name() string { return "step" }

// Weigh finds the steps, fits their costs, and charges each request.
func (p Steps) Weigh(s Scene) (Weights, error) {
	w, err := s.work()
	if err != nil {
		return Weights{}, err
	}
	role := p.Roles[s.Curve.domain.Name]
	costs, why := p.costs(s, w, role)
	if costs == nil {
		out, err := Phase{Server: p.Server, Roles: p.Roles}.Weigh(s)
		out.Notes = append([]string{"step costs not known (" + why + "): divided by phase"}, out.Notes...)
		out.Flags = append(out.Flags, FlagStepUnknown)
		return out, err
	}
	costs.Role = role
	if err := w.weigh(s.Requests, costs.scaling); err != nil {
		return Weights{}, fmt.Errorf("read token arrivals: %w", err)
	}
	out := Weights{Basis: ByRun, Split: true, SharesCache: true, Costs: costs, Notes: []string{costs.String()}}
	switch costs.Source {
	case SourceCells:
		out.Flags = append(out.Flags, FlagStepCells)
	case SourcePrior:
		out.Flags = append(out.Flags, FlagStepPrior)
	}
	if why != "" {
		out.Notes = append(out.Notes, "not from this cell alone: "+why)
	}
	if costs.Doubt != "" {
		out.Flags = append(out.Flags, FlagStepDoubt)
		out.Warnings = append(out.Warnings, Warning{FlagStepDoubt, costs.Domain, -1, costs.Doubt})
	}
	out.Of = func(i int) (prefill, decode float64) {
		r := &w.byRequest[i]
		x := role.part(w.of(&s.Requests, i), r)
		first := float64(r.prefillSteps)
		if role != RoleBoth {
			first = 0
		}
		prefill = costs.theta[termStep]*first + costs.theta[termPrompt]*x[termPrompt]
		return prefill, costs.charge(x) - prefill
	}
	out.Fit = p.spread(s, w, costs, role)
	return out, nil
}

// costs returns the costs to use, and why they are not the cell's own; nil if
// there are none.
func (p Steps) costs(s Scene, w *work, role Role) (*StepCosts, string) {
	if w.unknown != "" {
		return nil, w.unknown
	}
	name := s.Curve.domain.Name
	fit, why := s.stepCosts(w, role)
	if fit != nil && why == "" && fit.theta != [terms]float64{} {
		return fit, ""
	}
	if why == "" {
		why = fit.Doubt
	}
	if pooled := pool(name, role, fit, p.Cells); pooled != nil {
		return pooled, why
	}
	if given := p.prior(name, w); given != nil {
		return given, why
	}
	if fit != nil && fit.Intervals > terms && fit.theta != [terms]float64{} {
		doubted := *fit // a few intervals tell the costs badly, but better than none
		doubted.Doubt = why
		return &doubted, ""
	}
	return nil, why
}

// prior returns the costs that were given for the domain, else for any; nil if
// there are none.
func (p Steps) prior(domain string, w *work) *StepCosts {
	for _, name := range []string{domain, ""} {
		for _, f := range p.Prior {
			if f.Domain == name {
				given := *f
				given.Domain, given.Source = domain, SourcePrior
				given.restore(w)
				return &given
			}
		}
	}
	return nil
}

// charge is what work costs.
func (f *StepCosts) charge(x [terms]float64) float64 {
	sum := 0.0
	for t := range terms {
		sum += f.theta[t] * x[t]
	}
	return sum
}

// spread returns the half width of each share's 95 % interval relative to the
// energy that is divided: the costs' covariance carried through share = charge /
// sum of charges, and what the stamps leave open of who was in which step.
func (p Steps) spread(s Scene, w *work, costs *StepCosts, role Role) func(i int) float64 {
	var all [terms]float64
	for i := range s.Requests.Len() {
		x := role.part(w.of(&s.Requests, i), &w.byRequest[i])
		for t := range terms {
			all[t] += x[t]
		}
	}
	total := costs.charge(all)
	if total <= 0 {
		return nil
	}
	// (x − share·all)' C (x − share·all), with C·all worked out once.
	var toAll [terms]float64
	allToAll := 0.0
	for a := range terms {
		for b := range terms {
			toAll[a] += costs.covariance[a][b] * all[b]
		}
		allToAll += all[a] * toAll[a]
	}
	return func(i int) float64 {
		x := role.part(w.of(&s.Requests, i), &w.byRequest[i])
		share := costs.charge(x) / total
		if share <= 0 {
			return 0
		}
		variance := share * share * allToAll
		for a := range terms {
			variance += x[a] * (costs.covariance[a][a]*x[a] - 2*share*toAll[a])
			for b := range a {
				variance += 2 * x[a] * costs.covariance[a][b] * x[b]
			}
		}
		return stats.Normal95 * math.Hypot(math.Sqrt(max(variance, 0))/total/share, modelDoubt)
	}
}

// String is the finding in one line.
func (f *StepCosts) String() string {
	one := func(e Fitted) string { return fmt.Sprintf("%.4g (%.4g to %.4g)", e.Value, e.Lo, e.Hi) }
	s := fmt.Sprintf("%s J a step, %s J a prompt token, %s J a decoded token", one(f.Step), one(f.Prompt), one(f.Decode))
	if f.Context.Value > 0 {
		s += fmt.Sprintf(", %s J per 1000 tokens of context", one(f.Context))
	}
	if f.Role != RoleBoth {
		s += fmt.Sprintf(", of a device that does %s alone", f.Role)
	}
	switch f.Source {
	case SourcePrior:
		return s + ", as given"
	case SourceCells:
		s += fmt.Sprintf(", fitted over %d intervals of this run's cells", f.Intervals)
	default:
		s += fmt.Sprintf(", fitted over %d intervals of %v and %d steps", f.Intervals, f.Interval.Round(1e6), f.Steps)
	}
	if miss, known := f.Miss(); known {
		s += fmt.Sprintf("; they miss an interval's energy by %.1f %%", 100*miss)
	}
	return s + "; told apart: " + f.Told()
}
