package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"cfubench/internal/si"
	"cfubench/internal/svg"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

// kindLabel marks an axis of modelled joules.
func kindLabel(kind string) string {
	if derivation.Modelled(kind) {
		return ", " + kind
	}
	return ""
}

// traceSection is the section whose charts can be zoomed.
const traceSection = "trace"

// sections are the charts in the order of reading. Sections without a chart are
// left out.
func sections(s summary.Summary) []section {
	all := []section{
		{ID: "energy", Title: "Energy per request", Charts: energyCharts(s),
			Text: "Energy of the window over the requests completed in it, in the steady window where there is one. Bars are 95 % confidence intervals: from repeats where there are some, else from batch means within the run."},
		{ID: "footprint", Title: "Life-cycle cost, C_FU", Charts: footprintCharts(s),
			Text: "Cost of one request by stage of the life cycle, over the steady window where there is one, the mean of the repeats, and how it falls as the model serves more requests in its life."},
		{ID: "latency", Title: "Latency", Charts: latencyCharts(s),
			Text: "Share of completed requests at or below a latency, over the whole run. A line named \"from intended send\", where it differs, counts from when the schedule wanted the request sent." + ofFirst(s)},
		{ID: traceSection, Title: "Power over time", Charts: traceCharts(s),
			Text: traceText(s)},
		{ID: "conventions", Title: "Whose energy it is", Charts: conventionCharts(s), Text: conventionText(s)},
	}
	var kept []section
	for _, one := range all {
		if one.ID == traceSection && len(one.Charts) > tracesOpen {
			one.Charts, one.Folded = one.Charts[:tracesOpen], one.Charts[tracesOpen:]
		}
		if len(one.Charts) > 0 {
			kept = append(kept, one)
		}
	}
	return kept
}

// traceText says what the power traces show.
func traceText(s summary.Summary) string {
	if s.Record {
		return "Mean power from the energy readings, with the idle time before and after."
	}
	return "Mean power from the energy readings, and below it the requests: waiting for the first token (queue and prefill), then decoding. The shaded stretch is the steady window." + ofFirst(s)
}

// add appends a drawing unless it is empty.
func add(charts []chart, drawing, caption string, wide bool) []chart {
	if drawing == "" {
		return charts
	}
	return append(charts, chart{template.HTML(drawing), caption, wide})
}

// figures puts a point's metric into a plot's point.
func figures(p summary.Point, metric string, x float64) (svg.Point, bool) {
	m, ok := p.Metrics[metric]
	if !ok || !m.Mean.Known() {
		return svg.Point{}, false
	}
	of, _ := summary.MetricOf(metric)
	hint := p.Name + ": " + si.Bounded(float64(m.Mean), float64(m.Lo), float64(m.Hi), of.Unit)
	return svg.Point{X: x, Y: float64(m.Mean), Lo: float64(m.Lo), Hi: float64(m.Hi), Hint: hint}, true
}

// load is the name of a point's load without its batch.
func load(p summary.Point) string {
	switch {
	case p.RateInf:
		return "all at once"
	case p.Rate > 0:
		return fmt.Sprintf("%g req/s", p.Rate)
	case p.Concurrency > 0:
		return fmt.Sprintf("concurrency %d", p.Concurrency)
	}
	return p.Load.String()
}

// lines groups points into series by name, along x.
func lines(s summary.Summary, metric string, keep func(summary.Point) bool, name func(summary.Point) string, x func(summary.Point) float64) (series []svg.Series, xs []float64) {
	index := map[string]int{}
	for _, p := range s.Points {
		if !keep(p) {
			continue
		}
		point, ok := figures(p, metric, x(p))
		if !ok {
			continue
		}
		of := name(p)
		i, known := index[of]
		if !known {
			i = len(series)
			index[of], series = i, append(series, svg.Series{Name: of})
		}
		series[i].Points = append(series[i].Points, point)
		xs = append(xs, point.X)
	}
	for i := range series {
		slices.SortFunc(series[i].Points, func(a, b svg.Point) int {
			switch {
			case a.X < b.X:
				return -1
			case a.X > b.X:
				return 1
			}
			return 0
		})
	}
	slices.Sort(xs)
	return series, slices.Compact(xs)
}

