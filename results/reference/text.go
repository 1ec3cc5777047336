package reference

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// WriteText prints a reference: the plateaus, the fit, and what an inventory takes of it.
func WriteText(w io.Writer, r runfolder.Reference) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "plateau\tload\tfor\treference\tsum of the domains")
	for _, d := range r.Domains {
		fmt.Fprintf(t, "\t%s", d.Domain)
	}
	fmt.Fprintln(t)
	for i, p := range r.Plateaus {
		var sum meter.Power
		for _, d := range p.Domains {
			sum += d
		}
		fmt.Fprintf(t, "%d\t%s\t%v\t%.1f W\t%.1f W", i+1, p.Load, p.Over.Length().Round(100*time.Millisecond), p.Reference.Watts(), sum.Watts())
		for _, d := range p.Domains {
			fmt.Fprintf(t, "\t%.1f W", d.Watts())
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
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
	text, ok, err := Inventory(r)
	if err == nil && ok {
		_, err = fmt.Fprintf(w, "\nfor the facility of an inventory:\n%s\n", text)
	}
	return err
}
