package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/internal/si"
	"cfubench/internal/svg"
	"cfubench/results/summary"
)

// tracesShown is how many load points have a power trace, tracesOpen how many of
// these are seen without asking for more.
const tracesShown, tracesOpen = 12, 2

func traceCharts(s summary.Summary) []chart {
	var charts []chart
	cells := firstCells(s)
	for _, c := range cells[:min(len(cells), tracesShown)] {
		if c.Trace != nil {
			charts = add(charts, traceOf(s, *c), "Cell "+c.Cell, true)
		}
	}
	if n := len(cells); n > tracesShown && len(charts) > 0 {
		charts[len(charts)-1].Caption += fmt.Sprintf("; %d further load points are not drawn", n-tracesShown)
	}
	return charts
}

func traceOf(s summary.Summary, c summary.CellSummary) string {
	t := c.Trace
	drawing := svg.Trace{
		Title: "Power and requests of cell " + c.Cell, XTitle: "seconds since the cell's window began", YTitle: "power, " + svg.Prefixable + "W" + kindLabel(s.MeterKind),
		Start: t.Start, End: t.End, Phases: []string{"waiting for the first token", "decoding"}, LayersTitle: "in flight",
	}
	if s.Record {
		drawing.Title, drawing.Phases = "Power of "+c.Cell, nil
	}
	for _, p := range t.Power {
		series := svg.Series{Name: p.Domain}
		if p.Kind == "model" {
			series.Name += " (model)"
		}
		for i, w := range p.Watts {
			x := t.Start + (float64(i)+0.5)/float64(len(p.Watts))*(t.End-t.Start)
			series.Points = append(series.Points, svg.Point{X: x, Y: w})
		}
		drawing.Series = append(drawing.Series, series)
	}
	if c.Steady != nil {
		origin := c.Whole.Window.Start
		drawing.Bands = []svg.Band{{From: (c.Steady.Window.Start - origin).Seconds(), To: (c.Steady.Window.End - origin).Seconds(), Name: "steady window"}}
	}
	for _, l := range t.Lanes {
		drawing.Lanes = append(drawing.Lanes, spans(l))
	}
	if t.Lanes == nil && !s.Record {
		for _, counts := range [][]float64{t.Waiting, t.Decoding} {
			var layer svg.Series
			for i, n := range counts {
				layer.Points = append(layer.Points, svg.Point{X: t.Start + (float64(i)+0.5)/float64(len(counts))*(t.End-t.Start), Y: n})
			}
			drawing.Layers = append(drawing.Layers, layer)
		}
	}
	return drawing.SVG()
}

func spans(l summary.Lane) []svg.Span {
	hint := fmt.Sprintf("request %d: %d prompt, %d output tokens", l.Request, l.Prompt, l.Output)
	if l.Failed {
		hint = fmt.Sprintf("request %d: failed", l.Request)
	}
	if math.IsNaN(l.Last) {
		return nil
	}
	if math.IsNaN(l.First) {
		return []svg.Span{{From: l.Sent, To: l.Last, Phase: 0, Hint: hint}}
	}
	return []svg.Span{{From: l.Sent, To: l.First, Phase: 0, Hint: hint}, {From: l.First, To: l.Last, Phase: 1, Hint: hint}}
}