// labelledName is a name with the point's configuration before it, where the run has
// several.
func labelledName(p summary.Point, name string) string {
	if p.Label == "" {
		return name
	}
	return p.Label + ", " + name
}

// seriesShown is how many lines a chart can tell apart: two rounds of colours, the
// second dashed.
const seriesShown = 2 * svg.Colors

// capped is a line chart of the first series, with how many there are in the
// caption where some are not drawn.
func capped(charts []chart, drawing svg.Lines, caption string) []chart {
	if n := len(drawing.Series); n > seriesShown {
		drawing.Series = drawing.Series[:seriesShown]
		caption += fmt.Sprintf("; the first %d of %d lines", seriesShown, n)
	}
	return add(charts, drawing.SVG(), caption, false)
}

func energyCharts(s summary.Summary) []chart {
	var charts []chart
	joules := func(of string) string { return svg.Prefixable + "J per " + of + kindLabel(s.MeterKind) }
	batched := func(p summary.Point) bool { return p.Batch > 0 }
	closed := func(p summary.Point) bool { return p.Concurrency > 0 }
	open := func(p summary.Point) bool { return p.Rate > 0 }
	batchName := func(p summary.Point) string {
		switch {
		case p.Batch > 0:
			return labelledName(p, fmt.Sprintf("batch %d", p.Batch))
		case p.Label != "":
			return p.Label
		}
		return "served"
	}
	loadName := func(p summary.Point) string { return labelledName(p, load(p)) }
	for _, plot := range []struct {
		metric, y, of string
	}{
		{summary.MetricEnergyPerRequest, joules("request"), "request"},
		{summary.MetricEnergyPerToken, joules("output token"), "output token"},
	} {
		if series, xs := lines(s, plot.metric, batched, loadName, func(p summary.Point) float64 { return float64(p.Batch) }); len(xs) > 1 {
			charts = capped(charts, svg.Lines{
				Title: "Energy per " + plot.of + " by batch size", X: svg.Axis{Title: "batch size", Log: true, Values: xs},
				Y: svg.Axis{Title: plot.y, FromZero: true}, Series: series,
			}, "Energy per "+plot.of+" against batch size")
		}
		if series, xs := lines(s, plot.metric, closed, batchName, func(p summary.Point) float64 { return float64(p.Concurrency) }); len(xs) > 1 {
			charts = capped(charts, svg.Lines{
				Title: "Energy per " + plot.of + " by concurrency", X: svg.Axis{Title: "concurrent requests", Log: true, Values: xs},
				Y: svg.Axis{Title: plot.y, FromZero: true}, Series: series,
			}, "Energy per "+plot.of+" against concurrency")
		}
		if series, xs := lines(s, plot.metric, open, batchName, func(p summary.Point) float64 { return p.Rate }); len(xs) > 1 {
			charts = capped(charts, svg.Lines{
				Title: "Energy per " + plot.of + " by request rate", X: svg.Axis{Title: "offered load, requests/s", Log: true, Values: xs},
				Y: svg.Axis{Title: plot.y, FromZero: true}, Series: series,
			}, "Energy per "+plot.of+" against offered load")
		}
	}
	if len(charts) == 0 {
		charts = singleEnergy(s)
	}
	return charts
}

// singleEnergy is the energy of a sweep without a dimension: bars.
func singleEnergy(s summary.Summary) []chart {
	stacks := svg.Stacks{Title: "Energy per request", Axis: svg.Prefixable + "J per request" + kindLabel(s.MeterKind), Parts: []string{"energy"}}
	for _, p := range s.Points {
		if m, ok := p.Metrics[summary.MetricEnergyPerRequest]; ok && m.Mean.Known() && len(stacks.Bars) < barsShown {
			stacks.Bars = append(stacks.Bars, svg.Bar{Name: p.Name, Values: []float64{float64(m.Mean)}, Lo: float64(m.Lo), Hi: float64(m.Hi)})
		}
	}
	caption := "Energy per request"
	if len(stacks.Bars) == barsShown && len(s.Points) > barsShown {
		caption += fmt.Sprintf("; the first %d of %d load points", barsShown, len(s.Points))
	}
	return add(nil, stacks.SVG(), caption, false)
}

