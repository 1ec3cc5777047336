package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/results/runfolder"
)

const exportHelp = `Writes the tables of a run as CSV: nulls are empty, lists are numbers with
spaces between, and a column cell tells the cells apart. With --to, writes in the
format of another tool: one cell to stdout, or all cells into a folder of an
experiment tracker.

usage: cfu export OUT [flags]

examples:
  cfu export out/ --table energy > energy.csv
  cfu export out/ --dir csv/                 every table that the run has
  cfu export out/ --to vllm --cell b8-c16-r1 > result.json    as vLLM's bench serve has it, with joules
  cfu export out/ --to mlflow --dir mlruns/                   a run of MLflow's file store for each cell
  cfu export out/ --to wandb-offline --dir wandb/             an offline run of W&B for each configuration

flags:
`

// bindExport is `cfu export`.
func bindExport(fs *pflag.FlagSet) action {
	var table, dir, to, cell, convention string
	fs.StringVar(&table, "table", "", "Print the table `NAME`: "+strings.Join(runfolder.Tables(), ", ")+".")
	fs.StringVar(&dir, "dir", "", "Write every table as a file into the folder `DIR`; with --to of a tracker, its store.")
	fs.StringVar(&to, "to", "", "Write another tool's `FORMAT`: "+exportForms+" prints one cell, "+trackers+" writes all into --dir.")
	fs.StringVar(&cell, "cell", "", "With --to, the `CELL` (default the run's only one).")
	fs.StringVar(&convention, "convention", "", "With --to, joules by the convention `NAME` (default the table's first).")
	return func(ctx context.Context, env environment, operands []string) error {
		if to == "mlflow" || to == "wandb-offline" {
			if dir == "" || table+cell+convention != "" {
				return usagef("--to %s: want --dir, the store, and none of --table, --cell and --convention", to)
			}
			return exportTracked(ctx, env.stdout, to, dir, operands[0])
		}
		given := 0
		for _, flag := range []string{table, dir, to} {
			if flag != "" {
				given++
			}
		}
		if given != 1 {
			return usagef("want one of --table NAME, --dir DIR and --to FORMAT")
		}
		if to == "" && cell+convention != "" {
			return usagef("--cell and --convention go with --to")
		}
		if to != "" && to != "vllm" && to != "aiperf" {
			return usagef("--to %q: want %s, or %s", to, exportForms, trackers)
		}
		out := operands[0]
		run, err := runfolder.ReadRun(out)
		if err != nil {
			return err
		}
		if to != "" {
			return exportTool(ctx, env.stdout, out, run, to, cell, convention)
		}
		if table != "" {
			return runfolder.ExportCSV(ctx, env.stdout, out, run, table)
		}
		return exportAll(ctx, env, dir, out, run)
	}
}

// exportAll writes every table that the run has into dir and prints the paths.
func exportAll(ctx context.Context, env environment, dir, out string, run runfolder.Run) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	for _, name := range runfolder.Tables() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted before table %s: %w", name, err)
		}
		paths, _, err := runfolder.TablePaths(out, run, name)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			continue
		}
		if err := exportTo(ctx, filepath.Join(dir, name+".csv"), out, run, name); err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, filepath.Join(dir, name+".csv"))
	}
	return nil
}

// exportTo writes one table to a file.
func exportTo(ctx context.Context, path, out string, run runfolder.Run, table string) error {
	f, err := runfolder.Create(path)
	if err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	err = runfolder.ExportCSV(ctx, f, out, run, table)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write %s: %w", path, closeErr)
	}
	return err
}
