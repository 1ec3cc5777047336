package main

import (
	"context"

	"github.com/spf13/pflag"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/runfolder"
	"cfubench/results/sweep"
)

const mergeHelp = `Joins the folders of cfu run --shard 1/N … N/N into one run.

usage: cfu merge --out DIR SHARD… [flags]

examples:
  cfu merge --out out/ shard1/ shard2/ shard3/

flags:
`

// bindMerge is `cfu merge`: the shards of one run become one OUT.
func bindMerge(fs *pflag.FlagSet) subcommand.Action {
	out := fs.String("out", "", "Write the folder `DIR`, which must not hold a run yet.")
	var derivation derivationFlags
	derivation.bind(fs, new(runfolder.Config))
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		if *out == "" || len(operands) == 0 {
			return subcommand.Usagef("give --out DIR and the shards' folders")
		}
		if err := derivation.Check(); err != nil {
			return err
		}
		release, err := folder.OwnNew(*out, "cfu merge", env.Say)
		if err != nil {
			return err
		}
		defer release()
		merged, err := sweep.Merge(*out, operands)
		if err != nil {
			return err
		}
		return derivation.finish(ctx, env, *out, merged.Warnings)
	}
}
