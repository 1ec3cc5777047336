package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/record"
)

const recordHelp = `Meters a command from start to end, for hours or for weeks, and writes the folder
REC: its energy by domain with bounds, idle before and after, device time, how it
ended. REC is a run folder without requests, and a stage of an inventory:
{"name": "training", "kind": "training", "record": "REC"}.

The command has cfu's input and output; signals go to it; the exit code is its
own, 128 and the signal's number where one ended it. cfu prints on stderr alone. A
command outlives a cfu that is killed: go on with --append --pid.

usage: cfu record --out REC [flags] -- CMD ARGS…
       cfu record --out REC [flags] --pid N | --until TIME
       cfu record --out REC --append              complete a record that was cut short

examples:
  cfu record --out train/ --kind training -- torchrun --nproc-per-node 8 train.py
  cfu record --out train/ --append -- torchrun --nproc-per-node 8 train.py --resume
  cfu record --out night/ --until 8h
  cfu amortize out/ --inventory stages.json

flags:
`

// recordFlags are the flags of cfu record.
type recordFlags struct {
	record.Config
	set *pflag.FlagSet
}

// bindRecord is `cfu record`.
func bindRecord(fs *pflag.FlagSet) subcommand.Action {
	f := &recordFlags{set: fs}
	fs.SetInterspersed(false) // the command's flags are its own
	subcommand.Section(fs, "what is recorded", func(fs *pflag.FlagSet) {
		fs.IntVar(&f.PID, "pid", 0, "Record process `N`, which is there, until it ends.")
		subcommand.Parsed(fs, &f.Until, "until", "", "Record until `TIME` (RFC 3339), or for a duration from the moment at which the meters are calibrated: this host, or no longer than that --pid.", func(text string) (record.Until, error) {
			return record.ParseUntil(text, time.Now())
		})
		fs.StringVar(&f.Label, "label", "", "Call the record `NAME`.")
		fs.StringVar(&f.Stage, "kind", "", "Say what `KIND` of stage it is: training, data, experimentation, evaluation or end_of_life.")
	})
	subcommand.Section(fs, "what is metered", func(fs *pflag.FlagSet) {
		fs.StringSliceVar(&f.Meter, "meter", []string{"auto"}, "Read these `METERS`: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL, redfish:URL or ptd:HOST; repeatable.")
		fs.DurationVar(&f.Idle, "idle", 2*time.Second, "Meter idle baselines of `D` before and after (0: none).")
		fs.StringVar(&f.GPUs, "gpus", "engine", "Sum these `GPUS`: engine (those that the recorded processes use), all, or a list of numbers, UUIDs, PCI addresses or MIG UUIDs.")
		bindSensors(fs, &f.Config.Config)
	})
	subcommand.Section(fs, "what is written", func(fs *pflag.FlagSet) {
		fs.StringVar(&f.Out, "out", "", "Write the folder `REC`, which must not hold a run yet.")
		fs.BoolVar(&f.Append, "append", false, "Go on with the record in --out, also after a kill or a reboot: the gap is in no figure, and is said.")
	})
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		f.Command, f.Getenv, f.Secrets = operands, env.Getenv, env.Secrets
		if f.set.Changed("pid") && f.PID == 0 {
			return subcommand.Usagef("--pid 0: want the number of a process")
		}
		if err := f.Check(); err != nil {
			return err
		}
		env.Hold()
		sayBuild(env, "record")
		release, err := folder.OwnNew(f.Out, "cfu record", env.Say)
		if err != nil {
			return err
		}
		defer release()
		f.Say = func(line string) { fmt.Fprintf(env.Stderr, "cfu record: %s\n", line) }
		return f.run(ctx, env)
	}
}

// run makes the record and says what was found.
func (f *recordFlags) run(ctx context.Context, env subcommand.Environment) error {
	make := record.Run
	if f.Completes() {
		make = record.Finish
	}
	result, err := make(ctx, f.Config)
	for _, w := range result.Run.Warnings {
		fmt.Fprintf(env.Stderr, "cfu record: warning: %s\n", w)
	}
	if err == nil {
		err = result.WriteText(env.Stderr, f.Out)
	}
	switch {
	case result.Exit != 0:
		if err != nil {
			fmt.Fprintf(env.Stderr, "cfu record: %v\n", err)
		}
		return subcommand.Exit(result.Exit)
	case err == nil && result.Interrupted:
		return errors.New("interrupted: the record ends there")
	}
	return err
}
