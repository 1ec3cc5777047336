package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// Summary prints C_FU as a table, one line per cell, functional unit and
// category, then the break-even points and the terms that matter. If no
// functional units were asked for, only requests and what an evaluation counted
// are shown; the footprint table has the others.
func Summary(w io.Writer, list []lca.Assessment) error {
	if len(list) == 0 {
		return fmt.Errorf("print summary: nothing was assessed")
	}
	first := list[0]
	fmt.Fprintf(w, "C_FU by inventory %s (%s); ", first.Inventory.Name, first.Inventory.File)
	if lifetime := first.Inventory.LifetimeInferences; outside(&first.Inventory) {
		fmt.Fprint(w, "training and experimentation are outside, for want of figures\n\n")
	} else {
		n, of := first.Inventory.Lifetime()
		fmt.Fprintf(w, "training spread over %s %ss (%s)\n\n", lca.Count(n), strings.ReplaceAll(string(of), "_", " "), lifetime.Quality)
	}
	kinds, hidden := kindsOf(list), false
	asked := len(first.Options.FunctionalUnits)+len(first.Options.Custom) > 0
	interval := "bracket"
	if first.Options.Draws > 0 {
		interval = "95 % interval"
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "cell\tper\tcategory\t%s\tC_FU\t%s\tenergy\n", strings.Join(titles(kinds), "\t"), interval)
	for i := range list {
		a := &list[i]
		// Cost without the hardware's price would be a headline two orders of
		// magnitude too low.
		_, priced := a.Outcome(lca.Cost, lca.Embodied)
		partial := !priced && len(a.Options.Categories) == 0
		for _, t := range impacts(a, kinds) {
			isOutcome := slices.ContainsFunc(a.Usage.Outcomes, func(o lca.OutcomeCount) bool { return o.Name == t.Unit })
			if !asked && !isOutcome && t.Unit != string(lca.PerRequest) {
				continue
			}
			for _, r := range t.Rows {
				if partial && r.Category == lca.Cost.Title() {
					hidden = true
					continue
				}
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Usage.Cell, t.Unit, r.Category, strings.Join(r.Stages, "\t"), r.Total, r.Interval, kind(a))
			}
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if hidden {
		fmt.Fprintln(w, "\ncost is that of electricity alone, for the hardware has no price: --category cost prints it")
	}
	if err := summarizeBreakEven(w, list); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nsignificant issues (a tenth of the total or more)")
	tw = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i := range list {
		lines := issues(&list[i])
		for start := 0; start < len(lines); {
			end := start
			var terms []string
			for ; end < len(lines) && lines[end].Category == lines[start].Category; end++ {
				terms = append(terms, lines[end].Term+" "+lines[end].Share)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\n", lines[start].Cell, lines[start].Category, strings.Join(terms, ", "))
			start = end
		}
	}
	return tw.Flush()
}

// summarizeBreakEven prints the break-even points in carbon, or in the first
// category there is, beside the published ones where there are any.
func summarizeBreakEven(w io.Writer, list []lca.Assessment) error {
	category := lca.GWP
	if assessed := list[0].Assessed(); !slices.Contains(assessed, category) {
		category = assessed[0]
	}
	published := slices.ContainsFunc(list, func(a lca.Assessment) bool { return a.Run != nil })
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	rows := 0
	for i := range list {
		a := &list[i]
		for k, l := range breakEvens(a) {
			b := a.BreakEven[k]
			if b.Category != category {
				continue
			}
			if rows++; rows == 1 {
				fmt.Fprintf(w, "\nrequests at which inference has cost as much as what came before it (%s)\n", category.Title())
				fmt.Fprint(tw, "cell\tcompared\trequests\t95 % interval\tenergy")
				if published {
					fmt.Fprint(tw, "\tpublished")
				}
				fmt.Fprintln(tw)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s", l.Cell, l.Compared, l.Requests, l.Interval, kind(a))
			if published {
				printed := "–"
				if b.UpfrontTerms == "training" && a.Run != nil && a.Run.BreakEven != nil {
					printed = lca.Count(a.Run.BreakEven.Canonical())
				}
				fmt.Fprintf(tw, "\t%s", printed)
			}
			fmt.Fprintln(tw)
		}
	}
	return tw.Flush()
}

// outside reports whether the inventory has nothing to spread over requests.
func outside(inv *lca.Inventory) bool {
	return !slices.ContainsFunc(inv.Upfront, func(p lca.Process) bool { return p.Kind != lca.Service })
}

// kind is how the energy is known.
func kind(a *lca.Assessment) meter.Kind {
	if a.Usage.EnergyKind == "" {
		return "published"
	}
	return a.Usage.EnergyKind
}

func titles(kinds []lca.Stage) []string {
	var names []string
	for _, kind := range kinds {
		names = append(names, strings.ReplaceAll(string(kind), "_", " "))
	}
	return names
}
