package comparison

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"cfubench/internal/outside"
	"cfubench/internal/prose"
	"cfubench/internal/si"
	"cfubench/internal/stats"
	"cfubench/internal/texttable"
	"cfubench/results/derivation"
)

// WriteText prints the comparison, one section a subject and load point. "~" stands
// before a difference that the data do not support, with how many samples would tell
// it, and "?" after one that could not be tested.
func (t Table) WriteText(w io.Writer) error {
	var b strings.Builder
	for first := 0; first < len(t.Rows); {
		section := t.Rows[first]
		end := first
		for ; end < len(t.Rows) && t.Rows[end].Other == section.Other && t.Rows[end].Point == section.Point; end++ {
		}
		if first > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s against %s\n", section.Point, section.Other, t.Base)
		if err := writeSection(&b, t.Rows[first:end]); err != nil {
			return err
		}
		first = end
	}
	t.notes(&b)
	return prose.Print(w, b.String())
}

// writeSection prints the rows of one load point. Where all were tested on one basis, a
// heading has it, and where none lacks samples there is no column of how many would
// tell.
func writeSection(w io.Writer, rows []Row) error {
	tell := slices.ContainsFunc(rows, func(r Row) bool { return r.Settle > 0 })
	basis := rows[0].Basis
	if slices.ContainsFunc(rows, func(r Row) bool { return r.Basis != basis }) {
		basis = ""
	}
	columns := []texttable.Column{{Name: "metric", Text: true}, {Name: "base"}, {Name: "other"}, {Name: "delta"}, {Name: "95 % interval"}, {Name: "p"}, {Name: cmp.Or(basis, "samples")}}
	if tell {
		columns = append(columns, texttable.Column{Name: "to tell"})
	}
	var lines [][]string
	for _, r := range rows {
		p := si.For(r.Unit, r.A, r.B)
		samples := fmt.Sprintf("%d+%d", r.NA, r.NB)
		if basis == "" && r.Basis != "" {
			samples += " " + r.Basis
		}
		line := []string{r.label(p), p.Short(r.A), p.Short(r.B), r.FormatDelta(), r.interval(), r.formatP(), samples}
		if tell {
			line = append(line, r.toTell())
		}
		lines = append(lines, line)
	}
	return texttable.Write(w, columns, lines)
}

// label is the metric with its unit, in the prefix that the row has.
func (r Row) label(p si.Prefix) string {
	unit := p.Unit(r.Unit)
	if derivation.Modelled(r.Kind) {
		unit += ", " + r.Kind
	}
	return fmt.Sprintf("%s (%s)", r.Metric, unit)
}

func (r Row) interval() string {
	if math.IsNaN(r.Lo) || math.IsNaN(r.Hi) {
		return "–"
	}
	return stats.FormatChange(r.Lo) + " to " + stats.FormatChange(r.Hi) + " %"
}

func (r Row) formatP() string {
	switch {
	case math.IsNaN(r.P):
		return "–"
	case r.P < 0.0005:
		return "<0.001"
	}
	return strconv.FormatFloat(r.P, 'f', 3, 64)
}

// toTell is about how many samples of each would tell the difference.
func (r Row) toTell() string {
	switch {
	case r.Settle == 0:
		return ""
	case r.Basis == "repeats" && r.Settle > stats.MostToSettle:
		return fmt.Sprintf("> %d", stats.MostToSettle)
	}
	return si.Count(r.Settle)
}

// legend prints what the marks mean.
func (t Table) legend(b *strings.Builder) {
	fmt.Fprintf(b, "\n~ no difference at the level of %g %%; ? not tested.", 100*t.Level)
	if slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Settle > 0 }) {
		b.WriteString(" To tell: about so many repeats of each would tell a difference of this size (of batches: requests).")
	}
	if t.Tests > 0 {
		fmt.Fprintf(b, " %d tests: about %.1f of them would show a difference where there is none.", t.Tests, t.Level*float64(t.Tests))
	}
	b.WriteByte('\n')
}

// notes prints what the marks mean and warnings, each once.
func (t Table) notes(b *strings.Builder) {
	if len(t.Rows) > 0 {
		t.legend(b)
	}
	for _, w := range t.Warnings {
		fmt.Fprintf(b, "warning: %s\n", w)
	}
	type warned struct {
		text    string
		metrics []string
	}
	var list []warned
	for _, r := range t.Rows {
		for _, w := range r.Warnings {
			where := r.Point + " " + r.Metric
			i := slices.IndexFunc(list, func(x warned) bool { return x.text == w })
			if i < 0 {
				list = append(list, warned{w, []string{where}})
				continue
			}
			list[i].metrics = append(list[i].metrics, where)
		}
	}
	for _, w := range list {
		where := w.metrics[0]
		if n := len(w.metrics); n > 1 {
			where += fmt.Sprintf(" and %d more", n-1)
		}
		fmt.Fprintf(b, "warning: %s: %s\n", where, w.text)
	}
}

// WriteCSV writes the comparison with all digits; what is unknown is empty.
func (t Table) WriteCSV(w io.Writer) error {
	out := outside.NewCSV(w, "point", "base", "other", "metric", "unit", "meter_kind", "base_value", "other_value",
		"delta_ratio", "delta_lo", "delta_hi", "p", "different", "basis", "base_samples", "other_samples", "to_tell", "warnings")
	number := func(v float64) string {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	for _, r := range t.Rows {
		out.Write(r.Point, t.Base, r.Other, r.Metric, r.Unit, r.Kind, number(r.A), number(r.B),
			number(r.Delta), number(r.Lo), number(r.Hi), number(r.P), strconv.FormatBool(r.Different), r.Basis,
			strconv.Itoa(r.NA), strconv.Itoa(r.NB), unlessZero(r.Settle), strings.Join(r.Warnings, "; "))
	}
	return out.Close()
}

// unlessZero is a number, nothing for zero.
func unlessZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
