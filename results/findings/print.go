package findings

import (
	"io"
	"math"
	"strconv"

	"cfubench/attribution/lca"
	"cfubench/internal/outside"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// WriteCSV prints the columns; whole requests, twelve digits of the rest. withSource
// adds whose figures they are.
func WriteCSV(w io.Writer, list []Finding, withSource bool) error {
	header := []string{"model", "rate", "kwh_per_2400", "gco2e_per_2400", "joules_per_request", "break_even_requests", "published_break_even"}
	if withSource {
		header = append(header, "source")
	}
	out := outside.NewCSV(w, header...)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }
	requests := func(n float64) string {
		if n == 0 || math.IsInf(n, 0) {
			return ""
		}
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, f := range list {
		row := []string{f.Model, f.Rate, number(f.KWh), number(f.Grams), number(f.Joules), requests(f.BreakEven), requests(f.Printed)}
		if withSource {
			row = append(row, f.Source)
		}
		out.Write(row...)
	}
	return out.Close()
}

// WriteTable prints the same for people.
func WriteTable(w io.Writer, list []Finding) error {
	columns := []texttable.Column{{Name: "rate", Text: true}, {Name: "source", Text: true}, {Name: "model", Text: true}, {Name: "energy", Unit: "kWh/2,400 req"},
		{Name: "carbon", Unit: "gCO2e/2,400 req"}, {Name: "energy", Unit: "J/req"}, {Name: "break-even", Unit: "with training"}, {Name: "break-even", Unit: "as printed"}}
	requests := func(n float64) string {
		if n == 0 {
			return "–"
		}
		return lca.Count(n)
	}
	digits := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	var rows [][]string
	for _, f := range list {
		rows = append(rows, []string{f.Rate, f.Source, f.Model, digits(f.KWh), digits(f.Grams), digits(f.Joules), requests(f.BreakEven), requests(f.Printed)})
	}
	if err := texttable.Write(w, columns, rows); err != nil {
		return err
	}
	return prose.Print(w, "\nmeasured kWh are as metered and their gCO2e have the inventory's PUE; published kWh are taken to have the PUE in them (docs/lca.md)\n")
}
