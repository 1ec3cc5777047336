package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/record"
	"cfubench/results/runfolder"
	"cfubench/results/sweep"
)

const mergeHelp = `Joins the folders of cfu run --shard 1/N … N/N into one run, or the records that
cfu record left on several nodes of one command into one record.

usage: cfu merge --out DIR SHARD… [flags]
       cfu merge --out REC RECORD… [flags]

examples:
  cfu merge --out out/ shard1/ shard2/ shard3/
  cfu merge --out train/ node0/ node1/

flags:
`

// bindMerge is `cfu merge`: the shards of one run become one OUT, or the records of
// several nodes one REC.
func bindMerge(fs *pflag.FlagSet) subcommand.Action {
	out := fs.String("out", "", "Write the folder `DIR`, which must not hold a run yet.")
	var derivation derivationFlags
	derivation.bind(fs, new(runfolder.Config))
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		if *out == "" || len(operands) == 0 {
			return subcommand.Usagef("give --out DIR and the folders of the shards or the records")
		}
		records := record.IsRecord(operands[0])
		if records && fs.Changed("inventory") {
			return subcommand.Usagef("--inventory amortizes a run: a record is a stage of an inventory, {\"record\": %q}", *out)
		}
		if err := derivation.Check(); err != nil {
			return err
		}
		release, err := folder.OwnNew(*out, "cfu merge", env.Say)
		if err != nil {
			return err
		}
		defer release()
		if records {
			return mergeRecords(ctx, env, *out, operands, derivation)
		}
		merged, err := sweep.Merge(*out, operands)
		if err != nil {
			return err
		}
		return derivation.finish(ctx, env, *out, merged.Warnings)
	}
}

// mergeRecords joins the records of several nodes and prints what each used, as cfu
// record does.
func mergeRecords(ctx context.Context, env subcommand.Environment, out string, dirs []string, derivation derivationFlags) error {
	run, err := record.Merge(out, dirs)
	if err != nil {
		return err
	}
	env.WarnAll(run.Warnings)
	derivation.Warn = env.Warn
	s, last, err := derivation.Run(ctx, out)
	if err != nil {
		return err
	}
	result, err := record.Sum(out, run)
	if err != nil {
		return err
	}
	if err := result.WriteText(env.Stdout, out); err != nil {
		return fmt.Errorf("print record: %w", err)
	}
	if _, err := fmt.Fprintf(env.Stdout, "\n%s\n", last); err != nil {
		return fmt.Errorf("print record: %w", err)
	}
	return s.Validity.Err()
}
