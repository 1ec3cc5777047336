package comparison

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"cfubench/internal/si"
	"cfubench/internal/texttable"
	"cfubench/results/decision"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

// Part is a part of the ranking: some columns of every row.
type Part struct {
	Title   string // says what the columns are of
	Columns []texttable.Column
	Rows    [][]string // one a row of the decision, one cell a column
}

// Ranking is the ranked table, in parts of related columns: what it is ranked by;
// energy, carbon and cost; latency and throughput; why a row may not be chosen.
// A column that no row has a figure for is left out.
func (c Choice) Ranking() []Part {
	what := c.ranked()
	by := Part{Title: "ranking", Columns: []texttable.Column{
		what,
		{Name: "95 % interval", Unit: what.Unit, Beside: true, Hint: "Of the mean, as the summary of its run has it: from the row's repeats and, as far as they are alike, those of the run's other load points; with one repeat from batches of requests within it."},
		{Name: "× base", Hint: "Over the first configuration that was given. ~ marks no difference at 95 % with all comparisons taken together, ? what could not be tested."},
		{Name: "P(best)", Hint: "The probability that this row is the cheapest of those that keep the SLO."},
	}}
	if len(c.Rows) == 1 { // it is the base and the best
		by.Columns = by.Columns[:2]
	}
	var ranked [][]texttable.Cell
	for i, r := range c.Rows {
		ranked = append(ranked, c.place(i, r)[:len(by.Columns)])
	}
	by.Columns, by.Rows = texttable.Lay(by.Columns, ranked)
	parts := slices.Concat([]Part{by}, c.paired(), []Part{c.part("energy, cost", c.costs()), c.part("speed", c.speeds())})
	rejected := make([]string, len(c.Rows))
	for i, r := range c.Rows {
		rejected[i] = r.Rejected
	}
	return slices.Concat(parts, words("remarks", c.Remarks), words("not to be chosen", rejected))
}

// ranked is the column of what is ranked by, named as where it stands among others.
func (c Choice) ranked() texttable.Column {
	column := texttable.Column{Name: c.Metric.Short(), Unit: c.unit()}
	for _, f := range slices.Concat(c.costs(), c.speeds()) {
		if len(f.metrics) == 1 && f.metrics[0] == c.Metric.Name && f.scale == 0 {
			column = f.Column
		}
	}
	column.Kind = c.modelled(c.Metric)
	column.Hint = "What the rows are ranked by, the least first: " + c.Metric.Title + ". The mean over the repeats."
	return column
}

// paired is what rounds that were measured together say of the rows, none where values
// are not paired.
func (c Choice) paired() []Part {
	p := Part{Title: "paired", Columns: []texttable.Column{
		{Name: "saved", Unit: "% of base", Hint: "The mean over rounds of what this row saves of the base's value in the same round. Less than zero: it needs more."},
		{Name: "at least", Unit: "% of base", Hint: "The one-sided 95 % bound of that mean."},
		{Name: "rounds", Hint: "How many rounds all rows have."},
	}}
	some := false
	for _, r := range c.Rows {
		if math.IsNaN(r.Reduction) {
			p.Rows = append(p.Rows, []string{"base", "", ""})
			continue
		}
		some = true
		p.Rows = append(p.Rows, []string{si.Short(100 * r.Reduction), si.Short(100 * r.ReductionLo), strconv.Itoa(r.Pairs)})
	}
	if !some {
		return nil
	}
	return []Part{p}
}

// words are a part of one column of words, none where no row has any.
func words(title string, texts []string) []Part {
	if strings.Join(texts, "") == "" {
		return nil
	}
	p := Part{Title: title, Columns: []texttable.Column{{Text: true, Wrap: true}}}
	for _, text := range texts {
		p.Rows = append(p.Rows, []string{text})
	}
	return []Part{p}
}

// place are the cells of what a row is ranked by.
func (c Choice) place(row int, r decision.Row) []texttable.Cell {
	interval, best, ratio := texttable.Words("–"), "–", "base"
	if lo, hi := c.Interval(row); !math.IsNaN(lo) && !math.IsNaN(hi) {
		interval = texttable.Cell{Layout: "%s to %s", Figures: []float64{lo, hi}}
	}
	if !math.IsNaN(r.Best) && r.Rejected == "" {
		best = Probability(r.Best)
	}
	if r.Name != c.Baseline {
		ratio = si.Short(r.Ratio)
		switch {
		case math.IsNaN(r.RatioLo):
			ratio += "?"
		case !r.Different:
			ratio = "~" + ratio
		}
	}
	return []texttable.Cell{texttable.Figures(r.Estimate), interval, texttable.Words(ratio), texttable.Words(best)}
}

// figure is a column of the ranking: one or two metrics of a point.
type figure struct {
	texttable.Column
	metrics []string
	scale   float64 // 0 for 1
}

