package comparison

import (
	"fmt"
	"slices"
	"strings"

	"cfubench/results/decision"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// ChooseOptions say how a choice is made.
type ChooseOptions struct {
	Metric string // that is to be least; "" for energy per request
	// PairBy is what the load points were measured together in, whose drift cancels:
	// PairByRepeat, PairByBlock, "" for nothing.
	PairBy string
	// Share of requests that must keep the SLO, where there is one; 0 for
	// DefaultShare.
	Share float64
	Seed  uint64
}

// What pairs are made by: repeats of a run of interleaved or random order, or blocks
// of an imported log.
const (
	PairByRepeat = "repeat"
	PairByBlock  = "block"
)

// DefaultShare is the share of requests that must keep the SLO if nobody says.
const DefaultShare = 0.99

// Check refuses options that mean nothing, whatever is chosen from.
func (o ChooseOptions) Check() error {
	metric, ok := summary.MetricOf(o.metric())
	switch {
	case !ok:
		return fmt.Errorf("metric %q is unknown: use one of %v", o.Metric, metricNames())
	case metric.Gain:
		return fmt.Errorf("metric %q: more of it is better, and the least is ranked first: use one that costs, such as %s", o.Metric, summary.MetricEnergyPerToken)
	}
	switch o.PairBy {
	case "", PairByRepeat, PairByBlock:
		return nil
	}
	return fmt.Errorf("pairs by %q: want %s or %s", o.PairBy, PairByRepeat, PairByBlock)
}

// CheckPairs refuses pairs across run folders: rounds of two runs were not measured
// together, and have no drift in common.
func (o ChooseOptions) CheckPairs(subjects []Subject) error {
	for _, s := range subjects {
		if o.PairBy != "" && s.Dir != subjects[0].Dir {
			return fmt.Errorf("pair by %s: %s and %s are two runs, whose rounds were not measured together: compare load points of one run, or do not pair", o.PairBy, subjects[0].Name, s.Name)
		}
	}
	return nil
}

func (o ChooseOptions) metric() string {
	if o.Metric == "" {
		return summary.MetricEnergyPerRequest
	}
	return o.Metric
}

func (o ChooseOptions) share() float64 {
	if o.Share == 0 {
		return DefaultShare
	}
	return o.Share
}

// Choose ranks the load points of the subjects; the first point is the baseline.
// Points whose cells are all invalid, or that have no such figure, are left out
// with a warning. Without any there is an error.
func Choose(subjects []Subject, o ChooseOptions) (Choice, error) {
	if err := o.Check(); err != nil {
		return Choice{}, err
	}
	if err := o.CheckPairs(subjects); err != nil {
		return Choice{}, err
	}
	c := Choice{}
	c.Metric, _ = summary.MetricOf(o.metric())
	left, err := c.agree(subjects)
	if err != nil {
		return c, err
	}
	for _, s := range subjects {
		for _, line := range s.Run.Unmeasured() {
			if len(subjects) > 1 {
				line = s.Name + ": " + line
			}
			left = append(left, line)
		}
	}
	all, lacking, warnings := c.points(subjects)
	left = append(left, warnings...)
	if len(all) == 0 {
		if reasons := absent(lacking); c.Metric.Money && len(reasons) > 0 {
			return c, fmt.Errorf("nothing to choose from by %s: %s", c.Metric.Name, strings.Join(reasons, "; "))
		}
		return c, fmt.Errorf("nothing to choose from: %s", strings.Join(left, "; "))
	}
	if o.PairBy != "" {
		if !slices.ContainsFunc(all, func(p point) bool { return len(p.Values) > 1 }) {
			return c, fmt.Errorf("pair by %s: each load point has one value, and pairs need two rounds at least: measure more repeats (--repeat), or do not pair", o.PairBy)
		}
		if config := subjects[0].Run.Config; o.PairBy == PairByRepeat && config.Order == runfolder.OrderGrouped {
			left = append(left, "pairs of repeats that were measured group by group (order: grouped) hold no drift in common: use --order interleaved or random")
		}
	}
	candidates := make([]decision.Candidate, len(all))
	for i, p := range all {
		candidates[i] = decision.Candidate{Name: p.name, Sample: p.Sample, Rounds: p.rounds, Figure: float64(p.Metrics[c.Metric.Name].Mean), Rejected: p.kept.misses(o.share())}
	}
	if c.Decision, err = decision.Decide(candidates, decision.Options{Paired: o.PairBy != "", Seed: o.Seed}); err != nil {
		return c, err
	}
	c.Batches = slices.ContainsFunc(all, func(p point) bool { return p.Within() }) && !slices.ContainsFunc(all, func(p point) bool { return len(p.Values) > 1 })
	mixed := windows(all)
	c.Warnings = slices.Concat(left, c.doubts(all, mixed, o.share()), c.Warnings)
	byName := make(map[string]int, len(all))
	for k := len(all) - 1; k >= 0; k-- {
		byName[all[k].name] = k
	}
	for _, r := range c.Rows {
		p := &all[byName[r.Name]]
		c.Beside, c.From, c.Remarks = append(c.Beside, p.Point), append(c.From, p.from), append(c.Remarks, c.remark(r, p, mixed))
	}
	c.share, c.nearest = o.share(), nearest(all)
	c.completed = all[byName[c.Rows[0].Name]].cells[0].Best().Completed
	c.Notes = absent(all)
	if slices.ContainsFunc(all, func(p point) bool { return p.cells[0].Steady != nil && p.cells[0].Footprint != nil }) {
		c.Notes = append([]string{"energy, carbon, cost, latency and throughput are of the steady window where there is one; cfu amortize has carbon and cost of the whole cell, its beginning and end included"}, c.Notes...)
	}
	return c, nil
}

// agree takes what the subjects have in common: the SLO and the currency.
func (c *Choice) agree(subjects []Subject) (warnings []string, err error) {
	for i, s := range subjects {
		currency := s.Summary.Currency()
		switch {
		case i == 0:
			c.SLO = s.Summary.SLO
		case s.Summary.SLO != c.SLO:
			return nil, fmt.Errorf("%s was run with the SLO %s and %s with %s: say which holds for all with --slo", subjects[0].Name, quoted(c.SLO), s.Name, quoted(s.Summary.SLO))
		}
		switch {
		case c.Currency == "":
			c.Currency = currency
		case currency != "" && currency != c.Currency:
			c.Mixed = true
		}
	}
	if c.Mixed && c.Metric.Money {
		return nil, fmt.Errorf("metric %s: the runs' costs are in different currencies: amortize them with one inventory", c.Metric.Name)
	}
	if c.Mixed {
		warnings = append(warnings, "the runs' costs are in different currencies and are left out")
	}
	return warnings, nil
}

// points are the load points of the subjects that have the metric, those that lack
// it, and warnings of what is left out.
func (c *Choice) points(subjects []Subject) (all, lacking []point, warnings []string) {
	sameRequests := !slices.ContainsFunc(subjects, func(s Subject) bool { return s.Run.TraceHash != subjects[0].Run.TraceHash })
	for i, s := range subjects {
		cellsOf := s.Summary.PointCells()
		var models []string
		for _, p := range s.Summary.Points {
			one := point{Point: p, name: p.Name, from: i}
			switch {
			case len(subjects) == 1:
			case s.Selected: // its name says which point
				one.name = s.Name
			default:
				one.name = s.Name + ":" + p.Name
			}
			one.cells = valid(s.Name, cellsOf.Of(p), &warnings)
			one.Sample = c.Metric.SampleOf(one.cells, sameRequests)
			if len(one.Values) == 0 {
				warnings = append(warnings, fmt.Sprintf("%s has no %s and is left out", one.name, c.Metric.Title))
				if len(one.cells) > 0 {
					lacking = append(lacking, one)
				}
				continue
			}
			for _, cell := range one.cells {
				if c.Metric.Value(cell).Known() {
					one.rounds = append(one.rounds, cell.Repeat)
				}
			}
			one.kept = keptBy(one.cells)
			if e := one.cells[0].Whole.Energy; e != nil && !derivation.Modelled(c.Kind) {
				c.Kind = e.Kind // one modelled makes the ranking's
			}
			if engine := s.Run.EngineOf(p.Point); engine != nil && !slices.Contains(models, engine.Model) {
				models = append(models, engine.Model)
			}
			all = append(all, one)
		}
		if len(models) > 1 {
			warnings = append(warnings, fmt.Sprintf("the configurations serve different models (%s): what a request of one is worth is not what one of another is", strings.Join(models, ", ")))
		}
	}
	return all, lacking, warnings
}

// absent says which figures of cost the points lack, and why, each reason once.
func absent(all []point) (reasons []string) {
	for _, p := range all {
		for _, c := range p.cells {
			if c.Cost == nil {
				continue
			}
			for _, r := range c.Cost.Missing {
				if !slices.Contains(reasons, r) {
					reasons = append(reasons, r)
				}
			}
		}
	}
	return reasons
}
