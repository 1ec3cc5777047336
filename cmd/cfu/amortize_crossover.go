package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/attribution/lca/report"
	"cfubench/internal/subcommand"
)

// runCrossover compares designs over their usage and prints where one overtakes
// another.
func (f *amortizeFlags) runCrossover(ctx context.Context, env subcommand.Environment, designs []string) error {
	var list []lca.Assessment
	for _, design := range designs {
		a, err := f.Amortization.Design(ctx, design, f.drawn())
		if err != nil {
			return wrongChoice(fmt.Errorf("design %q: %w", design, err))
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
		fmt.Fprintf(env.Stderr, "warning: %s\n", w)
	}
	if f.figure != "" {
		if err := writeFile(f.figure, func(w io.Writer) error { return figure.Crossover(w, list, r, f.drawn()) }); err != nil {
			return err
		}
	}
	if f.format.Is("csv") {
		return report.CrossoverCSV(env.Stdout, r)
	}
	return report.Crossover(env.Stdout, r)
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
	draws := report.NewDrawsCSV(buffer, designs)
	return draws.Add, func() error {
		for _, err := range []error{draws.Close(), buffer.Flush(), file.Close()} {
			if err != nil {
				return fmt.Errorf("write %s: %w", f.draws, err)
			}
		}
		return nil
	}, nil
}
