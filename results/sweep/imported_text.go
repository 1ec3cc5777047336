package sweep

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"cfubench/internal/texttable"
)

// WriteText prints what the logs were worth.
func (got Imported) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	q := got.Requests
	fmt.Fprintf(w, "requests\t%s, %s: %d rows, %d failed\n", q.Format, q.Grade, q.Rows, q.Failed)
	for i, p := range got.Power {
		cut := ""
		if p.Cut {
			cut = "; its last line is cut: the writer's buffer may have been lost with it"
		}
		fmt.Fprintf(w, "power log %d\t%s, times %s%s\n", i+1, p.Format, p.Basis, cut)
	}
	for _, q := range got.Quality {
		fmt.Fprintf(w, "  %s\tevery %v, value changes every %v, %d readings (%d failed), %.1f %% of the load covered, %d gaps, longest %v\n",
			q.Device, q.Interval.Round(time.Millisecond), q.Change.Round(time.Millisecond), q.Samples, q.Failed, 100*q.Covered, q.Gaps, q.LongestGap.Round(time.Millisecond))
	}
	if len(q.Stated) == 0 {
		fmt.Fprintln(w)
		return w.Flush()
	}
	if err := w.Flush(); err != nil {
		return err
	}
	columns := []texttable.Column{{Name: "run", Text: true}, {Name: "power", Unit: "W"}, {Name: "energy", Unit: "J/req"}, {Name: "energy", Unit: "J/out tok"}, {Name: "source", Text: true}}
	var rows [][]texttable.Cell
	for _, s := range got.Figures {
		rows = append(rows, []texttable.Cell{texttable.Words(s.Label), orUnknown(s.Watts), orUnknown(s.JoulesPerRequest), orUnknown(s.JoulesPerOutputToken), texttable.Words(s.Source)})
	}
	fmt.Fprintln(out)
	columns, texts := texttable.Lay(columns, rows)
	return texttable.Write(out, columns, texts)
}

// orUnknown is a figure that is not known where it is 0.
func orUnknown(v float64) texttable.Cell {
	if v == 0 {
		v = math.NaN()
	}
	return texttable.Figures(v)
}
