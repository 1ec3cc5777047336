package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"cfubench/internal/cpulist"
	"cfubench/internal/subcommand"
	"cfubench/loadgen"
	"cfubench/loadgen/mock"
)

const selftestHelp = `usage: cfu selftest [flags]

Compares the client's timestamps with those of a mock server that runs in its own
process on its own CPU. Exits with 1, and names the bound, if any bound is exceeded.

examples:
  cfu selftest --streams 64
  cfu selftest --streams 256 --tokens-per-second 50 --format json

flags:
`

// selftestFlags are the flags of cfu selftest.
type selftestFlags struct {
	options loadgen.SelfTestOptions
	cpus    string
	format  *subcommand.Format
}

// bindSelftest is `cfu selftest`.
func bindSelftest(fs *pflag.FlagSet) subcommand.Action {
	var f selftestFlags
	f.bind(fs)
	return f.run
}

// bind declares the flags on fs.
func (f *selftestFlags) bind(fs *pflag.FlagSet) {
	o := &f.options
	o.Bounds = loadgen.DefaultBounds()
	bounds := &o.Bounds
	fs.IntVar(&o.Streams, "streams", 64, "Keep `N` streams open at a time.")
	fs.Float64Var(&o.TokensPerSecond, "tokens-per-second", 50, "Pace each stream at `R` tokens/s.")
	fs.IntVar(&o.Tokens, "tokens", 64, "Stream `N` tokens an answer.")
	fs.IntVar(&o.Rounds, "rounds", 4, "Make `N` requests for each stream.")
	fs.Float64Var(&o.Rate, "rate", 50, "Measure the schedule's lateness at `R` requests/s.")
	fs.IntVar(&o.ScheduleRequests, "schedule-requests", 100, "Send `N` requests on that schedule.")
	fs.DurationVar(&bounds.TTFTErrorMean, "bound-ttft-mean", bounds.TTFTErrorMean, "Accept a mean TTFT error up to `D`.")
	fs.DurationVar(&bounds.TTFTErrorP99, "bound-ttft-p99", bounds.TTFTErrorP99, "Accept a p99 TTFT error up to `D`.")
	fs.DurationVar(&bounds.GapErrorMean, "bound-gap-mean", bounds.GapErrorMean, "Accept a mean error of the gaps between tokens up to `D`.")
	fs.DurationVar(&bounds.LatenessP99, "bound-lateness-p99", bounds.LatenessP99, "Accept a p99 lateness up to `D`.")
	fs.StringVar(&f.cpus, "client-cpus", "", "Run the client on the CPUs in `LIST`, such as 0,2-5.")
	f.format = subcommand.BindFormat(fs, "Print the result", "text", "json")
}

// run measures the client and prints the result.
func (f *selftestFlags) run(ctx context.Context, env subcommand.Environment, _ []string) error {
	o := f.options
	if err := o.Check(); err != nil {
		return subcommand.Usagef("%w", err)
	}
	if f.cpus != "" {
		if _, err := cpulist.Parse(f.cpus); err != nil {
			return subcommand.Usagef("--client-cpus: %w", err)
		}
		if err := loadgen.PinCPUs(f.cpus); err != nil {
			return err
		}
	}
	env.Hold()
	for _, problem := range loadgen.CheckLimits(o.Streams) {
		fmt.Fprintf(env.Stderr, "cfu selftest: warning: %s\n", problem)
	}
	result, err := loadgen.RunSelfTest(ctx, o)
	if err != nil {
		return err
	}
	if f.format.Is("json") {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(result)
	} else {
		err = result.WriteText(env.Stdout)
	}
	if err != nil {
		return err
	}
	for _, w := range result.Warnings {
		fmt.Fprintf(env.Stderr, "cfu selftest: warning: %s\n", w)
	}
	if !result.Valid {
		return errors.New("the client exceeds its bounds here: use fewer streams, a faster or a quieter host, or wider bounds")
	}
	return nil
}

// bindMock is the mock server's side of the self-test; no user calls it.
func bindMock(*pflag.FlagSet) subcommand.Action {
	return func(ctx context.Context, env subcommand.Environment, _ []string) error {
		env.Hold()
		return mock.Process(ctx, os.Stdin, env.Stdout)
	}
}
