package main

import (
	"context"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
)

const manHelp = `Writes cfu's manual pages to the folder DIR, which it makes: cfu.1 and a page for
each command. They hold what 'cfu help' and 'cfu COMMAND --help' print.

usage: cfu man DIR

examples:
  cfu man man/ && man -l man/cfu-run.1
  cfu man ~/.local/share/man/man1      then 'man cfu-run'
`

// bindMan is `cfu man`.
func bindMan(*pflag.FlagSet) subcommand.Action {
	return func(_ context.Context, _ subcommand.Environment, operands []string) error {
		return program().WriteManual(operands[0])
	}
}
