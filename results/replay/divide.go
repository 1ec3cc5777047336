package replay

import (
	"errors"
	"fmt"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
)

// divide adds to shares, by name, the parts of a replay's cost above idle that a
// convention gives each request, where who of the cache pays for its prefix.
func divide(shares map[string][]float64, c attribution.Convention, who attribution.CacheShare, run replayed) error {
	name, columns := c.Name(), attribution.ColumnsOf(run.requests)
	if who == attribution.CacheUsers {
		name += ", --cache-share users"
		prefixes := make([]attribution.Prefix, columns.Len())
		for i := range prefixes { // all begin with the group's
			prefixes[i] = attribution.Prefix{Of: -1, Tokens: run.shared[i]}
			if i > 0 {
				prefixes[i].Of = 0
			}
		}
		columns.ShareCache(prefixes)
	}
	divider, err := attribution.NewDivider(columns, run.spent.window)
	if err != nil {
		return err
	}
	each, total := make([]float64, len(run.requests)), 0.0
	for k, curve := range run.spent.curves {
		result, err := divider.Divide(c, curve, run.spent.idle[k])
		if err != nil {
			return err
		}
		if result.Refused != "" {
			return fmt.Errorf("convention %s: %s", name, result.Refused)
		}
		for i, s := range result.Shares(nil, 0, len(each)) {
			used := (s.Energy - s.Idle).Joules() // as the subsets' costs are
			each[i], total = each[i]+used, total+used
		}
	}
	if total <= 0 {
		return errors.New("a replay of the whole group used nothing above idle: the meter does not see the engine")
	}
	if shares[name] == nil {
		shares[name] = make([]float64, len(each))
	}
	for i := range each {
		shares[name][i] += each[i] / total
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
// have told what steps cost: a single one may be too short to tell. Where prompts
// begin alike, it is there twice, by who pays for the prefix.
func (r *replayer) divideBySteps(groups []shapley.Group, prefix int) error {
	steps := attribution.Steps{Cells: r.costs}
	payers := []attribution.CacheShare{attribution.CacheOwner}
	if prefix > 0 {
		payers = append(payers, attribution.CacheUsers)
	}
	for g, group := range groups {
		shares := map[string][]float64{}
		for _, run := range r.wholes[g] {
			for _, who := range payers {
				if err := divide(shares, steps, who, run); err != nil {
					return err
				}
			}
		}
		for name, sum := range shares {
			for i := range sum {
				sum[i] /= float64(len(r.wholes[g]))
			}
			group.Shares[name] = sum
		}
	}
	return nil
}
