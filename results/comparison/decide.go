package comparison

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"cfubench/internal/prose"
	"cfubench/internal/si"
	"cfubench/internal/texttable"
	"cfubench/results/decision"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

// Choice is a decision among the load points of one or several runs, with what a
// reader needs beside it.
type Choice struct {
	decision.Decision
	// Metric is what is to be least; Kind is that of the joules, "model" where any
	// are modelled.
	Metric summary.Metric
	Kind   string
	SLO    string
	// Currency is that of the costs, "" without any; Mixed: there are several.
	Currency string
	Mixed    bool
	// Notes say which window figures are of, and which figures of cost are not there,
	// and why.
	Notes []string
	// Beside are the points' summaries, in the order of the rows.
	Beside []summary.Point
	// From are the subjects that the rows are of, by their place.
	From []int
	// Batches: there is one repeat of each, and the values are batches of its
	// requests, which do not show by how much another run would differ.
	Batches bool
}

// ChooseOptions say how a choice is made.
type ChooseOptions struct {
	Metric string // that is to be least; "" for energy per request
	Paired bool
	// Share of requests that must keep the SLO, where there is one; 0 for
	// DefaultShare.
	Share float64
	Seed  uint64
}

// DefaultShare is the share of requests that must keep the SLO if nobody says.
const DefaultShare = 0.99

