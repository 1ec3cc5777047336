package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/loadgen"
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
			return reportSeveral(ctx, env, operands, cmp.Or(out, severalReport), o, by, across)
		case by != "" || across != nil:
			return subcommand.Usagef("--by and --across are of several runs: got one")
		}
		dir, path := operands[0], out
		if path == "" {
			path = filepath.Join(dir, runfolder.ReportFile)
		}
		release, err := ownRun(env, dir, "report")
		if err != nil {
			return err
		}
		defer release()
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			return err
		}
		boundMemory(dir, run)
		s, err := report.Make(ctx, dir, run, path, o)
		if err != nil {
			return err
		}
		if err := s.WriteTable(env.Stdout, cells); err != nil {
			return fmt.Errorf("print summary: %w", err)
		}
		fmt.Fprintf(env.Stdout, "\n%s\n", path)
		return verdictError(s)
	}
}

// bindCells declares --cells on fs.
func bindCells(fs *pflag.FlagSet, cells *bool) {
	fs.BoolVar(cells, "cells", false, "Print a row for each repeat and window, not one for each load point.")
}

// verdictError is the error of an invalid run, nil for any other.
func verdictError(s summary.Summary) error {
	if s.Validity.Valid() {
		return nil
	}
	// Only what makes it so: the doubts are in the table and in summary.json.
	var why []string
	for _, r := range s.Validity.Reasons {
		if r.Invalid {
			why = append(why, fmt.Sprintf("%s (%s)", r.Text, r.Code))
		}
	}
	return fmt.Errorf("the run is invalid: %s", strings.Join(why, "; "))
}
