package results

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable prints the summary as text: one row a cell and window, then the
// findings. An invalid cell shows why and no figures.
func (s Summary) WriteTable(w io.Writer) error {
	var b strings.Builder
	s.header(&b)
	s.table(&b)
	s.idleTable(&b)
	s.findings(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Summary) header(b *strings.Builder) {
	fmt.Fprintf(b, "model %s · engine %s", orDash(s.Model), orDash(s.Engine))
	switch {
	case s.MeterKind == "":
		b.WriteString(" · no meter: no energy")
	case strings.Contains(s.MeterKind, "model"):
		fmt.Fprintf(b, " · energy: %s (modelled, not measured)", s.MeterKind)
	default:
		fmt.Fprintf(b, " · energy: %s (measured)", s.MeterKind)
	}
	if s.SLO != "" {
		fmt.Fprintf(b, " · SLO %s", s.SLO)
	}
	fmt.Fprintf(b, "\n\n")
}

// joulesHeading labels joules with their kind where they are modelled.
func (s Summary) joulesHeading(of string) string {
	if strings.Contains(s.MeterKind, "model") {
		return of + " (" + s.MeterKind + ")"
	}
	return of
}

func (s Summary) table(b *strings.Builder) {
	columns, rows := TableOf(s)
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', tabwriter.AlignRight)
	row(t, columns)
	for _, r := range rows {
		row(t, r.Cells)
	}
	t.Flush()
}

// TableRow is one row of the summary's table: a cell's whole run or its steady
// window.
type TableRow struct {
	Cells   []string // one a column
	Verdict string   // of the cell
	Steady  bool
}

// TableOf is the summary's table: columns and rows as text. An invalid cell has
// dashes for figures.
func TableOf(s Summary) (columns []string, rows []TableRow) {
	slo := s.SLO != ""
	columns = []string{"cell", "window", "requests", "errors", "req/s", "output tokens/s", "TTFT p50/p99 s", "latency p50/p99 s",
		s.joulesHeading("J/request"), s.joulesHeading("J/output token"), "gCO2e/request", "C_FU gCO2e/request"}
	if slo {
		columns = append(columns, "goodput req/s", s.joulesHeading("J/SLO request"))
	}
	columns = append(columns, "verdict")
	for _, c := range s.Cells {
		verdict := c.Validity.Verdict
		if !c.Validity.Valid() {
			cells := []string{c.Cell, "whole", fmt.Sprint(c.Requests), fmt.Sprint(c.Errors)}
			for len(cells) < len(columns)-1 {
				cells = append(cells, "–")
			}
			cells = append(cells, "invalid: "+strings.Join(c.Validity.fatal(), ", "))
			rows = append(rows, TableRow{cells, verdict, false})
			continue
		}
		rows = append(rows, TableRow{append(c.row("whole", c.Whole, slo), verdict), verdict, false})
		if c.Steady != nil {
			rows = append(rows, TableRow{append(c.row("steady", *c.Steady, slo), ""), verdict, true})
		}
	}
	return columns, rows
}

func (c CellSummary) row(window string, m Measures, slo bool) []string {
	f := func(v Figure) string { return Short(float64(v)) }
	pair := func(d Distribution) string { return f(d.P50) + " / " + f(d.P99) }
	joules := [3]Figure{Unknown(), Unknown(), Unknown()}
	if m.Energy != nil {
		joules = [3]Figure{m.Energy.PerRequest, m.Energy.PerOutputToken, m.Energy.PerSLORequest}
	}
	cells := []string{c.Cell, window, fmt.Sprint(m.Completed), fmt.Sprint(c.Errors), f(m.RequestsPerSecond), f(m.OutputTokensPerSecond),
		pair(m.TTFT), pair(m.Latency), f(joules[0]), f(joules[1]), f(c.Carbon("inference")), f(c.Carbon("total"))}
	if window == "whole" {
		cells[2] = fmt.Sprint(c.Requests)
	} else {
		// The footprint and the errors are the whole cell's.
		cells[3], cells[10], cells[11] = "", "", ""
	}
	if slo {
		cells = append(cells, f(m.Goodput), f(joules[2]))
	}
	return cells
}

// row writes cells, the first flush left.
func row(w io.Writer, cells []string) {
	fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
}

// finding is one line below the table and the cells that it is about.
type finding struct {
	key, text string
	cells     []string
}

// findings lists reasons and warnings, those that make a cell invalid first.
// Reasons of one code are one line, in the words of the first cell: the report
// has all.
func (s Summary) findings(b *strings.Builder) {
	var list []finding
	add := func(cell, key, text string) {
		i := slices.IndexFunc(list, func(f finding) bool { return f.key == key })
		if i < 0 {
			i = len(list)
			list = append(list, finding{key: key, text: text})
		}
		if !slices.Contains(list[i].cells, cell) {
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
			add(p.Point, w, "warning: "+w)
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