// Choose ranks the load points of the subjects; the first point is the baseline.
// Points whose cells are all invalid, or that have no such figure, are left out
// with a warning. Without any there is an error.
func Choose(subjects []Subject, o ChooseOptions) (Choice, error) {
	if o.Metric == "" {
		o.Metric = summary.MetricEnergyPerRequest
	}
	if o.Share == 0 {
		o.Share = DefaultShare
	}
	metric, ok := summary.MetricOf(o.Metric)
	switch {
	case !ok:
		return Choice{}, fmt.Errorf("metric %q is unknown: use one of %v", o.Metric, metricNames())
	case metric.Gain:
		return Choice{}, fmt.Errorf("metric %q: more of it is better, and the least is ranked first: use one that costs, such as %s", o.Metric, summary.MetricEnergyPerToken)
	}
	c := Choice{Metric: metric}
	left, err := c.agree(subjects)
	if err != nil {
		return c, err
	}
	var all, lacking []point
	for i, s := range subjects {
		cellsOf := s.Summary.PointCells()
		for _, p := range s.Summary.Points {
			one := point{Point: p, name: p.Name, from: i}
			switch {
			case len(subjects) == 1:
			case s.Selected: // its name says which point
				one.name = s.Name
			default:
				one.name = s.Name + ":" + p.Name
			}
			one.cells = valid(s.Name, cellsOf.Of(p), &left)
			if one.values = values(c.Metric, one.cells); len(one.values) == 0 {
				left = append(left, fmt.Sprintf("%s has no %s and is left out", one.name, c.Metric.Title))
				if len(one.cells) > 0 {
					lacking = append(lacking, one)
				}
				continue
			}
			if e := one.cells[0].Whole.Energy; e != nil && !derivation.Modelled(c.Kind) {
				c.Kind = e.Kind // one modelled makes the ranking's
			}
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		if reasons := absent(lacking); c.Metric.Money && len(reasons) > 0 {
			return c, fmt.Errorf("nothing to choose from by %s: %s", c.Metric.Name, strings.Join(reasons, "; "))
		}
		return c, fmt.Errorf("nothing to choose from: %s", strings.Join(left, "; "))
	}
	// With one repeat of each, batches within the run say how sure it is.
	c.Batches = !slices.ContainsFunc(all, func(p point) bool {
		return len(p.cells) != 1 || len(p.cells[0].BatchMeans[c.Metric.Name]) < 2
	})
	candidates := make([]decision.Candidate, len(all))
	for i, p := range all {
		if batches := p.cells[0].BatchMeans[c.Metric.Name]; c.Batches && slices.Min(batches) > 0 {
			p.values = batches
		}
		candidates[i] = decision.Candidate{Name: p.name, Values: p.values, Figure: float64(p.Metrics[c.Metric.Name].Mean), Rejected: p.misses(o.Share)}
	}
	if c.Decision, err = decision.Decide(candidates, decision.Options{Paired: o.Paired, Seed: o.Seed}); err != nil {
		return c, err
	}
	c.Warnings = append(left, c.Warnings...)
	byName := make(map[string]int, len(all))
	for k := len(all) - 1; k >= 0; k-- {
		byName[all[k].name] = k
	}
	for _, r := range c.Rows {
		k := byName[r.Name]
		c.Beside, c.From = append(c.Beside, all[k].Point), append(c.From, all[k].from)
	}
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

// point is a load point with its valid cells and their values.
type point struct {
	summary.Point
	name   string
	from   int // the subject's place
	cells  []summary.CellSummary
	values []float64
}

// misses says that too few requests keep the SLO, "" where enough do or there is
// none.
func (p point) misses(share float64) string {
	kept, completed := 0, 0
	for _, c := range p.cells {
		m := c.Best()
		if !m.Goodput.Known() {
			return ""
		}
		kept, completed = kept+m.SLORequests, completed+m.Completed
	}
	if completed == 0 || float64(kept) >= share*float64(completed) {
		return ""
	}
	return fmt.Sprintf("keeps the SLO for %.3g %% of requests only", 100*float64(kept)/float64(completed))
}

// mostToSettle is the number of measurements beyond which two configurations are
// called as good as each other.
const mostToSettle = 1000

// Sentence is the decision in words: which point, how much less than the baseline,
// what it costs in latency, and how sure that is.
func (c Choice) Sentence() string {
	first := c.Rows[0]
	if first.Rejected != "" {
		return "No configuration keeps " + c.SLO + "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s needs the least %s: %s", first.Name, c.Metric.Title, c.figure(first))
	if c.SLO != "" {
		fmt.Fprintf(&b, " under %s", c.SLO)
	}
	if len(c.Rows) > 1 && first.Name != c.Baseline {
		fmt.Fprintf(&b, ", %s than %s", lessOrMore(first), c.Baseline)
		if own, base, ok := c.latencies(); ok {
			p := si.Common(own, base)
			fmt.Fprintf(&b, ", at a latency of %s %[3]s against %[2]s %[3]s (p50)", p.Short(own), p.Short(base), p.Unit("s"))
		}
	}
	b.WriteByte('.')
	switch {
	case len(c.Rows) == 1 || c.Rows[1].Rejected != "":
	case math.IsNaN(first.Best):
		b.WriteString(" One measurement of each does not say how sure that is: use --repeat.")
	case c.Sure:
		fmt.Fprintf(&b, " It is the best with a probability of %s.", Probability(first.Best))
	default:
		fmt.Fprintf(&b, " That is not sure: it is the best with a probability of %s", Probability(first.Best))
		unit := "repeats"
		if c.Batches {
			unit = "batches of requests"
		}
		switch {
		case c.Settle > mostToSettle:
			fmt.Fprintf(&b, "; %s is as good: not even %d %s of each would tell them apart", c.Rows[1].Name, mostToSettle, unit)
		case c.Settle > 0:
			fmt.Fprintf(&b, "; about %d %s of each would tell it from %s", c.Settle, unit, c.Rows[1].Name)
		}
		b.WriteByte('.')
	}
	return b.String()
}

// figure is a row's estimate with its interval, unit and kind.
func (c Choice) figure(r decision.Row) string {
	text := si.Bounded(r.Estimate, r.Lo, r.Hi, c.unit())
	if kind := c.modelled(c.Metric); kind != "" {
		text += " (" + kind + ")"
	}
	return text
}

// lessOrMore is a ratio to the baseline in words: in percent, and beyond a hundredth
// or tenfold as times.
func lessOrMore(r decision.Row) string {
	word, unit := "less", "%"
	by := func(ratio float64) string { return si.Short(100 * math.Abs(1-ratio)) }
	if r.Ratio > 1 {
		word = "more"
	}
	if r.Ratio < 0.01 || r.Ratio > 10 {
		unit = "times"
		by = func(ratio float64) string { return si.Short(max(ratio, 1/ratio)) }
	}
	text := fmt.Sprintf("%s %s %s", by(r.Ratio), unit, word)
	if !math.IsNaN(r.RatioLo) && (r.RatioLo-1)*(r.RatioHi-1) > 0 {
		lo, hi := by(r.RatioHi), by(r.RatioLo)
		if r.Ratio > 1 {
			lo, hi = hi, lo
		}
		text += fmt.Sprintf(" (%s to %s %s)", lo, hi, unit)
	} else if !math.IsNaN(r.RatioLo) {
		text += " (within the noise)"
	}
	return text
}

// latencies are the median latencies of the chosen point and of the baseline.
func (c Choice) latencies() (own, base float64, ok bool) {
	own, base = math.NaN(), math.NaN()
	for i, r := range c.Rows {
		v := float64(c.Beside[i].Metrics[summary.MetricLatencyP50].Mean)
		if i == 0 {
			own = v
		}
		if r.Name == c.Baseline {
			base = v
		}
	}
	return own, base, !math.IsNaN(own + base)
}

// Probability is a probability for a reader: no draw tells more than 99 %.
func Probability(p float64) string {
	switch {
	case p > 0.995:
		return "over 99 %"
	case p < 0.005:
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}

// WriteText prints the decision and the ranking.
func (c Choice) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.Sentence())
	for _, part := range c.Ranking() {
		columns := append([]texttable.Column{{Name: part.Title, Text: true}}, part.Columns...)
		var rows [][]string
		for i, r := range c.Rows {
			if strings.Join(part.Rows[i], "") != "" {
				rows = append(rows, append([]string{r.Name}, part.Rows[i]...))
			}
		}
		b.WriteByte('\n')
		if err := texttable.Write(&b, columns, rows); err != nil {
			return err
		}
	}
	for _, r := range c.Rows {
		if !math.IsNaN(r.Reduction) {
			fmt.Fprintf(&b, "\npaired over %d rounds: %s saves %+.3f %% of %s on average, at least %+.3f %% (one-sided 95 %% bound)", len(r.Values), r.Name, 100*r.Reduction, c.Baseline, 100*r.ReductionLo)
		}
	}
	b.WriteString("\n~ no difference from the base at 95 %, all comparisons taken together; ? not tested.")
	if c.Batches {
		b.WriteString(" One repeat of each: intervals are of batches of consecutive requests.")
	}
	b.WriteByte('\n')
	for _, reason := range c.Notes {
		fmt.Fprintf(&b, "%s\n", reason)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return prose.Print(w, b.String())
}
