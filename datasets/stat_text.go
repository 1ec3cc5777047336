package datasets

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText prints a summary: what the trace is and what was dropped of it, and a
// table of its lengths in tokens.
func (s Summary) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "trace\t%s\n", s.Source)
	if s.Selection != "" {
		fmt.Fprintf(w, "selection\t%s\n", s.Selection)
	}
	counted := "as the file states them"
	if s.Tokenizer != "" {
		counted = "counted by " + s.Tokenizer
	}
	fmt.Fprintf(w, "lengths\t%s\n", counted)
	fmt.Fprintf(w, "requests\t%d in %d conversations\n", s.Requests, s.Conversations)
	if s.SpanSeconds != nil {
		span := time.Duration(*s.SpanSeconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(w, "span\t%v", span)
		if s.Requests > 1 && span > 0 {
			fmt.Fprintf(w, ", %.3g requests/s", float64(s.Requests-1)/span.Seconds())
		}
		fmt.Fprintln(w)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
		fmt.Fprintf(w, "dropped\t%d: %s\n", s.Dropped[reason], reason)
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "warning\t%s\n", warning)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ntokens\tknown\tsum\tmean\tmin\tp5\tp25\tp50\tp75\tp95\tp99\tmax\t")
	type row struct {
		name string
		l    Lengths
	}
	lengths := []row{{"prompt", s.Prompt}, {"output", s.Output}}
	if s.Context != nil {
		lengths = append(lengths, row{"prompt with history", *s.Context})
	}
	for _, row := range lengths {
		l := row.l
		if l.Known == 0 {
			fmt.Fprintf(w, "%s\t0%s\t\n", row.name, strings.Repeat("\t–", 10))
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", row.name,
			l.Known, l.Sum, l.Mean, l.Min, l.P5, l.P25, l.P50, l.P75, l.P95, l.P99, l.Max)
	}
	return w.Flush()
}
