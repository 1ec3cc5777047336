package replay

import (
	"fmt"
	"io"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// WriteText prints a Shapley model: how far the conventions are from the values, and
// its coefficients; those in CPU time also as energy at watts per busy core, a model.
func WriteText(w io.Writer, file *shapley.File, watts float64) error {
	var errors [][]string
	for _, e := range file.Errors {
		errors = append(errors, []string{e.Arrivals, e.Convention, fmt.Sprint(e.Groups), fmt.Sprintf("%.3f", e.Mean), fmt.Sprintf("%.3f", e.Max)})
	}
	if err := texttable.Write(w, []texttable.Column{{Name: "arrivals", Text: true}, {Name: "convention", Text: true}, {Name: "groups"}, {Name: "mean L1"}, {Name: "max L1"}}, errors); err != nil {
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
	return prose.Print(w, fmt.Sprintf("L1 is normalised, Σ|share − Shapley value| / Σ values, per group. Measured: %s. Standard error of a subset's %s: %s.\n", file.Meter, what, noise))
}