// firstCells are the first valid cell of each load point.
func firstCells(s summary.Summary) []*summary.CellSummary {
	var cells []*summary.CellSummary
	of := s.PointCells()
	for _, p := range s.Points {
		for c := range of.Of(p) {
			if c.Validity.Valid() {
				cells = append(cells, c)
				break
			}
		}
	}
	return cells
}

// barsShown is how many cells a chart of bars or boxes shows.
const barsShown = 60

// few are the load points that a chart of bars or boxes shows, and what its caption
// says of the others.
func few[P any](points []P) (shown []P, others string) {
	if n := len(points); n > barsShown {
		return points[:barsShown], fmt.Sprintf("; the first %d of %d load points", barsShown, n)
	}
	return points, ""
}

// ofFirst says of charts that show one cell of each load point which one it is, "" where
// there is no other.
func ofFirst(s summary.Summary) string {
	if !slices.ContainsFunc(s.Points, func(p summary.Point) bool { return len(p.Cells) > 1 }) {
		return ""
	}
	return " Of each load point the first valid repeat is shown, whose figures are not the means of the tables."
}

func latencyCharts(s summary.Summary) []chart {
	var charts []chart
	for _, plot := range []struct {
		title, axis      string
		actual, intended func(summary.Measures) summary.Distribution
	}{
		{"Time to first token", "TTFT, " + svg.Prefixable + "s", func(m summary.Measures) summary.Distribution { return m.TTFT }, func(m summary.Measures) summary.Distribution { return m.TTFTIntended }},
		{"Latency", "latency, " + svg.Prefixable + "s", func(m summary.Measures) summary.Distribution { return m.Latency }, func(m summary.Measures) summary.Distribution { return m.LatencyIntended }},
		{"Time per output token", "time per output token, " + svg.Prefixable + "s", func(m summary.Measures) summary.Distribution { return m.TPOT }, nil},
	} {
		var series []svg.Series
		cells := firstCells(s)
		for _, c := range cells[:min(len(cells), seriesShown)] {
			series = append(series, svg.Series{Name: c.Cell, Points: cumulative(plot.actual(c.Whole)), NoMarks: true})
		}
		if plot.intended != nil && len(cells) <= svg.Colors {
			for k, c := range cells[:min(len(cells), svg.Colors)] {
				if c.Concurrency > 0 || !visiblyDifferent(plot.actual(c.Whole), plot.intended(c.Whole)) {
					continue
				}
				for len(series) < svg.Colors+k {
					series = append(series, svg.Series{})
				}
				series = append(series, svg.Series{Name: c.Cell + ", from intended send", Points: cumulative(plot.intended(c.Whole)), NoMarks: true})
			}
		}
		caption := plot.title + ", cumulative"
		if len(cells) > seriesShown {
			caption += fmt.Sprintf("; the first %d of %d load points", seriesShown, len(cells))
		}
		charts = add(charts, svg.Lines{
			Title: plot.title, X: svg.Axis{Title: plot.axis, Log: true}, Y: svg.Axis{Title: "share of requests", FromZero: true}, Series: series,
		}.SVG(), caption, false)
	}
	return charts
}

func cumulative(d summary.Distribution) []svg.Point {
	var points []svg.Point
	for i, q := range d.Quantiles {
		points = append(points, svg.Point{X: q, Y: float64(i) / float64(len(d.Quantiles)-1), Lo: math.NaN(), Hi: math.NaN()})
	}
	return points
}

// visiblyDifferent: the medians or tails differ by more than 2 %.
func visiblyDifferent(a, b summary.Distribution) bool {
	far := func(x, y summary.Figure) bool { return math.Abs(float64(x-y)) > 0.02*math.Abs(float64(x)) }
	return far(a.P50, b.P50) || far(a.P99, b.P99)
}
