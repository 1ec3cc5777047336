package replay

import (
	"fmt"
	"io"
	"text/tabwriter"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/internal/texttable"
)

// WriteText prints a Shapley model: how far the conventions are from the values, and
// its coefficients; those in CPU time also as energy at watts per busy core, a model.
func WriteText(w io.Writer, file *shapley.File, watts float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "arrivals\tconvention\tgroups\tmean L1\tmax L1")
	for _, e := range file.Errors {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.3f\t%.3f\n", e.Arrivals, e.Convention, e.Groups, e.Mean, e.Max)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	joules := file.Unit == shapley.UnitJoules
	columns := []texttable.Column{{Name: "coefficient of", Text: true}, {Name: "energy", Unit: "J"}}
	if !joules {
		columns = append(columns[:1], texttable.Column{Name: "CPU time", Unit: "s"}, texttable.Column{Name: "energy", Unit: "J", Kind: "model"})
	}
	var rows [][]texttable.Cell
	for k, c := range file.Coefficients {
		row := []texttable.Cell{texttable.Words(attribution.Features[k]), texttable.Figures(c)}
		if !joules {
			row = append(row, texttable.Figures(c*watts))
		}
		rows = append(rows, row)
	}
	columns, texts := texttable.Lay(columns, rows)
	if err := texttable.Write(w, columns, texts); err != nil {
		return err
	}
	noise := "unknown (one replay each)"
	if file.Noise > 0 {
		noise = fmt.Sprintf("%.1f %%", 100*file.Noise)
	}
	what := "CPU time"
	if joules {
		what = "energy above idle"
	}
	_, err := fmt.Fprintf(w, "L1 is normalised, Σ|share − Shapley value| / Σ values, per group. Measured: %s. Standard error of a subset's %s: %s.\n", file.Meter, what, noise)
	return err
}
