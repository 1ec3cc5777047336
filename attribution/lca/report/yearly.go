package report

import (
	"fmt"
	"io"
	"strconv"

	"cfubench/attribution/lca"
	"cfubench/internal/outside"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// yearly says what service is projected, over how many years.
type yearly struct {
	growth lca.Growth
	years  int
}

// YearlyTable prints the summary, and below it the years of every cell for people.
type YearlyTable struct {
	yearly
	*Summary
	rows [][]string
}

// NewYearlyTable makes a YearlyTable that Close prints to w, of so many years.
func NewYearlyTable(w io.Writer, growth lca.Growth, years int) *YearlyTable {
	return &YearlyTable{yearly: yearly{growth, years}, Summary: NewSummary(w)}
}

// Add takes one assessment.
func (y *YearlyTable) Add(a *lca.Assessment) error {
	rows, err := a.Yearly(y.growth, y.years)
	if err != nil {
		return err
	}
	for _, r := range rows {
		y.rows = append(y.rows, []string{a.Usage.Cell, strconv.Itoa(r.Year), lca.Count(r.Requests), r.Category.Title(), r.Scope2.Readable(), r.Scope3.Readable(), r.Total.Readable()})
	}
	return y.Summary.Add(a)
}

// Close prints both.
func (y *YearlyTable) Close() error {
	if err := y.Summary.Close(); err != nil {
		return err
	}
	return prose.Write(y.w, func(w io.Writer) error {
		fmt.Fprintln(w, "\na year of the service at the cost of each cell, for who rents the machines: scope 2 is the electricity, scope 3 the making of machines and model (amortized)")
		if s := y.growth.Scenario(); s != "" {
			fmt.Fprintf(w, "a scenario, of no figure above: %s\n", s)
		}
		return texttable.Write(w, words("cell", "year", "requests", "category", "scope 2", "scope 3", "total"), y.rows)
	})
}

// YearlyCSV prints the years of every cell for programs.
type YearlyCSV struct {
	yearly
	*outside.CSV
}

// NewYearlyCSV makes a YearlyCSV that prints to w, of so many years.
func NewYearlyCSV(w io.Writer, growth lca.Growth, years int) *YearlyCSV {
	return &YearlyCSV{yearly{growth, years}, outside.NewCSV(w, "cell", "year", "requests", "category", "unit", "scope2", "scope3", "total", "upfront_amortized", "scenario")}
}

// Add prints the years of one assessment.
func (y *YearlyCSV) Add(a *lca.Assessment) error {
	rows, err := a.Yearly(y.growth, y.years)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := y.Write(a.Usage.Cell, strconv.Itoa(r.Year), digits(r.Requests), string(r.Category), a.Unit(r.Category),
			digits(r.Scope2.Value), digits(r.Scope3.Value), digits(r.Total.Value), digits(r.UpfrontAmortized), y.growth.Scenario()); err != nil {
			return err
		}
	}
	return nil
}
