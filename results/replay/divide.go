package replay

import (
	"errors"
	"fmt"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
)

// divide adds to shares, by name, the parts of a replay's cost above idle that a
// convention gives each request.
func divide(shares map[string][]float64, c attribution.Convention, run replayed) error {
	reqs := run.requests
	each, total := make([]float64, len(reqs)), 0.0
	for k, curve := range run.spent.curves {
		result, err := attribution.Attribute(c, reqs, curve, run.spent.window, run.spent.idle[k])
		if err != nil {
			return err
		}
		if result.Refused != "" {
			return fmt.Errorf("convention %s: %s", c.Name(), result.Refused)
		}
		for i, s := range result.Shares[:len(reqs)] {
			used := (s.Energy - s.Idle).Joules() // as the subsets' costs are
			each[i], total = each[i]+used, total+used
		}
	}
	if total <= 0 {
		return errors.New("a replay of the whole group used nothing above idle: the meter does not see the engine")
	}
	if shares[c.Name()] == nil {
		shares[c.Name()] = make([]float64, len(reqs))
	}
	for i := range each {
		shares[c.Name()][i] += each[i] / total
	}
	return nil
}

// learn keeps what the steps of a replay cost, if it tells.
func (r *replayer) learn(run replayed) error {
	for k, curve := range run.spent.curves {
		result, err := attribution.Attribute(attribution.Steps{}, run.requests, curve, run.spent.window, run.spent.idle[k])
		if err != nil {
			return err
		}
		if c := result.Costs; c != nil && c.Source == attribution.SourceFit && c.Doubt == "" {
			r.costs = append(r.costs, c)
		}
	}
	return nil
}

// divideBySteps adds the shares of the step convention to the groups, once all replays
// have told what steps cost: a single one may be too short to tell.
func (r *replayer) divideBySteps(groups []shapley.Group) error {
	steps := attribution.Steps{Cells: r.costs}
	for g, group := range groups {
		for _, run := range r.wholes[g] {
			if err := divide(group.Shares, steps, run); err != nil {
				return err
			}
		}
		for i := range group.Shares[steps.Name()] {
			group.Shares[steps.Name()][i] /= float64(len(r.wholes[g]))
		}
	}
	return nil
}
