package record

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"cfubench/internal/prose"
	"cfubench/internal/si"
	"cfubench/internal/texttable"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// WriteText prints the energies of a record in the folder out, part by part, and what
// an inventory takes of it.
func (r Result) WriteText(w io.Writer, out string) error {
	for i, e := range r.Parts {
		cell, part := r.Run.Cells[i], r.Run.Record.Parts[i]
		fmt.Fprintf(w, "\n%s: %v, %s\n", cell.ID, cell.Window.Length().Round(time.Millisecond), endOf(part))
		columns := []texttable.Column{
			{Name: "domain", Text: true}, {Name: "kind", Text: true}, {Name: "energy", Unit: "J"}, {Name: "from", Unit: "J", Beside: true}, {Name: "to", Unit: "J", Beside: true},
			{Name: "U95", Unit: "J", Beside: true}, {Name: "idle", Unit: "W"}, {Name: "in the sum", Text: true, Wrap: true},
		}
		var rows [][]texttable.Cell
		if sum, several := sumRow(e); several {
			rows = append(rows, sum)
		}
		for _, d := range e.Domains {
			rows = append(rows, domainRow(d))
		}
		columns, texts := texttable.Lay(columns, rows)
		if err := texttable.Write(w, columns, texts); err != nil {
			return err
		}
	}
	total, sum := r.Record, derivation.Together(r.Parts) // record.json has no bounds where one of them is open
	hi := "no bound"
	if sum.Hi != meter.Unbounded {
		hi = si.Format(sum.Hi.Joules(), "J")
	}
	kind := "measured"
	if total.Kind == meter.KindModel {
		kind = "a model, not measured"
	}
	return prose.Print(w, fmt.Sprintf("\nenergy %s (%s; from %s to %s; %s), device time %v on %s\n%s: name it in an inventory as \"record\": %q\n",
		si.Format(total.Energy.Joules(), "J"), si.Format(total.Energy.Joules()/3600, "Wh"), si.Format(sum.Lo.Joules(), "J"), hi, kind, total.DeviceTime.Round(time.Millisecond),
		cmp.Or(strings.Join(total.Products, ", "), "unknown"), runfolder.RecordFile, out))
}

// endOf is how a part ended.
func endOf(p runfolder.RecordedPart) string {
	switch {
	case p.Cut:
		return "cut short: how it ended is not known"
	case p.Signal != "":
		return fmt.Sprintf("ended by %s", p.Signal)
	case p.Exit != nil:
		return fmt.Sprintf("exit code %d", *p.Exit)
	}
	return "the " + p.Of
}

// sumRow is the energy of the domains that count, where they are several.
func sumRow(e derivation.CellEnergy) (row []texttable.Cell, several bool) {
	n := 0
	for _, d := range e.Domains {
		if d.Summed {
			n++
		}
	}
	if n < 2 || !e.HasEnergy {
		return nil, false
	}
	sum := derivation.DomainEnergy{Summed: true, Energy: e.Energy, Lo: e.Lo, Hi: e.Hi, Uncertainty: e.Uncertainty}
	sum.Name, sum.Kind = derivation.SumOf(n), meter.Kind(e.Kind)
	row = domainRow(sum)
	row[len(row)-2], row[len(row)-1] = texttable.Words(""), texttable.Words("")
	return row, true
}

// domainRow is the energy of one domain.
func domainRow(d derivation.DomainEnergy) []texttable.Cell {
	row := []texttable.Cell{texttable.Words(d.Name), texttable.Words(string(d.Kind))}
	for _, e := range []meter.Energy{d.Energy, d.Lo, meter.Energy(d.Hi), d.Uncertainty.U95()} {
		cell := texttable.Figures(e.Joules())
		switch {
		case d.Missing != "":
			cell = texttable.Words("none")
		case e == meter.Unbounded:
			cell = texttable.Words("no bound")
		}
		row = append(row, cell)
	}
	idle, summed := texttable.Words("not measured"), "yes"
	if d.HasLoaded {
		idle = texttable.Figures(d.Loaded.Watts())
	}
	switch {
	case d.Missing != "":
		summed = d.Missing
	case !d.Summed:
		summed = "no"
	}
	return append(row, idle, texttable.Words(summed))
}
