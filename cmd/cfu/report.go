package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/loadgen"
	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

const reportHelp = `Writes the run in OUT as one self-contained HTML file, and its summary.json, from
the tables; prints the summary's table and the report's path. A run that is
invalid has no headline figures: exit 1.

With several folders, writes one page that says which load point of all of them to
deploy, in what the runs differ, and shows their figures in the same charts. It
refuses what cfu compare refuses, and leaves the folders as they are.

usage: cfu report OUT [OUT ...] [flags]

examples:
  cfu report out/
  cfu report out/ --slo ttft=500ms,tpot=50ms --out /tmp/report.html
  cfu report before/ after/ --slo ttft=500ms

flags:
`

// severalReport is where the page of several runs goes by default: beside none of
// them.
const severalReport = "cfu-report.html"

// bindReport is `cfu report`.
func bindReport(fs *pflag.FlagSet) subcommand.Action {
	var slo loadgen.SLO
	var out, by string
	var across []string
	var cells bool
	fs.Var(&slo, "slo", "Count goodput under `SLO`, such as ttft=500ms,tpot=50ms (default the run's own).")
	fs.StringVar(&out, "out", "", "Write the report to `FILE` (default OUT/report.html, of several runs "+severalReport+").")
	fs.StringVar(&by, "by", "", "Of several runs: rank by the least `METRIC`, such as carbon_cfu_g (default "+summary.MetricEnergyPerRequest+").")
	fs.StringSliceVar(&across, "across", nil, "Of several runs: let them differ in these `DIMENSIONS`, as cfu compare does.")
	bindCells(fs, &cells)
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		o := summary.Options{Limits: summary.DefaultLimits(), SLO: slo}
		switch {
		case len(operands) == 0:
			return subcommand.Usagef("want the folder of a run, or of several, got none")
		case len(operands) > 1:
			return reportSeveral(ctx, env, operands, cmp.Or(out, severalReport), report.SeveralOptions{Options: o, By: by, Across: across})
		case by != "" || across != nil:
			return subcommand.Usagef("--by and --across are of several runs: got one")
		}
		dir, path := operands[0], out
		if path == "" {
			path = filepath.Join(dir, runfolder.ReportFile)
		}
		if runfolder.Holds(dir, path) && filepath.Base(path) != runfolder.ReportFile {
			return subcommand.Usagef("--out %s cannot be written: it is a file of the run", path)
		}
		release, err := folder.Own(dir, "cfu report", env.Say)
		if err != nil {
			return err
		}
		defer release()
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			return err
		}
		derivation.BoundMemory(dir, run)
		s, err := report.Make(ctx, dir, run, path, o)
		if err != nil {
			return err
		}
		if err := printSummary(env, s, cells, path); err != nil {
			return err
		}
		return s.Validity.Err()
	}
}

// reportSeveral writes one page of the runs in dirs to path and prints the decision.
func reportSeveral(ctx context.Context, env subcommand.Environment, dirs []string, path string, o report.SeveralOptions) error {
	several, err := report.ReadSeveral(ctx, dirs, o)
	if err != nil {
		return err
	}
	if err := several.Choice.WriteText(env.Stdout); err != nil {
		return err
	}
	if err := several.WriteFile(path); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "\n%s\n", path)
	return several.Err()
}

// bindCells declares --cells on fs.
func bindCells(fs *pflag.FlagSet, cells *bool) {
	fs.BoolVar(cells, "cells", false, "Print a row for each repeat and window, not one for each load point.")
}
