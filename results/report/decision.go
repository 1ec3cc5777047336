package report

import (
	"math"
	"slices"
	"strings"
	"time"

	"cfubench/internal/si"
	"cfubench/internal/svg"
	"cfubench/internal/texttable"
	"cfubench/loadgen"
	"cfubench/results/comparison"
	"cfubench/results/summary"
)

// choice is which load point costs least, as the page shows it.
type choice struct {
	Sentence string
	Groups   []group
	Columns  []texttable.Column // of all groups
	Rows     []choiceRow
	Batches  bool
	Rest     string // what is said of rows that are not shown
	Tall     bool   // the table scrolls in a box
	By       string // what is ranked by
	SLO      string
	Notes    []string
	Charts   []chart
}

// group is a heading above some columns.
type group struct {
	Title string
	Span  int
}

type choiceRow struct {
	Name     string
	Cells    []string
	Rejected bool
}

// choose ranks the subjects' load points; nil where there are not two to choose
// from.
func choose(subjects []comparison.Subject, o comparison.ChooseOptions) *choice {
	c, err := comparison.Choose(subjects, o)
	if err != nil || len(c.Rows) < 2 {
		return nil
	}
	out := shown(c)
	out.Charts = decisionCharts(c, subjects)
	return &out
}

// tall is how many rows of a ranking stand on the page at full height.
const tall = 16

// shown is a choice as the page shows it, without its charts.
func shown(c comparison.Choice) choice {
	out := choice{Sentence: strings.ReplaceAll(c.Sentence(), " %", "\u00a0%"), Tall: len(c.Rows) > tall, Batches: c.Batches, By: c.Metric.Title, SLO: c.SLO, Notes: slices.Concat(c.Notes, c.Warnings)}
	for _, r := range c.Rows {
		out.Rows = append(out.Rows, choiceRow{Name: r.Name, Rejected: r.Rejected != ""})
	}
	out.Rows, out.Rest = first(out.Rows)
	for _, part := range c.Ranking() {
		out.Groups = append(out.Groups, group{part.Title, len(part.Columns)})
		out.Columns = append(out.Columns, part.Columns...)
		for i := range out.Rows {
			out.Rows[i].Cells = append(out.Rows[i].Cells, part.Rows[i]...)
		}
	}
	return out
}

// bound is a latency that an SLO names: the metric that the requests' share of
// keeping it shows in, and the bound, 0 without one.
type bound struct {
	metric, axis string
	limit        time.Duration
}

// bounds are the latencies of an SLO, the end-to-end latency without one.
func bounds(text string) (list []bound) {
	slo, err := loadgen.ParseSLO(text)
	if err != nil {
		return []bound{{summary.MetricLatencyP99, "latency, p99", 0}}
	}
	for _, b := range []bound{
		{summary.MetricTTFTIntendedP99, "TTFT from the intended send, p99", slo.TTFT},
		{summary.MetricTPOTP99, "time per output token, p99", slo.TPOT},
		{summary.MetricLatencyIntendedP99, "latency from the intended send, p99", slo.E2E},
	} {
		if b.limit > 0 {
			list = append(list, b)
		}
	}
	return list
}

// decisionCharts are what the rows are ranked by against each latency that the
// SLO names, and throughput per power against interactivity.
func decisionCharts(c comparison.Choice, subjects []comparison.Subject) (charts []chart) {
	kind := kindLabel(c.Kind)
	unit := c.Metric.UnitIn(subjects[0].Summary)
	if si.Takes(unit) {
		unit = svg.Prefixable + unit
	}
	title := capital(c.Metric.Title)
	for _, b := range bounds(c.SLO) {
		d := tradeoff{c, subjects, b.metric, c.Metric.Name, false}
		lines := svg.Lines{Title: title + " against " + b.axis, X: svg.Axis{Title: b.axis + ", " + svg.Prefixable + "s", Log: true}, Y: svg.Axis{Title: c.Metric.Title + ", " + unit + kind, Log: true}}
		if b.limit > 0 {
			lines.Rules = []svg.Rule{{At: b.limit.Seconds(), Name: "SLO " + b.limit.String()}}
		}
		charts = add(charts, d.draw(lines), title+" against the latency that the SLO names: lower left is better", false)
	}
	if c.SLO == "" && len(charts) > 0 {
		charts[0].Caption = title + " against latency: lower left is better"
	}
	d := tradeoff{c, subjects, summary.MetricTokensPerUser, summary.MetricTokensPerMegawatt, true}
	return add(charts, d.draw(svg.Lines{Title: "Throughput per power against interactivity",
		X: svg.Axis{Title: "interactivity, output tokens/s per user", Log: true}, Y: svg.Axis{Title: "output tokens/s per MW" + kind, Log: true}}),
		"Throughput per megawatt that the meters saw, against what one user gets: upper right is better", false)
}

// tradeoff is a chart of two metrics of the rows of a choice.
type tradeoff struct {
	comparison.Choice
	subjects []comparison.Subject
	x, y     string
	gain     bool // more of both is better
}

// labelled is how many marks can all have their name beside them.
const labelled = 12

