package summary

import (
	"fmt"
	"io"
	"slices"

	"cfubench/internal/prose"
	"cfubench/internal/texttable"
	"cfubench/meter"
	"cfubench/results/derivation"
)

// WriteAttribution prints what dividing the energy of cells gave: the closed sums, the
// costs of steps, and what the conventions disagree on.
func WriteAttribution(w io.Writer, cells []derivation.Attributed) error {
	columns := []texttable.Column{
		{Name: "cell", Text: true}, {Name: "domain", Text: true}, {Name: "convention", Text: true}, {Name: "method", Text: true},
		{Name: "requests", Unit: "J"}, {Name: "idle", Unit: "J", Beside: true}, {Name: "unattributed", Unit: "J", Beside: true}, {Name: "counter", Unit: "J", Beside: true},
		{Name: "median", Unit: "J/req"},
	}
	var rows [][]texttable.Cell
	for _, c := range cells {
		for _, e := range append(sumsOf(c), c.Divisions...) {
			if e.Refused != "" {
				continue
			}
			row := []texttable.Cell{texttable.Words(c.Cell), texttable.Words(e.Domain), texttable.Words(string(e.Convention)), texttable.Words(string(e.Method))}
			for _, j := range []meter.Energy{e.Requests, e.Idle, e.Unattributed, e.Counter, e.Median} {
				row = append(row, texttable.Figures(joulesOf(j)))
			}
			rows = append(rows, row)
		}
	}
	columns, texts := texttable.Lay(columns, rows)
	if err := texttable.Write(w, columns, texts); err != nil {
		return err
	}
	return prose.Write(w, func(w io.Writer) error {
		writeFindings(w, cells)
		return nil
	})
}

// sumsOf are a cell's divisions by each convention, summed over the domains that
// count, where these are several and the convention divides them all. A median of the
// sum is not told by those of the domains: it is Unbounded.
func sumsOf(c derivation.Attributed) (sums []derivation.Division) {
	counts := map[string]bool{}
	for _, d := range c.Energy.Domains {
		if d.Summed {
			counts[d.Name] = true
		}
	}
	if len(counts) < 2 {
		return nil
	}
	parts := map[string]int{}
	for _, e := range c.Divisions {
		if !counts[e.Domain] || e.Refused != "" {
			continue
		}
		k := slices.IndexFunc(sums, func(s derivation.Division) bool { return s.Convention == e.Convention })
		if k < 0 {
			k = len(sums)
			sums = append(sums, derivation.Division{Domain: derivation.SumOf(len(counts)), Convention: e.Convention, Method: meter.Kind(c.Energy.Kind), Median: meter.Unbounded})
		}
		s := &sums[k]
		s.Requests, s.Idle, s.Unattributed, s.Counter = s.Requests+e.Requests, s.Idle+e.Idle, s.Unattributed+e.Unattributed, s.Counter+e.Counter
		parts[e.Convention]++
	}
	return slices.DeleteFunc(sums, func(s derivation.Division) bool { return parts[s.Convention] < len(counts) })
}

// writeFindings prints what there is to know of the divisions, a line for each.
func writeFindings(w io.Writer, cells []derivation.Attributed) {
	unsized := false
	for _, c := range cells {
		for _, e := range c.Windows {
			fmt.Fprintf(w, "%s %v\n", c.Cell, e)
		}
		for _, r := range c.Roles {
			fmt.Fprintf(w, "%s %v\n", c.Cell, r)
		}
		if c.CacheShare != nil {
			fmt.Fprintf(w, "%s cache: %v\n", c.Cell, c.CacheShare)
		}
		for _, costs := range c.Costs {
			fmt.Fprintf(w, "%s %s step costs: %v\n", c.Cell, costs.Domain, costs)
		}
		for _, r := range c.Rooflines {
			fmt.Fprintf(w, "%s %s against the model's size: %v\n", c.Cell, r.Domain, r)
		}
		unsized = unsized || len(c.Costs) > 0 && len(c.Rooflines) == 0
		for _, check := range c.CrossChecks {
			fmt.Fprintf(w, "%s cross-check %v\n", c.Cell, check)
		}
		for _, s := range c.Spread {
			fmt.Fprintf(w, "%s %s: conventions differ by %.0f %% on the median request, %.0f %% at most; the convention changes the ranking of %.0f %% of %d request pairs\n",
				c.Cell, s.Domain, 100*s.Median, 100*s.Max, 100*float64(s.Convention)/float64(max(s.Pairs, 1)), s.Pairs)
		}
	}
	if unsized {
		fmt.Fprintln(w, "the server does not tell the model's size: --model-parameters N --weight-bytes B compare the step costs with it")
	}
}
