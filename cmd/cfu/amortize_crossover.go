package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/results/derivation"
)

// runCrossover compares designs over their usage and prints where one overtakes
// another.
func (f *amortizeFlags) runCrossover(ctx context.Context, env environment, designs []string) error {
	var list []lca.Assessment
	for _, design := range designs {
		a, err := f.design(ctx, design)
		if err != nil {
			return fmt.Errorf("design %q: %w", design, err)
		}
		a.Options.Draws = f.Options.Draws
		list = append(list, a)
	}
	unit := lca.PerRequest
	if len(f.Options.FunctionalUnits) > 0 {
		unit = f.Options.FunctionalUnits[0]
	}
	each, done, err := f.exportDraws(designs)
	if err != nil {
		return err
	}
	r, err := lca.Compare(ctx, list, unit, f.Options.LifetimeInferences, each)
	if closeErr := done(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	for _, w := range append(r.Warnings, lca.Warnings(list)...) {
		fmt.Fprintf(env.stderr, "warning: %s\n", w)
	}
	if f.figure != "" {
		if err := writeFile(f.figure, func(w io.Writer) error { return figure.Crossover(w, list, r, f.drawn()) }); err != nil {
			return err
		}
	}
	if f.format.is("csv") {
		return crossoverCSV(env.stdout, r)
	}
	return crossoverTable(env.stdout, r)
}

// design assesses one design: MODEL@RATE of the published table, or a run folder
// with #CELL, the cell with the least marginal carbon without one; =INVENTORY
// behind it replaces --inventory.
func (f *amortizeFlags) design(ctx context.Context, text string) (lca.Assessment, error) {
	m := f.Amortization
	if design, inventory, ok := strings.Cut(text, "="); ok {
		text, m.Inventory = design, inventory
	}
	m.Options.Draws = 0 // the designs are drawn together afterwards
	m.Options.LifetimeInferences = 0
	if _, err := os.Stat(text); err != nil && strings.Contains(text, "@") {
		return publishedDesign(ctx, m, text)
	}
	dir, cell, _ := strings.Cut(text, "#")
	assessments, err := m.Assess(ctx, dir)
	if err != nil {
		return lca.Assessment{}, err
	}
	if cell == "" {
		best := slices.MinFunc(assessments, func(a, b lca.Assessment) int {
			c := f.drawn()
			if x, y := a.Balance(c).Marginal(), b.Balance(c).Marginal(); x < y {
				return -1
			} else if x > y {
				return 1
			}
			return 0
		})
		cell = best.Usage.Cell
	}
	i := slices.IndexFunc(assessments, func(a lca.Assessment) bool { return a.Usage.Cell == cell })
	if i < 0 {
		return lca.Assessment{}, fmt.Errorf("the run has no assessed cell %s", cell)
	}
	assessments[i].Usage.Cell = dir + "#" + cell
	return assessments[i], nil
}

// publishedDesign assesses a row of the published table.
func publishedDesign(ctx context.Context, m derivation.Amortization, text string) (lca.Assessment, error) {
	at := strings.LastIndex(text, "@")
	name, rate := strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
	if m.Inventory == "" {
		m.Inventory = lca.DefaultPreset
	}
	inv, err := lca.Load(m.Inventory, derivation.Files{})
	if err != nil {
		return lca.Assessment{}, err
	}
	models, err := publishedModels([]string{name}, inv)
	if err != nil {
		return lca.Assessment{}, err
	}
	list, err := lca.AssessPublished(ctx, inv, models, m.Options)
	if err != nil {
		return lca.Assessment{}, err
	}
	for _, a := range list {
		if a.Run.Rate == rate {
			return a, nil
		}
	}
	return lca.Assessment{}, usagef("%s has no published run at rate %q", name, rate)
}

// exportDraws gives what writes every draw to the file that was asked for, and
// what completes it.
func (f *amortizeFlags) exportDraws(designs []string) (each func(int, int, lca.Category, lca.Curve) error, done func() error, err error) {
	if f.draws == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Create(f.draws)
	if err != nil {
		return nil, nil, fmt.Errorf("write %s: %w", f.draws, err)
	}
	buffer := bufio.NewWriter(file)
	out := csv.NewWriter(buffer)
	out.Write([]string{"draw", "design", "category", "upfront", "marginal"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	each = func(draw, design int, c lca.Category, v lca.Curve) error {
		return out.Write([]string{strconv.Itoa(draw), designs[design], string(c), number(v.Upfront), number(v.Marginal)})
	}
	return each, func() error {
		out.Flush()
		for _, err := range []error{out.Error(), buffer.Flush(), file.Close()} {
			if err != nil {
				return fmt.Errorf("write %s: %w", f.draws, err)
			}
		}
		return nil
	}, nil
}

// crossoverTable prints the comparison for people.
func crossoverTable(w io.Writer, r lca.Comparison) error {
	fmt.Fprintf(w, "%s of %s: difference at %s %ss, and usage at which one overtakes the other (%d paired draws)\n\n", "C_FU", strings.Join(r.Designs, ", "), lca.Count(r.Usage), r.FunctionalUnit, r.Draws)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "category\tcheaper when rarely used\tcheaper when much used\tfrom\t95 % interval\tcrosses in\tdifference\t95 % interval")
	for _, x := range r.Crossings {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s to %s\t%.0f %%\t%s\t%s to %s\n", x.Category.Title(), x.First, x.Second, lca.Count(x.Usage), lca.Count(x.Lo), lca.Count(x.Hi),
			100*x.Probability, x.Difference.Readable(), x.DifferenceLo.Readable(), x.DifferenceHi.Readable())
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ncost per %s at %s, and how often each is the least\n", r.FunctionalUnit, lca.Count(r.Usage))
	for _, b := range r.Best {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%.1f %%\n", b.Category.Title(), b.Design, b.Value.Readable(), 100*b.Probability)
	}
	return tw.Flush()
}

// crossoverCSV prints the crossings.
func crossoverCSV(w io.Writer, r lca.Comparison) error {
	out := csv.NewWriter(w)
	out.Write([]string{"category", "unit", "functional_unit", "first", "second", "usage", "usage_lo", "usage_hi", "probability", "at_usage", "difference", "difference_lo", "difference_hi"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, x := range r.Crossings {
		unit := x.Category.Unit()
		if x.Category == lca.Cost {
			unit = x.Difference.Currency
		}
		out.Write([]string{string(x.Category), unit, r.FunctionalUnit, x.First, x.Second, number(x.Usage), number(x.Lo), number(x.Hi), number(x.Probability),
			number(r.Usage), number(x.Difference.Value), number(x.DifferenceLo.Value), number(x.DifferenceHi.Value)})
	}
	out.Flush()
	return out.Error()
}