// draw puts the rows into lines: a series for each run, or each configuration of
// one run, the front of what may be chosen, and what may not in grey.
func (t tradeoff) draw(lines svg.Lines) string {
	names, of := t.series()
	series := make([]svg.Series, len(names))
	for i, name := range names {
		series[i] = svg.Series{Name: name, NoLine: true}
	}
	rejected := svg.Series{Name: "misses the SLO", NoLine: true, Muted: true}
	var free []svg.Point
	for i, r := range t.Rows {
		p, ok := t.point(i)
		if !ok {
			continue
		}
		if r.Rejected != "" {
			rejected.Points = append(rejected.Points, p)
			continue
		}
		free = append(free, p)
		series[of[i]].Points = append(series[of[i]].Points, p)
	}
	if len(free)+len(rejected.Points) < 2 {
		return ""
	}
	best := front(free, t.gain)
	if len(t.Rows) > labelled {
		for i := range series {
			series[i].Points = sparse(series[i].Points, best)
		}
		rejected.Points = sparse(rejected.Points, nil)
	}
	for i := range series {
		if len(series[i].Points) == 0 {
			series[i].Name = "" // it keeps its colour and has no legend
		}
	}
	if len(series) == 1 {
		series[0].Name = "may be chosen"
	}
	for i := range best {
		best[i].Label = ""
	}
	pareto := svg.Series{Points: best, NoMarks: true}
	if len(best) > 0 {
		pareto.Name = "Pareto front"
	}
	series = append(series, pareto)
	if len(rejected.Points) > 0 {
		series = append(series, rejected)
	}
	lines.Series, lines.Width, lines.Height = series, 480, 340
	lines.Readout = "Point at a mark for its figures, or reach it with Tab."
	return lines.SVG()
}

// series are the names of the series and, by row, which one it is in: by run, else
// by configuration where they are few, else one without a name.
func (t tradeoff) series() (names []string, of []int) {
	const most = svg.Colors - 2 // the front and the rejected have their own
	key := func(i int) string {
		if len(t.subjects) > 1 {
			return t.subjects[t.From[i]].Name
		}
		return t.Beside[i].Label
	}
	// In the order of the runs, or of the run's configurations: one colour in all charts.
	if len(t.subjects) > 1 {
		for _, s := range t.subjects {
			names = append(names, s.Name)
		}
	} else {
		for _, p := range t.subjects[0].Summary.Points {
			if !slices.Contains(names, p.Label) {
				names = append(names, p.Label)
			}
		}
	}
	for i := range t.Rows {
		k := slices.Index(names, key(i))
		if k < 0 {
			k = len(names)
			names = append(names, key(i))
		}
		of = append(of, k)
	}
	if len(names) > most {
		return []string{""}, make([]int, len(t.Rows))
	}
	return names, of
}

// point is a row's mark; false where a figure is missing.
func (t tradeoff) point(i int) (svg.Point, bool) {
	r, beside := t.Rows[i], t.Beside[i]
	x, okX := beside.Metrics[t.x]
	y, okY := beside.Metrics[t.y]
	if !okX || !okY || !x.Mean.Known() || !y.Mean.Known() {
		return svg.Point{}, false
	}
	p := svg.Point{X: float64(x.Mean), Y: float64(y.Mean), Lo: float64(y.Lo), Hi: float64(y.Hi), Label: r.Name}
	if x.Lo.Known() && x.Hi.Known() {
		p.XLo, p.XHi = float64(x.Lo), float64(x.Hi)
	}
	mx, _ := summary.MetricOf(t.x)
	my, _ := summary.MetricOf(t.y)
	first := r.Name + ": " + si.Bounded(p.Y, p.Lo, p.Hi, my.UnitIn(t.subjects[t.From[i]].Summary))
	second := si.Bounded(p.X, math.NaN(), math.NaN(), mx.Unit)
	if !t.gain { // else the unit says it
		second = mx.Title + " " + second
	}
	switch {
	case r.Rejected != "":
		missed, _, _ := strings.Cut(r.Rejected, " (") // its interval stands in the table
		second += ", " + missed
	case !math.IsNaN(r.Best):
		second += ", P(best) " + comparison.Probability(r.Best)
	}
	p.Hint = first + "; " + second
	return p, true
}

// sparse leaves labels only to the marks that are on the front.
func sparse(points, front []svg.Point) []svg.Point {
	for i, p := range points {
		if !slices.ContainsFunc(front, func(f svg.Point) bool { return f.Hint == p.Hint }) {
			points[i].Label = ""
		}
	}
	return points
}

// front is the points that no other beats in both values, from left to right:
// least of both, or with gain most.
func front(points []svg.Point, gain bool) []svg.Point {
	sign := 1.0
	if gain {
		sign = -1
	}
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b svg.Point) int {
		switch x, y := sign*(a.X-b.X), sign*(a.Y-b.Y); {
		case x < 0 || x == 0 && y < 0:
			return -1
		case x > 0 || y > 0:
			return 1
		}
		return 0
	})
	var kept []svg.Point
	best := math.Inf(1)
	for _, p := range sorted {
		if sign*p.Y < best {
			best = sign * p.Y
			kept = append(kept, p)
		}
	}
	if gain {
		slices.Reverse(kept)
	}
	return kept
}
