package reference

import (
	"fmt"
	"io"
	"time"

	"cfubench/internal/prose"
	"cfubench/internal/texttable"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// WriteText prints a reference: the plateaus, the fit, and what an inventory takes of it.
func WriteText(w io.Writer, r runfolder.Reference) error {
	columns := []texttable.Column{{Name: "plateau"}, {Name: "load", Text: true}, {Name: "for"}, {Name: "reference", Unit: "W"}, {Name: "sum of the domains", Unit: "W"}}
	for _, d := range r.Domains {
		columns = append(columns, texttable.Column{Name: d.Domain, Unit: "W"})
	}
	watts := func(p meter.Power) string { return fmt.Sprintf("%.1f", p.Watts()) }
	var rows [][]string
	for i, p := range r.Plateaus {
		var sum meter.Power
		for _, d := range p.Domains {
			sum += d
		}
		row := []string{fmt.Sprint(i + 1), p.Load, p.Over.Length().Round(100 * time.Millisecond).String(), watts(p.Reference), watts(sum)}
		for _, d := range p.Domains {
			row = append(row, watts(d))
		}
		rows = append(rows, row)
	}
	if err := texttable.Write(w, columns, rows); err != nil {
		return err
	}
	if err := prose.Write(w, func(w io.Writer) error { return writeFit(w, r) }); err != nil {
		return err
	}
	text, ok, err := Inventory(r)
	if err == nil && ok {
		_, err = fmt.Fprintf(w, "\nfor the facility of an inventory:\n%s\n", text)
	}
	return err
}

// writeFit prints the fit, of the sum and of each domain, and what is doubtful of it.
func writeFit(w io.Writer, r runfolder.Reference) error {
	slope, offset := fmt.Sprintf("%.4f", r.Slope), fmt.Sprintf("%.1f W", r.Offset.Watts())
	if r.SlopeU95 != nil && r.OffsetU95 != nil {
		slope, offset = fmt.Sprintf("(%s ± %.4f)", slope, *r.SlopeU95), fmt.Sprintf("(%.1f ± %.1f) W", r.Offset.Watts(), r.OffsetU95.Watts())
	}
	fmt.Fprintf(w, "\nreference = %s + %s × sum, R² %.4f over %d plateaus", offset, slope, r.R2, len(r.Plateaus))
	if r.SlopeU95 == nil {
		fmt.Fprint(w, "; two plateaus give no interval: more --rounds do")
	} else {
		fmt.Fprint(w, " (95 % intervals of the plateaus' scatter)")
	}
	fmt.Fprintln(w)
	for _, d := range r.Domains {
		if d.Slope != nil {
			fmt.Fprintf(w, "%s: %.4f W for each watt of its own\n", d.Domain, *d.Slope)
		}
		if s := d.Sensor; s != nil {
			fmt.Fprintf(w, "%s: gain ± %.2f %%, offset ± %.1f W (k=1), which cfu run --reference takes\n", d.Domain, 100*s.Gain, s.Offset.Watts())
		}
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", warning)
	}
	return nil
}
