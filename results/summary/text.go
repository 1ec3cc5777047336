package summary

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
	"cfubench/results/derivation"
)

// WriteTable prints the summary as text: a row a load point; or, if each is set and of a
// record, one a cell and window. Then what only single cells have, idle power and the
// costs of steps, unless some were repeated and each is not set, and the findings. An
// invalid cell shows why and no figures.
func (s Summary) WriteTable(w io.Writer, each bool) error {
	var b strings.Builder
	s.header(&b)
	columns, rows := PointTableOf(s)
	byPoint := len(rows) > 0 && !each
	if !byPoint {
		columns, rows = TableOf(s)
	}
	texttable.Write(&b, columns, cellsOf(rows))
	switch {
	case byPoint && s.repeated():
		b.WriteString("each repeat, its idle power and the costs of the engine's steps: cfu report --cells\n")
	default:
		if byPoint && slices.ContainsFunc(s.Cells, func(c CellSummary) bool { return c.Steady != nil }) {
			b.WriteString("of the steady window where there is one; the whole runs beside them: cfu report --cells\n")
		}
		s.idleTable(&b)
		s.stepTable(&b)
		s.rooflineTable(&b)
	}
	s.cacheLines(&b)
	s.findings(&b)
	return prose.Print(w, b.String())
}

func (s Summary) header(b *strings.Builder) {
	if s.Record {
		b.WriteString("record")
	} else {
		fmt.Fprintf(b, "model %s · engine %s", orDash(s.Model), orDash(s.Engine))
	}
	switch {
	case s.MeterKind == "":
		b.WriteString(" · no meter: no energy")
	case derivation.Modelled(s.MeterKind):
		fmt.Fprintf(b, " · energy: %s (modelled, not measured)", s.MeterKind)
	default:
		fmt.Fprintf(b, " · energy: %s (measured)", s.MeterKind)
	}
	if s.SLO != "" {
		fmt.Fprintf(b, " · SLO %s", s.SLO)
	}
	fmt.Fprintf(b, "\n\n")
}

// TableRow is one row of the summary's table: a cell's whole run or its steady
// window.
type TableRow struct {
	Cells   []string // one a column
	Verdict string   // of the cell
	Steady  bool
}

// TableOf is the summary's table: columns and rows as text. An invalid cell has
// dashes for figures; the last column is what to think of the row.
func TableOf(s Summary) (columns []texttable.Column, rows []TableRow) {
	if s.Record {
		return recordTable(s)
	}
	var lines []line
	columns = append([]texttable.Column{{Name: "cell", Text: true}, {Name: "reqs"}, {Name: "errs"}}, s.figureColumns()...)
	for _, c := range s.Cells {
		verdict := c.Validity.Verdict
		if !c.Validity.Valid() {
			cells := []texttable.Cell{texttable.Words(c.Cell), texttable.Words(fmt.Sprint(c.Requests)), texttable.Words(fmt.Sprint(c.Errors))}
			for len(cells) < len(columns)-1 {
				cells = append(cells, texttable.Figures(Unknown()))
			}
			cells = append(cells, texttable.Words("invalid: "+strings.Join(c.Validity.Fatal(), ", ")))
			lines = append(lines, line{cells, verdict, false})
			continue
		}
		short := verdict
		if verdict == ValidWarnings {
			short = "warnings"
		}
		lines = append(lines, line{append(c.row(c.Whole, s.SLO != "", false), texttable.Words(short)), verdict, false})
		if c.Steady != nil {
			lines = append(lines, line{append(c.row(*c.Steady, s.SLO != "", true), texttable.Words("")), verdict, true})
		}
	}
	return lay(columns, lines)
}

