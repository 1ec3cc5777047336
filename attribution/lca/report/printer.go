package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"cfubench/attribution/lca"
)

// Printer prints assessments that come one after another, of which it keeps what it
// has to say and no more: the cells of a run may be thousands. Close prints what is
// left.
type Printer interface {
	Add(a *lca.Assessment) error
	Close() error
}

// CSV prints the footprint table.
type CSV struct{ out *csv.Writer }

// NewCSV makes a CSV that prints to w.
func NewCSV(w io.Writer) *CSV {
	out := csv.NewWriter(w)
	out.Write([]string{"cell", "functional_unit", "category", "unit", "stage", "value", "lo", "hi", "boundary", "source", "kind"})
	return &CSV{out}
}

// Add prints the rows of one assessment.
func (c *CSV) Add(a *lca.Assessment) error {
	for _, r := range a.Rows {
		c.out.Write([]string{r.Cell, r.FunctionalUnit, string(r.Category), r.Unit, string(r.Stage), digits(r.Value), digits(r.Lo), digits(r.Hi), r.Boundary, r.Source, string(r.Kind)})
	}
	return c.out.Error()
}

// Close prints what is left of the rows.
func (c *CSV) Close() error {
	c.out.Flush()
	return c.out.Error()
}

// digits is a number with as many digits as it takes to read it back.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
