package findings

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"cfubench/attribution/lca"
)

// WriteCSV prints the columns; whole requests, twelve digits of the rest. withSource
// adds whose figures they are.
func WriteCSV(w io.Writer, list []Finding, withSource bool) error {
	out := csv.NewWriter(w)
	header := []string{"model", "rate", "kwh_per_2400", "gco2e_per_2400", "joules_per_request", "break_even_requests", "published_break_even"}
	if withSource {
		header = append(header, "source")
	}
	out.Write(header)
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
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}

// WriteTable prints the same for people.
func WriteTable(w io.Writer, list []Finding) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "rate\tsource\tmodel\tkWh per 2,400\tgCO2e per 2,400\tJ per request\tbreak-even with training\tas printed")
	requests := func(n float64) string {
		if n == 0 {
			return "–"
		}
		return lca.Count(n)
	}
	for _, f := range list {
		fmt.Fprintln(tw, strings.Join([]string{
			f.Rate, f.Source, f.Model, strconv.FormatFloat(f.KWh, 'g', 4, 64), strconv.FormatFloat(f.Grams, 'g', 4, 64),
			strconv.FormatFloat(f.Joules, 'g', 4, 64), requests(f.BreakEven), requests(f.Printed),
		}, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nmeasured kWh are as metered and their gCO2e have the inventory's PUE; published kWh are taken to have the PUE in them (docs/lca.md)")
	return err
}
