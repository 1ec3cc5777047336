package summary

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"cfubench/internal/texttable"
)

// repeated reports whether some load point was measured more than once.
func (s Summary) repeated() bool {
	return slices.ContainsFunc(s.Points, func(p Point) bool { return len(p.Cells) > 1 })
}

// PointTableOf is the summary's table by load point: the means of its valid repeats,
// over the steady window of each that has one, and the 95 % interval of the energy. The
// name of a point that was repeated ends in how often. Nothing is in it of a record.
func PointTableOf(s Summary) (columns []texttable.Column, rows []TableRow) {
	if s.Record {
		return nil, nil
	}
	var lines []line
	failed := slices.ContainsFunc(s.Cells, func(c CellSummary) bool { return c.Errors > 0 })
	columns = []texttable.Column{{Name: "load point", Text: true}, {Name: "reqs"}}
	if failed {
		columns = append(columns, texttable.Column{Name: "errs"})
	}
	columns = append(columns, s.figureColumns()...)
	of := s.PointCells()
	for _, p := range s.Points {
		one := stateOf(p, of)
		mean := func(metric string) texttable.Cell { return texttable.Figures(p.mean(metric)) }
		pair := func(a, b string) texttable.Cell {
			if !p.mean(a).Known() && !p.mean(b).Known() {
				return texttable.Figures(Unknown())
			}
			return texttable.Figures(p.mean(a), p.mean(b))
		}
		name := p.Name
		if n := len(p.Cells); n > 1 {
			name = fmt.Sprintf("%s × %d", name, n)
		}
		cells := []texttable.Cell{texttable.Words(name), texttable.Words(fmt.Sprint(one.requests))}
		if failed {
			cells = append(cells, texttable.Words(fmt.Sprint(one.errors)))
		}
		cells = append(cells, mean(MetricRequestRate), mean(MetricOutputTokenRate), pair(MetricTTFTP50, MetricTTFTP99), pair(MetricLatencyP50, MetricLatencyP99),
			p.bounded(MetricEnergyPerRequest), mean(MetricEnergyPerToken), mean(MetricCarbon), mean(MetricCarbonCFU))
		if s.SLO != "" {
			cells = append(cells, mean(MetricGoodput), mean(MetricEnergyPerSLO))
		}
		lines = append(lines, line{append(cells, texttable.Words(one.text)), one.verdict, false})
	}
	return lay(columns, lines)
}

// PointCells finds the cells of load points.
type PointCells map[string]*CellSummary

// PointCells looks through the cells once, for whoever asks for those of many points.
func (s Summary) PointCells() PointCells {
	byName := make(PointCells, len(s.Cells))
	for i := range s.Cells {
		byName[s.Cells[i].Cell] = &s.Cells[i]
	}
	return byName
}

// Of yields the point's cells, in their order.
func (c PointCells) Of(p Point) iter.Seq[*CellSummary] {
	return func(yield func(*CellSummary) bool) {
		for _, name := range p.Cells {
			if cell := c[name]; cell != nil && !yield(cell) {
				return
			}
		}
	}
}

// mean is a metric's mean over the point's valid repeats, unknown where none has it.
func (p Point) mean(metric string) Figure {
	if i, ok := p.Metrics[metric]; ok {
		return i.Mean
	}
	return Unknown()
}

// bounded is a metric's mean with its interval, where it has one.
func (p Point) bounded(metric string) texttable.Cell {
	i, ok := p.Metrics[metric]
	if !ok || !i.Mean.Known() || !i.Lo.Known() || !i.Hi.Known() || i.Hi <= i.Lo {
		return texttable.Figures(p.mean(metric))
	}
	return texttable.Cell{Layout: "%s (%s to %s)", Figures: []float64{float64(i.Mean), float64(i.Lo), float64(i.Hi)}}
}

// pointState is what the cells of a load point came to.
type pointState struct {
	requests, errors int
	verdict, text    string // of the worst cell, and as the last column has it
}

func stateOf(p Point, of PointCells) (one pointState) {
	one.verdict = Valid
	invalid := 0
	var fatal []string
	for c := range of.Of(p) {
		one.requests, one.errors = one.requests+c.Requests, one.errors+c.Errors
		switch v := c.Validity.Verdict; {
		case !c.Validity.Valid():
			invalid++
			for _, code := range c.Validity.Fatal() {
				if !slices.Contains(fatal, code) {
					fatal = append(fatal, code)
				}
			}
		case v == ValidWarnings:
			one.verdict = v
		}
	}
	switch {
	case invalid == len(p.Cells):
		one.verdict, one.text = Invalid, "invalid: "+strings.Join(fatal, ", ")
	case invalid > 0:
		one.verdict, one.text = ValidWarnings, fmt.Sprintf("%d invalid", invalid)
	case one.verdict == ValidWarnings:
		one.text = "warnings"
	default:
		one.text = one.verdict
	}
	return one
}
