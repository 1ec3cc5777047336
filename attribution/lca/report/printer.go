package report

import (
	"io"
	"strconv"

	"cfubench/attribution/lca"
	"cfubench/internal/outside"
)

// Printer prints assessments that come one after another, of which it keeps what it
// has to say and no more: the cells of a run may be thousands. Close prints what is
// left.
type Printer interface {
	Add(a *lca.Assessment) error
	Close() error
}

// CSV prints the footprint table.
type CSV struct{ *outside.CSV }

// NewCSV makes a CSV that prints to w.
func NewCSV(w io.Writer) *CSV {
	return &CSV{outside.NewCSV(w, "cell", "functional_unit", "category", "unit", "stage", "value", "lo", "hi", "boundary", "source", "kind")}
}

// Add prints the rows of one assessment.
func (c *CSV) Add(a *lca.Assessment) error {
	for _, r := range a.Rows {
		if err := c.Write(r.Cell, r.FunctionalUnit, string(r.Category), r.Unit, string(r.Stage), digits(r.Value), digits(r.Lo), digits(r.Hi), r.Boundary, r.Source, string(r.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// digits is a number with as many digits as it takes to read it back.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
