package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/results/check"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

const checkHelp = `Checks the run in OUT against itself: that its tables are those that were
written, whole and with the columns that they should have; that the rows of
every convention sum to the energy of the cell; that summary and footprint
say the same as the tables; and that run.json has no strange keys. Prints a line
for each thing that is wrong; exit 1 if there is one. It changes nothing.

usage: cfu check OUT [flags]

examples:
  cfu check out/
  cfu check out/ --format json | jq .findings

flags:
`

// bindCheck is `cfu check`.
func bindCheck(fs *pflag.FlagSet) subcommand.Action {
	as := subcommand.BindFormat(fs, "Print", "text", "json")
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		run, err := runfolder.ReadRun(operands[0])
		if err != nil {
			return err
		}
		derivation.BoundMemory(operands[0], run)
		got, err := check.Run(ctx, operands[0], run)
		if err != nil {
			return err
		}
		if as.Is("json") {
			err = got.WriteJSON(env.Stdout)
		} else {
			err = got.WriteText(env.Stdout, operands[0])
			for _, n := range got.Notes {
				fmt.Fprintf(env.Stderr, "not checked: %s\n", n)
			}
		}
		if n := len(got.Findings); n > 0 {
			return fmt.Errorf("%s: %d findings", operands[0], n)
		}
		return err
	}
}
