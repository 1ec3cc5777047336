package sweep

import (
	"fmt"
	"io"
	"math"
	"time"

	"cfubench/internal/texttable"
)

// WriteText prints what the logs were worth, a line for each log and a row for each of
// its devices, and the averages of a log that holds no requests.
func (got Imported) WriteText(w io.Writer) error {
	q := got.Requests
	logs := [][]string{{"requests", fmt.Sprintf("%s, %s: %d rows, %d failed", q.Format, q.Grade, q.Rows, q.Failed)}}
	for i, p := range got.Power {
		cut := ""
		if p.Cut {
			cut = "; its last line is cut: the writer's buffer may have been lost with it"
		}
		logs = append(logs, []string{fmt.Sprintf("power log %d", i+1), fmt.Sprintf("%s, times %s%s", p.Format, p.Basis, cut)})
	}
	if err := texttable.Write(w, []texttable.Column{{Text: true}, {Text: true, Wrap: true}}, logs); err != nil {
		return err
	}
	if err := got.writeQuality(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(q.Stated) == 0 {
		return nil
	}
	columns := []texttable.Column{{Name: "run", Text: true}, {Name: "power", Unit: "W"}, {Name: "energy", Unit: "J/req"}, {Name: "energy", Unit: "J/out tok"}, {Name: "source", Text: true, Wrap: true}}
	var rows [][]texttable.Cell
	for _, s := range got.Figures {
		rows = append(rows, []texttable.Cell{texttable.Words(s.Label), orUnknown(s.Watts), orUnknown(s.JoulesPerRequest), orUnknown(s.JoulesPerOutputToken), texttable.Words(s.Source)})
	}
	columns, texts := texttable.Lay(columns, rows)
	return texttable.Write(w, columns, texts)
}

// writeQuality prints how often the power logs read each device, and how much of the
// load that covers.
func (got Imported) writeQuality(w io.Writer) error {
	if len(got.Quality) == 0 {
		return nil
	}
	columns := []texttable.Column{{Name: "device", Text: true, Wrap: true}, {Name: "read every"}, {Name: "value changes every"}, {Name: "readings"}, {Name: "failed"}, {Name: "covers", Unit: "% of the load"}, {Name: "gaps"}, {Name: "longest gap"}}
	var rows [][]string
	for _, q := range got.Quality {
		rows = append(rows, []string{q.Device, q.Interval.Round(time.Millisecond).String(), q.Change.Round(time.Millisecond).String(), fmt.Sprint(q.Samples), fmt.Sprint(q.Failed),
			fmt.Sprintf("%.1f", 100*q.Covered), fmt.Sprint(q.Gaps), q.LongestGap.Round(time.Millisecond).String()})
	}
	fmt.Fprintln(w)
	return texttable.Write(w, columns, rows)
}

// orUnknown is a figure that is not known where it is 0.
func orUnknown(v float64) texttable.Cell {
	if v == 0 {
		v = math.NaN()
	}
	return texttable.Figures(v)
}
