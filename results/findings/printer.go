package findings

import (
	"context"
	"io"

	"cfubench/attribution/lca"
)

// PublishedRows prints the published findings as CSV.
type PublishedRows struct {
	w    io.Writer
	list []lca.Assessment
}

// NewPublishedRows makes PublishedRows that Close prints to w.
func NewPublishedRows(w io.Writer) *PublishedRows { return &PublishedRows{w: w} }

// Add takes the assessment of one published run.
func (p *PublishedRows) Add(a *lca.Assessment) error {
	p.list = append(p.list, *a)
	return nil
}

// Close prints the rows.
func (p *PublishedRows) Close() error { return WriteCSV(p.w, Published(p.list), false) }

// BesideRows prints the cells of a run beside the published rows.
type BesideRows struct {
	ctx  context.Context // of assessing those
	w    io.Writer
	rows *Beside
	csv  bool
}

// NewBesideRows makes BesideRows that Close prints to w, as CSV or for people; ctx ends
// the assessing of the published runs.
func NewBesideRows(ctx context.Context, w io.Writer, rows *Beside, csv bool) *BesideRows {
	return &BesideRows{ctx, w, rows, csv}
}

// Add takes the assessment of one cell.
func (b *BesideRows) Add(a *lca.Assessment) error {
	b.rows.Add(a)
	return nil
}

// Close assesses the published runs and prints all.
func (b *BesideRows) Close() error {
	list, err := b.rows.Findings(b.ctx)
	if err != nil {
		return err
	}
	if b.csv {
		return WriteCSV(b.w, list, true)
	}
	return WriteTable(b.w, list)
}
