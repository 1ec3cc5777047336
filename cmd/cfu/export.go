package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/results/runfolder"
	"cfubench/results/tracking"
)

const exportHelp = `Writes the tables of a run as CSV: nulls are empty, lists are numbers with
spaces between, and a column cell tells the cells apart. With --to, writes in the
format of another tool: one cell to stdout, or all cells into a folder of an
experiment tracker.

usage: cfu export OUT [flags]

examples:
  cfu export out/ --table energy > energy.csv
  cfu export out/ --dir csv/                          every table that the run has
  cfu export out/ --to vllm --cell b8-c16-r1 > result.json      vLLM's bench serve, with joules
  cfu export out/ --to mlflow --dir mlruns/           a run of MLflow's file store for each cell
  cfu export out/ --to wandb-offline --dir wandb/     an offline run of W&B for each configuration

flags:
`

// bindExport is `cfu export`.
func bindExport(fs *pflag.FlagSet) subcommand.Action {
	var table, dir, to, cell, convention string
	fs.StringVar(&table, "table", "", "Print the table `NAME`: "+strings.Join(runfolder.Tables(), ", ")+".")
	fs.StringVar(&dir, "dir", "", "Write every table as a file into the folder `DIR`; with --to of a tracker, its store.")
	fs.StringVar(&to, "to", "", "Write another tool's `FORMAT`: "+subcommand.AnyOf(tracking.Benchmarks())+" prints one cell, "+subcommand.AnyOf(tracking.Trackers())+" writes all into --dir; csv goes with either.")
	fs.StringVar(&cell, "cell", "", "With --to, the `CELL` (default the run's only one).")
	fs.StringVar(&convention, "convention", "", "With --to, joules by the convention `NAME` (default the table's first).")
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		if to == "csv" && table+dir != "" {
			to = "" // what --table and --dir write
		}
		if slices.Contains(tracking.Trackers(), to) {
			if dir == "" || table+cell+convention != "" {
				return subcommand.Usagef("--to %s: want --dir, the store, and none of --table, --cell and --convention", to)
			}
			folders, err := tracking.Write(ctx, to, dir, operands[0])
			if err == nil {
				_, err = fmt.Fprintln(env.Stdout, strings.Join(folders, "\n"))
			}
			return err
		}
		given := 0
		for _, flag := range []string{table, dir, to} {
			if flag != "" {
				given++
			}
		}
		switch {
		case to == "csv":
			return subcommand.Usagef("--to csv: want --dir DIR, for every table, or --table NAME")
		case slices.Contains(tracking.Benchmarks(), to) && dir != "":
			return subcommand.Usagef("--to %s prints one cell: leave out --dir, and say which with --cell", to)
		case given != 1:
			return subcommand.Usagef("want one of --table NAME, --dir DIR and --to FORMAT")
		}
		if to == "" && cell+convention != "" {
			return subcommand.Usagef("--cell and --convention go with --to")
		}
		if to != "" && !slices.Contains(tracking.Benchmarks(), to) {
			return subcommand.Usagef("--to %q: want %s, or %s", to, subcommand.AnyOf(tracking.Benchmarks()), subcommand.AnyOf(tracking.Trackers()))
		}
		out := operands[0]
		run, err := runfolder.ReadRun(out)
		if err != nil {
			return err
		}
		if to != "" {
			return tracking.WriteBenchmark(ctx, env.Stdout, out, run, to, cell, convention)
		}
		if table != "" {
			return runfolder.ExportCSV(ctx, env.Stdout, out, run, table)
		}
		return runfolder.ExportAll(ctx, dir, out, run, func(path string) { fmt.Fprintln(env.Stdout, path) })
	}
}
