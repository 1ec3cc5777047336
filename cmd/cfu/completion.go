package main

import (
	"context"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
)

const completionHelp = `Prints a script that completes cfu's commands and flags in a shell.

usage: cfu completion bash|zsh|fish

examples:
  source <(cfu completion bash)
  cfu completion fish > ~/.config/fish/completions/cfu.fish
`

// bindCompletion is `cfu completion`.
func bindCompletion(*pflag.FlagSet) subcommand.Action {
	return func(_ context.Context, env subcommand.Environment, operands []string) error {
		return program().WriteCompletion(env.Stdout, operands[0])
	}
}
