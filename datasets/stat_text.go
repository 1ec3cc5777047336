package datasets

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"cfubench/internal/texttable"
)

// WriteText prints a summary: what the trace is and what was dropped of it, and a
// table of its lengths in tokens.
func (s Summary) WriteText(w io.Writer) error {
	if err := texttable.Write(w, []texttable.Column{{Text: true}, {Text: true, Wrap: true}}, s.facts()); err != nil {
		return err
	}
	fmt.Fprintln(w)
	columns := []texttable.Column{{Name: "tokens", Text: true}}
	for _, name := range []string{"known", "sum", "mean", "min", "p5", "p25", "p50", "p75", "p95", "p99", "max"} {
		columns = append(columns, texttable.Column{Name: name})
	}
	rows := [][]string{s.Prompt.row("prompt"), s.Output.row("output")}
	if s.Context != nil {
		rows = append(rows, s.Context.row("prompt with history"))
	}
	return texttable.Write(w, columns, rows)
}

// facts are what there is to know of the trace, by name.
func (s Summary) facts() [][]string {
	facts := [][]string{{"trace", s.Source}}
	add := func(name, format string, args ...any) {
		facts = append(facts, []string{name, fmt.Sprintf(format, args...)})
	}
	if s.Selection != "" {
		add("selection", "%s", s.Selection)
	}
	counted := "as the file states them"
	if s.Tokenizer != "" {
		counted = "counted by " + s.Tokenizer
	}
	add("lengths", "%s", counted)
	add("requests", "%d in %d conversations", s.Requests, s.Conversations)
	if s.SpanSeconds != nil {
		span := time.Duration(*s.SpanSeconds * float64(time.Second)).Round(time.Millisecond)
		rate := ""
		if s.Requests > 1 && span > 0 {
			rate = fmt.Sprintf(", %.3g requests/s", float64(s.Requests-1)/span.Seconds())
		}
		add("span", "%v%s", span, rate)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
		add("dropped", "%d: %s", s.Dropped[reason], reason)
	}
	for _, warning := range s.Warnings {
		add("warning", "%s", warning)
	}
	return facts
}

// row is the lengths as a row of the table: dashes where none is known.
func (l Lengths) row(name string) []string {
	row := []string{name, strconv.Itoa(l.Known)}
	if l.Known == 0 {
		return append(row, slices.Repeat([]string{"–"}, 10)...)
	}
	row = append(row, strconv.FormatInt(int64(l.Sum), 10), fmt.Sprintf("%.1f", l.Mean))
	for _, n := range []int{l.Min, l.P5, l.P25, l.P50, l.P75, l.P95, l.P99, l.Max} {
		row = append(row, strconv.Itoa(n))
	}
	return row
}