// footprintCharts are C_FU by stage in each category and the amortization curves
// of greenhouse gas. Beyond greenhouse gas, a category is drawn only where its bars
// differ by more than their intervals.
func footprintCharts(s summary.Summary) []chart {
	var charts []chart
	points, others := few(footprints(s))
	parts := stagesOf(points)
	var alike []string
	for _, category := range lca.Categories() {
		unit, scaleBy := category.Readable()
		stacks := svg.Stacks{Title: "C_FU by stage: " + category.Title(), Parts: parts}
		for _, p := range points {
			for _, f := range p.categories {
				if f.Category != string(category) {
					continue
				}
				if category == lca.Cost {
					unit = f.Unit // the inventory's currency
				}
				bar := svg.Bar{Name: p.name, Lo: float64(f.Lo) * scaleBy, Hi: float64(f.Hi) * scaleBy}
				for _, stage := range parts {
					v, ok := f.Stages[stage]
					if !ok {
						v = math.NaN()
					}
					bar.Values = append(bar.Values, v*scaleBy)
				}
				stacks.Bars = append(stacks.Bars, bar)
			}
		}
		stacks.Axis = svg.Prefixable + unit + " per request" + kindLabel(s.MeterKind)
		if category != lca.GWP && len(stacks.Bars) > 0 && !telling(stacks.Bars) {
			alike = append(alike, category.Title())
			continue
		}
		charts = add(charts, stacks.SVG(), capital(category.Title())+" per request, by stage"+others, false)
	}
	if len(alike) > 0 && len(charts) > 0 {
		charts[len(charts)-1].Caption += "; not drawn, for the bars differ by less than their intervals: " + strings.Join(alike, ", ")
	}
	return add(charts, amortization(s, points), "Greenhouse gas per request against the requests that the model serves in its life", false)
}

// pointFootprint is the footprint of a request of a load point: the means of its valid
// repeats.
type pointFootprint struct {
	name       string
	categories []summary.CategoryFootprint
}

// footprints are those of the load points that have one.
func footprints(s summary.Summary) (list []pointFootprint) {
	of := s.PointCells()
	for _, p := range s.Points {
		var sum []summary.CategoryFootprint
		n := 0.0
		for c := range of.Of(p) {
			if !c.Validity.Valid() || c.Footprint == nil {
				continue
			}
			n++
			for _, f := range c.Footprint {
				i := slices.IndexFunc(sum, func(g summary.CategoryFootprint) bool { return g.Category == f.Category })
				if i < 0 {
					f.Stages = maps.Clone(f.Stages)
					sum = append(sum, f)
					continue
				}
				for stage, v := range f.Stages {
					sum[i].Stages[stage] += v
				}
				sum[i].Lo, sum[i].Hi = sum[i].Lo+f.Lo, sum[i].Hi+f.Hi
			}
		}
		if n == 0 {
			continue
		}
		for i := range sum {
			for stage := range sum[i].Stages {
				sum[i].Stages[stage] /= n
			}
			sum[i].Lo, sum[i].Hi = sum[i].Lo/summary.Figure(n), sum[i].Hi/summary.Figure(n)
		}
		list = append(list, pointFootprint{p.Name, sum})
	}
	return list
}

// telling reports whether bars say more than one of them does: there is one, or one
// lies outside another's interval. Without an interval any difference tells.
func telling(bars []svg.Bar) bool {
	if len(bars) == 1 {
		return true
	}
	total := func(b svg.Bar) (sum float64) {
		for _, v := range b.Values {
			if !math.IsNaN(v) {
				sum += v
			}
		}
		return sum
	}
	for _, a := range bars {
		for _, b := range bars {
			if v := total(b); v < a.Lo || v > a.Hi || math.IsNaN(a.Lo+a.Hi) && v != total(a) {
				return true
			}
		}
	}
	return false
}

// stagesOf lists the kinds of stages of which there is a figure in any category,
// so that a kind has one colour in all of them.
func stagesOf(points []pointFootprint) (names []string) {
	for _, stage := range lca.Stages() {
		if slices.ContainsFunc(points, func(p pointFootprint) bool {
			return slices.ContainsFunc(p.categories, func(f summary.CategoryFootprint) bool {
				_, ok := f.Stages[string(stage)]
				return ok
			})
		}) {
			names = append(names, string(stage))
		}
	}
	return names
}

