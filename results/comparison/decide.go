package comparison

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"cfubench/internal/prose"
	"cfubench/internal/si"
	"cfubench/internal/stats"
	"cfubench/internal/texttable"
	"cfubench/results/decision"
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
	// Remarks say by row what is different about it: its window, its noise.
	Remarks []string
	// Batches: there is one repeat of each, and batches of its requests say how sure
	// the figures are, which do not show by how much another run would differ.
	Batches bool
	// completed are the requests of a repeat of the first row.
	completed int
	// share of the requests must keep the SLO; nearest is the point that comes nearest to
	// it.
	share   float64
	nearest point
}

// Sentence is the decision in words: which point, how much less than the baseline,
// what it costs in latency, and how sure that is.
func (c Choice) Sentence() string {
	first := c.Rows[0]
	if first.Rejected != "" {
		if c.nearest.kept.requests == 0 {
			return fmt.Sprintf("No configuration keeps %s: not one request did.", c.SLO)
		}
		return fmt.Sprintf("No configuration keeps %s for %.4g %% of its requests: %s comes nearest, with %s.", c.SLO, 100*c.share, c.nearest.name, c.nearest.kept)
	}
	alone := len(c.Rows) == 1 || c.Rows[1].Rejected != ""
	var b strings.Builder
	switch {
	case len(c.Rows) == 1:
		fmt.Fprintf(&b, "%s is the only load point; its %s is %s", first.Name, c.Metric.Title, c.figure(first))
		if c.SLO != "" {
			fmt.Fprintf(&b, ", and it keeps %s", c.SLO)
		}
	case alone:
		fmt.Fprintf(&b, "%s alone keeps %s; its %s is %s", first.Name, c.SLO, c.Metric.Title, c.figure(first))
	default:
		fmt.Fprintf(&b, "%s needs the least %s: %s", first.Name, c.Metric.Title, c.figure(first))
		if c.SLO != "" {
			fmt.Fprintf(&b, " under %s", c.SLO)
		}
	}
	switch {
	case first.Name != c.Baseline:
		than := "than"
		if first.Ratio == 1 {
			than = "as"
		}
		fmt.Fprintf(&b, ", %s %s %s", against(first), than, c.Baseline)
		if own, base, ok := c.latencies(); ok {
			p := si.Common(own, base)
			fmt.Fprintf(&b, ", at a latency of %s %[3]s against %[2]s %[3]s (p50)", p.Short(own), p.Short(base), p.Unit("s"))
		}
	case !alone:
		fmt.Fprintf(&b, "; %s, the next, needs %s", c.Rows[1].Name, against(c.Rows[1]))
	}
	b.WriteByte('.')
	switch {
	case alone:
	case math.IsNaN(first.Best):
		b.WriteString(" One measurement of each does not say how sure that is: use --repeat.")
	case c.Sure:
		fmt.Fprintf(&b, " It is the best with a probability of %s.", Probability(first.Best))
	default:
		fmt.Fprintf(&b, " That is not sure: it is the best with a probability of %s", Probability(first.Best))
		switch {
		case first.Estimate == c.Rows[1].Estimate:
			fmt.Fprintf(&b, "; %s measured the same", c.Rows[1].Name)
		case c.Settle > stats.MostToSettle:
			fmt.Fprintf(&b, "; %s is as good: not even %s of each would tell them apart", c.Rows[1].Name, c.measurements(stats.MostToSettle))
		case c.Settle > 0:
			fmt.Fprintf(&b, "; about %s of each would tell it from %s", c.measurements(c.Settle), c.Rows[1].Name)
		}
		b.WriteByte('.')
	}
	return b.String()
}

// measurements are so many values of the first row in words: repeats, or the requests
// that so many batches hold.
func (c Choice) measurements(values int) string {
	if first := c.Rows[0]; first.Within() {
		requests := float64(values) * float64(c.completed) / float64(len(first.Batches))
		return si.Short(requests) + " requests"
	}
	return fmt.Sprintf("%d repeats", values)
}

// Interval is the 95 % interval of a row's figure, as its own run's summary has it;
// NaN where that has none.
func (c Choice) Interval(row int) (lo, hi float64) {
	i := c.Beside[row].Metrics[c.Metric.Name]
	return float64(i.Lo), float64(i.Hi)
}

// figure is the first row's estimate with its interval, unit and kind.
func (c Choice) figure(r decision.Row) string {
	lo, hi := c.Interval(0)
	text := si.Bounded(r.Estimate, lo, hi, c.unit())
	if kind := c.modelled(c.Metric); kind != "" {
		text += " (" + kind + ")"
	}
	return text
}

// against is a row's ratio to the baseline in words: in percent, and beyond a
// hundredth or tenfold as times.
func against(r decision.Row) string {
	if r.Ratio == 1 {
		return "as much"
	}
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
	switch {
	case math.IsNaN(r.RatioLo):
	case !r.Different:
		text += " (within the noise)"
	default:
		lo, hi := by(r.RatioHi), by(r.RatioLo)
		if r.Ratio > 1 {
			lo, hi = hi, lo
		}
		text += fmt.Sprintf(" (%s to %s %s)", lo, hi, unit)
	}
	return text
}

// latencies are the median latencies of the chosen point and of the baseline, where
// they are not what is ranked by.
func (c Choice) latencies() (own, base float64, ok bool) {
	if c.Metric.Name == summary.MetricLatencyP50 {
		return 0, 0, false
	}
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

// legend says what the marks of the ratios mean, as far as there are any, and what
// intervals of batches do not show.
func (c Choice) legend() string {
	var said []string
	marked := func(mark func(decision.Row) bool) bool {
		return slices.ContainsFunc(c.Rows, func(r decision.Row) bool { return r.Name != c.Baseline && mark(r) })
	}
	untested := func(r decision.Row) bool { return math.IsNaN(r.RatioLo) }
	if marked(func(r decision.Row) bool { return !untested(r) && !r.Different }) {
		said = append(said, "~ no difference from the base at 95 %, all comparisons taken together.")
	}
	if marked(untested) {
		said = append(said, "? not tested.")
	}
	if c.Batches {
		said = append(said, "One repeat of each: intervals are of batches of consecutive requests, without what the lengths of their answers explain, and do not show by how much another run would differ.")
	}
	return strings.Join(said, " ")
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
	if legend := c.legend(); legend != "" {
		fmt.Fprintf(&b, "\n%s\n", legend)
	}
	for _, reason := range c.Notes {
		fmt.Fprintf(&b, "%s\n", reason)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return prose.Print(w, b.String())
}
