package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"cfubench/attribution/lca"
)

// yearly are the flags of the yearly view.
type yearly struct {
	lca.Growth
	years int
}

// yearlyOf projects every assessment.
func (y yearly) yearlyOf(list []lca.Assessment) ([][]lca.Yearly, error) {
	var all [][]lca.Yearly
	for i := range list {
		rows, err := list[i].Yearly(y.Growth, y.years)
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	return all, nil
}

// yearlyTable prints the years of every cell for people.
func (y yearly) yearlyTable(w io.Writer, list []lca.Assessment, all [][]lca.Yearly) error {
	fmt.Fprintln(w, "\na year of the service at the cost of each cell, for who rents the machines: scope 2 is the electricity, scope 3 the making of machines and model (amortized)")
	if s := y.Scenario(); s != "" {
		fmt.Fprintf(w, "a scenario, of no figure above: %s\n", s)
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "cell\tyear\trequests\tcategory\tscope 2\tscope 3\ttotal")
	for i, rows := range all {
		for _, r := range rows {
			fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", list[i].Usage.Cell, r.Year, lca.Count(r.Requests), r.Category.Title(), r.Scope2.Readable(), r.Scope3.Readable(), r.Total.Readable())
		}
	}
	return tw.Flush()
}

// yearlyCSV prints the same for programs.
func (y yearly) yearlyCSV(w io.Writer, list []lca.Assessment, all [][]lca.Yearly) error {
	out := csv.NewWriter(w)
	out.Write([]string{"cell", "year", "requests", "category", "unit", "scope2", "scope3", "total", "upfront_amortized", "scenario"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for i, rows := range all {
		for _, r := range rows {
			out.Write([]string{list[i].Usage.Cell, strconv.Itoa(r.Year), number(r.Requests), string(r.Category), list[i].Unit(r.Category),
				number(r.Scope2.Value), number(r.Scope3.Value), number(r.Total.Value), number(r.UpfrontAmortized), y.Scenario()})
		}
	}
	out.Flush()
	return out.Error()
}