// capital makes the first letter a capital.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// amortization draws C_FU against lifetime requests: what was paid once shrinks
// as 1/n, the marginal cost stays.
func amortization(s summary.Summary, points []pointFootprint) string {
	n0 := float64(s.LifetimeInferences)
	if !s.LifetimeInferences.Known() || n0 <= 0 {
		return ""
	}
	var series []svg.Series
	for _, p := range points[:min(len(points), svg.Colors)] {
		for _, f := range p.categories {
			if f.Category != string(lca.GWP) {
				continue
			}
			once := 0.0
			for _, kind := range lca.UpfrontKinds() {
				once += f.Stages[string(kind)]
			}
			marginal := f.Stages[string(lca.Total)] - once
			once *= n0
			if once <= 0 {
				continue
			}
			line := svg.Series{Name: p.name, NoMarks: true}
			for e := -30; e <= 30; e++ {
				n := n0 * math.Pow(10, float64(e)/10)
				line.Points = append(line.Points, svg.Point{X: n, Y: 1000 * (marginal + once/n), Lo: math.NaN(), Hi: math.NaN()})
			}
			series = append(series, line)
		}
	}
	return svg.Lines{
		Title: "Amortization", Description: "C_FU per request against lifetime requests.",
		X: svg.Axis{Title: "requests in the model's life", Log: true}, Y: svg.Axis{Title: svg.Prefixable + "g CO2e per request" + kindLabel(s.MeterKind), Log: true}, Series: series,
	}.SVG()
}

func conventionText(s summary.Summary) string {
	text := "While requests share a server, no meter can tell whose energy it is: a convention decides. All conventions sum to the counter; boxes are 25, 50 and 75 %, whiskers 5 and 95 % of requests."
	var worst *summary.SpreadSummary
	var where string
	for _, c := range firstCells(s) {
		if c.Spread != nil && (worst == nil || c.Spread.Median > worst.Median) {
			worst, where = c.Spread, c.Cell
		}
	}
	if worst != nil {
		text += fmt.Sprintf(" The choice matters most in cell %s: for half of its requests the largest figure exceeds the smallest by %s %% of their mean or more.", where, si.Short(100*float64(worst.Median)))
	}
	return text + ofFirst(s)
}

func conventionCharts(s summary.Summary) []chart {
	cells, others := few(firstCells(s))
	boxes := svg.Boxes{Title: "Energy per request by convention", Axis: svg.Prefixable + "J per request" + kindLabel(s.MeterKind), Log: true}
	for _, c := range cells {
		for _, one := range c.Conventions {
			if !slices.Contains(boxes.Names, one.Convention) {
				boxes.Names = append(boxes.Names, one.Convention)
			}
		}
	}
	split := svg.Stacks{Title: "Where the energy of a cell goes", Parts: []string{"prefill", "decode", "not split", "idle", "unattributed"}}
	for _, c := range cells {
		group := svg.BoxGroup{Name: c.Cell, Boxes: make([]*svg.Box, len(boxes.Names))}
		for _, one := range c.Conventions {
			q := one.PerRequest.Quantiles
			if len(q) == 0 {
				continue
			}
			at := func(p float64) float64 { return q[int(math.Round(p*float64(len(q)-1)))] }
			group.Boxes[slices.Index(boxes.Names, one.Convention)] = &svg.Box{
				P5: interpolate(q, 0.05), P25: at(0.25), P50: at(0.5), P75: at(0.75), P95: interpolate(q, 0.95),
			}
		}
		boxes.Groups = append(boxes.Groups, group)
		if i := slices.IndexFunc(c.Conventions, func(one summary.ConventionSummary) bool { return one.Convention == "phase" }); i >= 0 {
			one := c.Conventions[i]
			rest := max(0, float64(one.Requests-one.Prefill-one.Decode))
			split.Bars = append(split.Bars, svg.Bar{
				Name: c.Cell, Values: []float64{float64(one.Prefill), float64(one.Decode), rest, float64(one.Idle), math.Max(0, float64(one.Unattributed))},
				Lo: math.NaN(), Hi: math.NaN(),
			})
		}
	}
	charts := add(nil, boxes.SVG(), "Energy of single requests by "+strings.Join(boxes.Names, ", ")+others, false)
	split.Axis = svg.Prefixable + "J of the whole cell" + kindLabel(s.MeterKind)
	return add(charts, split.SVG(), "Phases by the convention phase, with idle and unattributed energy"+others, false)
}

// interpolate reads quantile p off equal steps q.
func interpolate(q []float64, p float64) float64 {
	at := p * float64(len(q)-1)
	i := int(at)
	if i >= len(q)-1 {
		return q[len(q)-1]
	}
	return q[i] + (at-float64(i))*(q[i+1]-q[i])
}