// costs are the columns of what a configuration uses up.
func (c Choice) costs() []figure {
	money := func(name, metric, hint string) figure {
		m, _ := summary.MetricOf(metric)
		return figure{texttable.Column{Name: name, Unit: c.Currency + m.Unit, Hint: hint}, []string{metric}, 0}
	}
	all := []figure{
		{texttable.Column{Name: "energy", Unit: "J/req", Hint: "Energy of the window over the requests completed in it."}, []string{summary.MetricEnergyPerRequest}, 0},
		{texttable.Column{Name: "energy", Unit: "J/out tok", Hint: "The same energy over the output tokens of the window."}, []string{summary.MetricEnergyPerToken}, 0},
		{texttable.Column{Name: "output", Unit: "tok/s/MW", Hint: "Output tokens per second over the power that the meters saw: their boundary, not the facility's."}, []string{summary.MetricTokensPerMegawatt}, 0},
		{texttable.Column{Name: "operation", Unit: "gCO2e/1000 req", Hint: "Greenhouse gas of the electricity of 1,000 requests, over the same window."}, []string{summary.MetricCarbon}, 1000},
		{texttable.Column{Name: "C_FU", Unit: "gCO2e/1000 req", Beside: true, Hint: "Greenhouse gas of 1,000 requests with the stages of the life cycle that the inventory has."}, []string{summary.MetricCarbonCFU}, 1000},
	}
	if c.Currency != "" && !c.Mixed {
		all = append(all,
			money("power", summary.MetricCostPower, "Electricity of a million output tokens, at the inventory's price."),
			money("hardware", summary.MetricCostHardware, "The hardware's price over its life, for the time that a million output tokens take."),
			money("both", summary.MetricCost, "Power and hardware."))
	}
	return all
}

// speeds are the columns of what a configuration delivers.
func (c Choice) speeds() []figure {
	all := []figure{
		{texttable.Column{Name: "TTFT", Unit: "s, p50/p99", Hint: "Time from the send to the first token."}, []string{summary.MetricTTFTP50, summary.MetricTTFTP99}, 0},
		{texttable.Column{Name: "TPOT", Unit: "s, p50/p99", Hint: "Time per output token after the first."}, []string{summary.MetricTPOTP50, summary.MetricTPOTP99}, 0},
		{texttable.Column{Name: "latency", Unit: "s, p50/p99", Hint: "Time from the send to the end of the answer."}, []string{summary.MetricLatencyP50, summary.MetricLatencyP99}, 0},
		{texttable.Column{Name: "output", Unit: "tok/s", Hint: "Output tokens per second of all requests together."}, []string{summary.MetricOutputTokenRate}, 0},
		{texttable.Column{Name: "interactivity", Unit: "tok/s/user", Hint: "Output tokens per second that one user sees: 1 over the median TPOT."}, []string{summary.MetricTokensPerUser}, 0},
	}
	if c.SLO != "" {
		all = append(all, figure{texttable.Column{Name: "goodput", Unit: "req/s", Hint: "Requests that kept the SLO, per second."}, []string{summary.MetricGoodput}, 0})
	}
	return all
}

// part is the figures as a part of the ranking, without those that no row has,
// and without what the ranking is by, which stands in its first part.
func (c Choice) part(title string, figures []figure) Part {
	p := Part{Title: title}
	rows := make([][]texttable.Cell, len(c.Rows))
	for _, f := range figures {
		if f.scale == 0 {
			f.scale = 1
		}
		if f.metrics[0] == c.Metric.Name && f.scale == 1 {
			continue
		}
		m, _ := summary.MetricOf(f.metrics[0])
		f.Kind = c.modelled(m)
		column, some := make([]texttable.Cell, len(c.Rows)), false
		for i := range c.Rows {
			var values []float64
			for _, metric := range f.metrics {
				v := math.NaN()
				if m, ok := c.Beside[i].Metrics[metric]; ok {
					v = float64(m.Mean) * f.scale
				}
				some = some || !math.IsNaN(v)
				values = append(values, v)
			}
			column[i] = texttable.Figures(values...)
		}
		if !some {
			continue
		}
		p.Columns = append(p.Columns, f.Column)
		for i := range rows {
			rows[i] = append(rows[i], column[i])
		}
	}
	p.Columns, p.Rows = texttable.Lay(p.Columns, rows)
	return p
}

// unit is that of what is ranked by.
func (c Choice) unit() string {
	if c.Metric.Money {
		return c.Currency + c.Metric.Unit
	}
	return c.Metric.Unit
}

// modelled is the kind of a metric's joules where they are modelled.
func (c Choice) modelled(m summary.Metric) string {
	if m.Energy && derivation.Modelled(c.Kind) {
		return c.Kind
	}
	return ""
}
