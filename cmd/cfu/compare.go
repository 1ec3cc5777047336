package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/stats"
	"cfubench/internal/subcommand"
	"cfubench/loadgen"
	"cfubench/results/comparison"
	"cfubench/results/summary"
)

const compareHelp = `Says which configuration to deploy: ranks the load points of one run or several by
energy per request (--by), under the SLO, with intervals and the probability that
each is the best. Then compares every metric of two or more runs with the first
run's: the difference with its interval and p-value, "~" before one that is not significant.
Refuses runs that differ in model, trace, kind of meter, metered boundary or cached
prompt tokens, unless --across names the difference.

usage: cfu compare A [B ...] [flags]

where A, B are
  OUT            a run: its load points are aligned by batch and load
  OUT:b8-c16     one load point, all its repeats
  OUT:b8-c16-r1  one cell (or its folder, OUT/cells/b8-c16-r1)

examples:
  cfu compare before/ after/
  cfu compare llamacpp/ vllm/ --across engine --format csv
  cfu compare out:b1-c8 out:b8-c8 --across load --metric energy_per_request_j

flags:
`

// compareFlags are the flags of cfu compare.
type compareFlags struct {
	set             *pflag.FlagSet
	across, metrics []string
	test            string
	format          *subcommand.Format
	slo             loadgen.SLO
	by              string
	pairBy          string
	share           float64
}

// bindCompare is `cfu compare`.
func bindCompare(fs *pflag.FlagSet) subcommand.Action {
	f := compareFlags{set: fs}
	fs.StringSliceVar(&f.across, "across", nil, "Differ on purpose in these `DIMENSIONS`: model, trace, meter, boundary, inventory, engine, host, lengths, api, client, self-test, cache, load.")
	fs.StringSliceVar(&f.metrics, "metric", nil, "Compare only the metrics `NAMES`.")
	fs.StringVar(&f.by, "by", summary.MetricEnergyPerRequest, "Rank by the least `METRIC`, such as carbon_cfu_g or energy_per_output_token_j.")
	fs.StringVar(&f.pairBy, "pair-by", "", "Hold values of one round of a run against each other, whose drift cancels, by `WHAT`: repeat (of --order interleaved or random) or block (of an imported log).")
	fs.Float64Var(&f.share, "slo-share", 0.99, "Choose only what keeps the SLO for a share `P` of the requests.")
	fs.StringVar(&f.test, "test", string(stats.Welch), "Test with `NAME`: welch or mann-whitney.")
	fs.Var(&f.slo, "slo", "Count goodput under `SLO`, such as ttft=500ms,tpot=50ms (default each run's own).")
	f.format = subcommand.BindFormat(fs, "Print", "text", "csv")
	return f.run
}

// run compares the operands with the first of them.
func (f *compareFlags) run(ctx context.Context, env subcommand.Environment, operands []string) error {
	if len(operands) < 1 {
		return subcommand.Usagef("want a run or more, got none")
	}
	for _, flag := range []string{"format", "across", "metric", "test"} {
		if len(operands) == 1 && f.set.Changed(flag) && (flag != "format" || f.format.Is("csv")) {
			return subcommand.Usagef("--%s is of differences: want two runs or more", flag)
		}
	}
	if !(f.share > 0 && f.share <= 1) {
		return subcommand.Usagef("--slo-share %g: want a share above 0 and at most 1", f.share)
	}
	how := comparison.ChooseOptions{Metric: f.by, PairBy: f.pairBy, Share: f.share, Seed: 1}
	if err := how.Check(); err != nil {
		return subcommand.UsageError{Err: err}
	}
	o := comparison.Options{Metrics: f.metrics, Across: f.across}
	var err error
	if o.Test, err = stats.ParseTest(f.test); err != nil {
		return subcommand.Usagef("--test: %w", err)
	}
	if err := o.Check(); err != nil {
		return subcommand.UsageError{Err: err}
	}
	subjects, err := comparison.LoadAll(ctx, operands, summary.Options{Limits: summary.DefaultLimits(), SLO: f.slo})
	if err != nil {
		return err
	}
	if err := how.CheckPairs(subjects); err != nil {
		return subcommand.UsageError{Err: err}
	}
	if len(subjects) == 1 {
		return choose(env.Stdout, subjects, how)
	}
	table, err := comparison.Compare(subjects[0], subjects[1:], o) // refuses what cannot be compared
	if err != nil {
		return err
	}
	if f.format.Is("csv") {
		if len(table.Rows) == 0 {
			return errors.New(strings.Join(table.Warnings, "; "))
		}
		return table.WriteCSV(env.Stdout)
	}
	if err := choose(env.Stdout, subjects, how); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout)
	if differences := comparison.Differences(subjects); len(differences) > 0 {
		if err := comparison.WriteDifferences(env.Stdout, differences); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout)
	}
	return table.WriteText(env.Stdout)
}

// choose prints the decision among the subjects' load points.
func choose(w io.Writer, subjects []comparison.Subject, how comparison.ChooseOptions) error {
	choice, err := comparison.Choose(subjects, how)
	if err != nil {
		return err
	}
	return choice.WriteText(w)
}
