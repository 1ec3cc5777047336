package main

import (
	"context"
	"fmt"
	"path/filepath"

	"cfubench/attribution/lca"
	"cfubench/internal/subcommand"
	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"

	"github.com/spf13/pflag"
)

// derivationFlags say how the derived tables of a run are made. cfu run and cfu
// merge share them; cfu attribute, amortize and report do the steps one by one.
type derivationFlags struct {
	config *runfolder.Config // of which the attribution and the inventory are used
	report bool
	cells  bool // print a row for each repeat
}

// bind declares the flags on fs; c takes what a run records of them.
func (f *derivationFlags) bind(fs *pflag.FlagSet, c *runfolder.Config) {
	f.config = c
	bindAttribution(fs, c)
	fs.StringVar(&c.Inventory, "inventory", "", "Amortize with this inventory: a `PRESET` (cfu amortize --list-presets) or a JSON file (default, or none: the use phase, the embodied share of hardware that is recognised, and the making of a model that is a preset's).")
	fs.BoolVar(&f.report, "report", true, "Write report.html at the end.")
	bindCells(fs, &f.cells)
}

// check refuses wrong flags and an inventory that cannot be read before
// anything is measured.
func (f derivationFlags) check() error {
	if _, err := derivation.ParseAttribution(*f.config); err != nil {
		return err
	}
	if f.config.Inventory == "" || f.config.Inventory == derivation.NoInventory {
		return nil
	}
	_, err := lca.Load(f.config.Inventory, derivation.Files{})
	return err
}

// derive is the second half of a run, which can be run again without the
// engine: joules to requests, C_FU, summary and report, from the raw tables.
// It prints the summary and returns it.
func (f derivationFlags) derive(ctx context.Context, env subcommand.Environment, out string) (summary summary.Summary, err error) {
	run, err := runfolder.ReadRun(out)
	if err != nil {
		return summary, err
	}
	boundMemory(out, run)
	options, err := derivation.ParseAttribution(*f.config)
	if err != nil {
		return summary, err
	}
	if options.Bare, err = derivation.ReadBare(out, run); err != nil {
		return summary, err
	}
	warn := func(format string, args ...any) { fmt.Fprintf(env.Stderr, "warning: "+format+"\n", args...) }
	cells, err := options.Run(ctx, out, run)
	if err != nil {
		return summary, err
	}
	for _, c := range cells {
		for _, w := range c.Warnings {
			warn("cell %s: %s", c.Cell, w)
		}
	}
	notes, err := derivation.NewAmortization(f.config.Inventory).Run(ctx, out, run, nil)
	if err != nil {
		// Without a success there is nothing to amortize; the summary says so too.
		warn("%v", err)
	}
	if n := len(notes); n > 0 {
		fmt.Fprintf(env.Stderr, "C_FU rests on %d assumptions and gaps, which footprint_notes of summary.json and the report list\n", n)
	}
	summary, last, err := f.summarize(ctx, out, run)
	if err != nil {
		return summary, err
	}
	if err := summary.WriteTable(env.Stdout, f.cells); err != nil {
		return summary, fmt.Errorf("print summary: %w", err)
	}
	_, err = fmt.Fprintf(env.Stdout, "\n%s\n", last)
	return summary, err
}

// finish ends the making of a run folder that no sweep made: it prints what is doubtful
// of it, derives the rest, and is an error where the run is invalid.
func (f derivationFlags) finish(ctx context.Context, env subcommand.Environment, out string, warnings []string) error {
	for _, w := range warnings {
		fmt.Fprintf(env.Stderr, "warning: %s\n", w)
	}
	summary, err := f.derive(ctx, env, out)
	if err != nil {
		return err
	}
	return verdictError(summary)
}

// summarize writes summary.json and, if it is asked for, report.html, and
// returns the path of the last of them.
func (f derivationFlags) summarize(ctx context.Context, out string, run runfolder.Run) (summary.Summary, string, error) {
	last, page := filepath.Join(out, runfolder.SummaryFile), ""
	if f.report {
		page = filepath.Join(out, runfolder.ReportFile)
		last = page
	}
	s, err := report.Make(ctx, out, run, page, summary.Options{Limits: summary.DefaultLimits()})
	return s, last, err
}