// figureColumns are the columns of the figures of a cell or a load point, and of the
// verdict on it.
func (s Summary) figureColumns() []texttable.Column {
	kind := s.modelledKind()
	columns := []texttable.Column{
		{Name: "rate", Unit: "req/s"}, {Name: "output", Unit: "tok/s"}, {Name: "TTFT", Unit: "s, p50/p99"}, {Name: "latency", Unit: "s, p50/p99"},
		{Name: "energy", Unit: "J/req", Kind: kind, Break: true}, {Name: "energy", Unit: "J/out tok", Kind: kind}, {Name: "operation", Unit: "gCO2e/req", Kind: kind}, {Name: "C_FU", Unit: "gCO2e/req", Kind: kind, Beside: true},
	}
	if s.SLO != "" {
		columns = append(columns, texttable.Column{Name: "goodput", Unit: "req/s"}, texttable.Column{Name: "energy", Unit: "J/SLO req", Kind: kind})
	}
	return append(columns, texttable.Column{Name: "verdict", Text: true, Wrap: true})
}

// row is the figures of a window. Failures are the whole cell's: they are not in the
// steady window's row.
func (c CellSummary) row(m Measures, slo, steady bool) []texttable.Cell {
	pair := func(d Distribution) texttable.Cell { return texttable.Figures(d.P50, d.P99) }
	joules := [3]Figure{Unknown(), Unknown(), Unknown()}
	if m.Energy != nil {
		joules = [3]Figure{m.Energy.PerRequest, m.Energy.PerOutputToken, m.Energy.PerSLORequest}
	}
	name, sent, failed, footprint := c.Cell, fmt.Sprint(c.Requests), fmt.Sprint(c.Errors), c.wholeFootprint
	if steady {
		name, sent, failed, footprint = "  steady", fmt.Sprint(m.Completed), "", c.Footprint
	}
	cells := []texttable.Cell{
		texttable.Words(name), texttable.Words(sent), texttable.Words(failed), texttable.Figures(m.RequestsPerSecond), texttable.Figures(m.OutputTokensPerSecond), pair(m.TTFT), pair(m.Latency),
		texttable.Figures(joules[0]), texttable.Figures(joules[1]),
		texttable.Figures(carbon(footprint, string(lca.Inference))), texttable.Figures(carbon(footprint, string(lca.Total))),
	}
	if slo {
		cells = append(cells, texttable.Figures(m.Goodput), texttable.Figures(joules[2]))
	}
	return cells
}

// modelledKind is the kind of the run's joules if they are modelled, else "".
func (s Summary) modelledKind() string {
	if derivation.Modelled(s.MeterKind) {
		return s.MeterKind
	}
	return ""
}

// finding is one line below the table and the cells that it is about.
type finding struct {
	text  string
	cells []string
}

// findings lists reasons and warnings, those that make a cell invalid first.
// Reasons of one code are one line, in the words of the first cell: the report
// has all.
func (s Summary) findings(b *strings.Builder) {
	var list []finding
	index := map[string]int{}
	add := func(cell, key, text string) {
		i, known := index[key]
		if !known {
			i = len(list)
			index[key], list = i, append(list, finding{text: text})
		}
		// Those of one cell come one after another.
		if n := len(list[i].cells); n == 0 || list[i].cells[n-1] != cell {
			list[i].cells = append(list[i].cells, cell)
		}
	}
	for _, invalid := range []bool{true, false} {
		word := "warning"
		if invalid {
			word = "invalid"
		}
		for _, c := range s.Cells {
			for _, r := range c.Validity.Reasons {
				if r.Invalid == invalid {
					add(c.Cell, word+r.Code, fmt.Sprintf("%s %s: %s", word, r.Code, r.Text))
				}
			}
		}
	}
	for _, c := range s.Cells {
		for _, w := range c.Warnings {
			add(c.Cell, w, "warning: "+w)
		}
	}
	for _, p := range s.Points {
		for _, w := range p.Warnings {
			add(p.Name, w, "warning: "+w)
		}
	}
	for _, w := range s.Warnings {
		add("run", w, "warning: "+w)
	}
	if len(list) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range list {
		fmt.Fprintf(b, "%s (%s)\n", f.text, s.where(f.cells))
	}
}

// where names cells briefly.
func (s Summary) where(cells []string) string {
	switch n := len(cells); {
	case n > 1 && n == len(s.Cells):
		return cells[0] + " and all others"
	case n > 3:
		return fmt.Sprintf("%s and %d more", cells[0], n-1)
	}
	return strings.Join(cells, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
