package main

import (
	"context"
	"io"

	"cfubench/attribution/lca"
	"cfubench/results/findings"
)

// publishedRows prints the published findings as CSV.
type publishedRows struct {
	w    io.Writer
	list []lca.Assessment
}

func (p *publishedRows) Add(a *lca.Assessment) error {
	p.list = append(p.list, *a)
	return nil
}

func (p *publishedRows) Close() error {
	return findings.WriteCSV(p.w, findings.Published(p.list), false)
}

// besideRows prints the cells of a run beside the published rows.
type besideRows struct {
	ctx  context.Context // of assessing those
	w    io.Writer
	rows *findings.Beside
	csv  bool
}

func (b *besideRows) Add(a *lca.Assessment) error {
	b.rows.Add(a)
	return nil
}

func (b *besideRows) Close() error {
	list, err := b.rows.Findings(b.ctx)
	if err != nil {
		return err
	}
	if b.csv {
		return findings.WriteCSV(b.w, list, true)
	}
	return findings.WriteTable(b.w, list)
}
