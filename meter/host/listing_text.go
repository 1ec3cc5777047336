package host

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cfubench/internal/prose"
	"cfubench/internal/texttable"
	"cfubench/meter"
	"cfubench/meter/nvml"
)

// listed is how many domains of a source the first sentence names.
const listed = 4

// WriteText prints the listing: what a run here would measure in one sentence, a
// table of the domains with what there is to know of them, what was calibrated, and
// what is doubtful of the devices now.
func (l Listing) WriteText(w io.Writer) error {
	return prose.Write(w, func(w io.Writer) error {
		io.WriteString(w, head(l.Entries))
		if err := entryTable(w, l.Entries); err != nil {
			return err
		}
		io.WriteString(w, reasonLines(l.Entries))
		if slices.ContainsFunc(l.Entries, func(e Entry) bool { return e.Calibration != nil }) {
			if err := calibrationTable(w, l.Entries); err != nil {
				return err
			}
		}
		for _, line := range Together(l.States) {
			fmt.Fprintf(w, "\nwarning: %s\n", line)
		}
		return nil
	})
}

// head says in one sentence what a run here would measure, and with what; in the
// line before, what this build cannot read.
func head(entries []Entry) string {
	head := ""
	if note := nvml.Unreadable(); note != "" {
		head = note + ".\n"
	}
	type with struct {
		source string
		kind   meter.Kind
	}
	var order []with
	domains := map[with][]string{}
	for _, e := range entries {
		if e.Summed {
			k := with{e.Source, e.Kind}
			if domains[k] == nil {
				order = append(order, k)
			}
			domains[k] = append(domains[k], e.Domain)
		}
	}
	var parts []string
	models := 0
	for _, k := range order {
		names, more := domains[k], ""
		if len(names) > listed {
			names, more = names[:listed], fmt.Sprintf(" and %d more", len(names)-listed)
		}
		parts = append(parts, fmt.Sprintf("%s%s with %s (%s)", strings.Join(names, ", "), more, k.source, k.kind))
		if k.kind == meter.KindModel {
			models++
		}
	}
	switch {
	case len(parts) == 0:
		return head + "No energy sensor can be read here: a run that knows the engine's process models its joules, any other has none.\n\n"
	case models == len(parts):
		return head + "No energy sensor can be read here: a run models " + strings.Join(parts, "; ") + ".\n\n"
	case models > 0:
		return head + "A run here sums " + strings.Join(parts, "; ") + ": in part a model.\n\n"
	}
	return head + "A run here measures " + strings.Join(parts, "; ") + ".\n\n"
}

// entryTable prints the entries as a table, with dashes for what is not known of those
// that cannot be read.
func entryTable(w io.Writer, entries []Entry) error {
	columns := []texttable.Column{{Name: "domain", Text: true, Wrap: true, Key: true}, {Name: "source", Text: true}, {Name: "kind", Text: true}, {Name: "scope", Text: true},
		{Name: "readable", Text: true}, {Name: "in the sum", Text: true}, {Name: "read every"}, {Name: "call p50"}, {Name: "limit"}, {Name: "device", Text: true, Wrap: true, Break: true}}
	var rows [][]string
	for _, e := range entries {
		if !e.Readable {
			rows = append(rows, []string{dash(e.Domain), e.Source, "-", "-", "no", "no", "-", "-", "-", ""})
			continue
		}
		limit := "-"
		if e.Limit > 0 {
			limit = e.Limit.String()
		}
		rows = append(rows, []string{e.Domain, e.Source, string(e.Kind), string(e.Scope), "yes", yesNo(e.Summed), brief(e.Poll).String(), brief(e.CallP50).String(), limit, e.Device})
	}
	return texttable.Write(w, columns, rows)
}

// reasonLines says what there is to know of the entries: each reason once, with
// the domains that it holds for and its remedy. Reasons of one remedy that differ
// in nothing but the number of the part are one, said of the first.
func reasonLines(entries []Entry) string {
	type word struct{ source, reason, remedy string }
	type said struct {
		reason            string
		domains, likewise []string
	}
	var order []word
	all := map[word]*said{}
	for _, e := range entries {
		if e.Reason == "" {
			continue
		}
		k := word{e.Source, meter.Unnumbered(e.Reason), e.Remedy}
		s, ok := all[k]
		if !ok {
			s = &said{reason: e.Reason}
			all[k], order = s, append(order, k)
		}
		switch {
		case e.Domain == "":
		case e.Reason == s.reason:
			s.domains = append(s.domains, e.Domain)
		default:
			s.likewise = append(s.likewise, e.Domain)
		}
	}
	var b strings.Builder
	for _, k := range order {
		s := all[k]
		name := strings.TrimSpace(k.source + " " + strings.Join(s.domains, ", "))
		fmt.Fprintf(&b, "\n%s: %s\n", name, s.reason)
		if len(s.likewise) > 0 {
			fmt.Fprintf(&b, "  likewise %s\n", strings.Join(s.likewise, ", "))
		}
		if k.remedy != "" {
			fmt.Fprintf(&b, "  remedy: %s\n", k.remedy)
		}
	}
	return b.String()
}

// calibrationTable prints what calibration measured of each domain.
func calibrationTable(w io.Writer, entries []Entry) error {
	columns := []texttable.Column{{Name: "domain", Text: true, Wrap: true}, {Name: "reads"}, {Name: "updates"}, {Name: "update period p50"}, {Name: "p5"}, {Name: "p95"},
		{Name: "call p50"}, {Name: "call p99"}, {Name: "counter/power"}}
	var rows [][]string
	var doubts strings.Builder
	for _, e := range entries {
		c := e.Calibration
		if c == nil {
			continue
		}
		period, p5, p95 := "faster than read", "-", "-"
		switch {
		case c.Updates == 0:
			period = "no change"
		case c.UpdatePeriod > 0:
			period, p5, p95 = brief(c.UpdatePeriod).String(), brief(c.UpdateP5).String(), brief(c.UpdateP95).String()
		}
		ratio := "-"
		if c.CounterToPower > 0 {
			ratio = fmt.Sprintf("%.3f", c.CounterToPower)
		}
		rows = append(rows, []string{e.Domain, fmt.Sprint(c.Reads), fmt.Sprint(c.Updates), period, p5, p95, brief(c.CallP50).String(), brief(c.CallP99).String(), ratio})
		for _, doubt := range c.Warnings {
			fmt.Fprintf(&doubts, "\n%s: warning: %s\n", e.Domain, doubt)
		}
	}
	fmt.Fprintln(w)
	if err := texttable.Write(w, columns, rows); err != nil {
		return err
	}
	_, err := io.WriteString(w, doubts.String())
	return err
}

// brief rounds d to three figures or so.
func brief(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
