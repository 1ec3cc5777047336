package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// derivationFlags say how the derived tables of a run are made. cfu run and cfu
// merge share them; cfu attribute, amortize and report do the steps one by one.
type derivationFlags struct {
	report.Derivation
	cells bool // print a row for each repeat
}

// bind declares the flags on fs; c takes what a run records of them.
func (f *derivationFlags) bind(fs *pflag.FlagSet, c *runfolder.Config) {
	f.Config = c
	bindAttribution(fs, c)
	fs.StringVar(&c.Inventory, "inventory", "", "Amortize with this inventory: a `PRESET` (cfu amortize --list-presets) or a JSON file (default, or none: the use phase, the embodied share of hardware that is recognised, and the making of a model that is a preset's).")
	fs.BoolVar(&f.Page, "report", true, "Write report.html at the end.")
	bindCells(fs, &f.cells)
}

// derive derives the rest of the run in out, and prints and returns its summary.
func (f derivationFlags) derive(ctx context.Context, env subcommand.Environment, out string) (summary.Summary, error) {
	f.Warn = env.Warn
	f.Note = func(n int) {
		env.Say("C_FU rests on %d assumptions and gaps, which footprint_notes of summary.json and the report list", n)
	}
	s, last, err := f.Run(ctx, out)
	if err != nil {
		return s, err
	}
	return s, printSummary(env, s, f.cells, last)
}

// printSummary prints the table of a summary, and the path of what was written last.
func printSummary(env subcommand.Environment, s summary.Summary, cells bool, last string) error {
	if err := s.WriteTable(env.Stdout, cells); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	_, err := fmt.Fprintf(env.Stdout, "\n%s\n", last)
	return err
}

// finish ends the making of a run folder that no sweep made: it prints what is doubtful
// of it, derives the rest, and is an error where the run is invalid.
func (f derivationFlags) finish(ctx context.Context, env subcommand.Environment, out string, warnings []string) error {
	env.WarnAll(warnings)
	s, err := f.derive(ctx, env, out)
	if err != nil {
		return err
	}
	return s.Validity.Err()
}
