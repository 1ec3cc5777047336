package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/internal/outside"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// Crossover prints a comparison for people.
func Crossover(w io.Writer, r lca.Comparison) error {
	return prose.Write(w, func(w io.Writer) error {
		unit := strings.ReplaceAll(r.FunctionalUnit, "_", " ")
		fmt.Fprintf(w, "C_FU of %s: usage in %ss at which one overtakes the other (%d paired draws)\n\n", strings.Join(r.Designs, ", "), unit, r.Draws)
		var crossings, differences, best [][]string
		for _, x := range r.Crossings {
			crossings = append(crossings, []string{x.Category.Title(), x.First, x.Second, lca.Count(x.Usage), lca.Count(x.Lo) + " to " + lca.Count(x.Hi), fmt.Sprintf("%.0f %%", 100*x.Probability)})
			differences = append(differences, []string{x.Category.Title(), x.Second, x.First, x.Difference.Readable(), x.DifferenceLo.Readable() + " to " + x.DifferenceHi.Readable()})
		}
		if err := texttable.Write(w, pairs("cheaper when rarely used", "overtaken by", "from", "95 % interval", "crosses in"), crossings); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nhow much more a unit costs with one than with the other, at %[2]s %[1]ss\n", unit, lca.Count(r.Usage))
		if err := texttable.Write(w, pairs("with", "than with", "more", "95 % interval"), differences); err != nil {
			return err
		}
		fmt.Fprintf(w, "\ncost per %s at %s, and how often each is the least\n", unit, lca.Count(r.Usage))
		for _, b := range r.Best {
			best = append(best, []string{b.Category.Title(), b.Design, b.Value.Readable(), fmt.Sprintf("%.1f %%", 100*b.Probability)})
		}
		return texttable.Write(w, words("", "", "", ""), best)
	})
}

// pairs are columns of words behind a category and two designs, which stand in each table
// where they do not fit one.
func pairs(names ...string) []texttable.Column {
	columns := words(append([]string{"category"}, names...)...)
	for i := range 3 {
		columns[i].Key = true
	}
	return columns
}

// CrossoverCSV prints the crossings of a comparison.
func CrossoverCSV(w io.Writer, r lca.Comparison) error {
	out := outside.NewCSV(w, "category", "unit", "functional_unit", "first", "second", "usage", "usage_lo", "usage_hi", "probability", "at_usage", "difference", "difference_lo", "difference_hi")
	for _, x := range r.Crossings {
		out.Write(string(x.Category), x.Difference.Unit(), r.FunctionalUnit, x.First, x.Second, digits(x.Usage), digits(x.Lo), digits(x.Hi), digits(x.Probability),
			digits(r.Usage), digits(x.Difference.Value), digits(x.DifferenceLo.Value), digits(x.DifferenceHi.Value))
	}
	return out.Close()
}

// DrawsCSV prints every draw of a comparison, as lca.Compare hands them on.
type DrawsCSV struct {
	*outside.CSV
	designs []string
	unit    string
}

// NewDrawsCSV makes a DrawsCSV that prints to w; designs are the names of what is
// compared, per functional unit.
func NewDrawsCSV(w io.Writer, designs []string, unit string) *DrawsCSV {
	return &DrawsCSV{outside.NewCSV(w, "draw", "design", "category", "unit", "functional_unit", "upfront", "per_unit"), designs, unit}
}

// Add prints one draw of one design in one category.
func (d *DrawsCSV) Add(v lca.Draw) error {
	return d.Write(strconv.Itoa(v.Number), d.designs[v.Design], string(v.Upfront.Category), v.Upfront.Unit(), d.unit, digits(v.Upfront.Value), digits(v.PerUnit.Value))
}
