package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"cfubench/attribution"
	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

const attributeHelp = `Re-attributes the measured energy to requests, using other conventions: reads
run.json, requests.arrow and readings.arrow below OUT and replaces each cell's
energy.arrow; makes summary.json and report.html again where they are there. The
same tables and flags give the same bytes.

usage: cfu attribute OUT [flags]

examples:
  cfu attribute out/ --convention token,phase,residency
  cfu attribute out/ --convention token --weights 1:4    an output token is 4 prompt tokens
  cfu attribute out/ --convention phase,shapley --shapley-model shapley.json
  cfu attribute out/ --cache-share users                 who finds a prompt cached pays a part of it

conventions:
  step       each engine step's fixed cost shared by who takes part, its tokens by
             whose they are, the costs fitted from the run: the one to quote
  phase      each instant split by work in prefill and decode, the weight fitted
  residency  each instant split equally among the requests in flight
  equal      the run's energy per request
  token      by tokens, weighted as the run's energy has it or with --weights
  steady     joules per output token of the saturated window, as ML.ENERGY does
  shapley    by a model fitted on Shapley values that 'cfu shapley' measured

flags:
`

// bindAttribution declares on fs how energy is divided, which cfu run shares.
func bindAttribution(fs *pflag.FlagSet, c *runfolder.Config) {
	fs.StringVar(&c.Convention, "convention", attribution.Defaults, "Divide by each of these `NAMES`, with commas between.")
	fs.StringVar(&c.Weights, "weights", "", "Weigh a prompt token and an output token `IN:OUT` in the token convention (default: as the run's own energy has it).")
	fs.StringVar(&c.StepPrior, "step-prior", "", "Take the step convention's costs from `FILE` (JSON, as a summary holds them) where a run is too short to tell them.")
	fs.Var((*cacheShare)(&c.CacheShare), "cache-share", "Charge a cached prompt to `WHO`: owner (the request that computed it) or users (it and all that found it cached, the same each; conventions step and token).")
	fs.StringArrayVar(&c.Roles, "role", nil, "Divide the energy of a domain by prefill or decode alone, as `DOMAIN=ROLE`, prefill or decode; repeated (default: as the engine's processes on its device say).")
	fs.Float64Var(&c.ModelParameters, "model-parameters", 0, "Compare the costs of steps with a model that computes a token with `N` parameters, such as 7.6e9 (of a mixture of experts the active ones; default: as the server says).")
	fs.Float64Var(&c.WeightBytes, "weight-bytes", 0, "Compare them with a model whose weights take `B` bytes, such as 15.2e9 (default: as the server says).")
	fs.StringVar(&c.ShapleyModel, "shapley-model", "", "Take the shapley convention's model from `FILE`.")
}

// cacheShare is a flag whose default, owner, is recorded as nothing.
type cacheShare string

// String implements pflag.Value.
func (s *cacheShare) String() string { return cmp.Or(string(*s), string(attribution.CacheOwner)) }

// Type implements pflag.Value.
func (s *cacheShare) Type() string { return "string" }

// Set implements pflag.Value; whoever reads the configuration checks it.
func (s *cacheShare) Set(text string) error {
	*s = cacheShare(text)
	if text == string(attribution.CacheOwner) {
		*s = ""
	}
	return nil
}

// bindAttribute is `cfu attribute`.
func bindAttribute(fs *pflag.FlagSet) subcommand.Action {
	var c runfolder.Config
	bindAttribution(fs, &c)
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		return attribute(ctx, env, c, operands[0])
	}
}

// attribute divides the energy of every cell of the run in dir.
func attribute(ctx context.Context, env subcommand.Environment, c runfolder.Config, dir string) error {
	o, err := derivation.ParseAttribution(c)
	if err != nil {
		return err
	}
	release, err := folder.Own(dir, "cfu attribute", env.Say)
	if err != nil {
		return err
	}
	defer release()
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return err
	}
	derivation.BoundMemory(dir, run)
	if len(run.Cells) == 0 {
		return fmt.Errorf("%s has no cell: nothing was measured", dir)
	}
	if o.Bare, err = derivation.ReadBare(dir, run); err != nil {
		return err
	}
	o.Shared = derivation.Share(run)
	cells, err := o.Run(ctx, dir, run)
	if err != nil {
		return err
	}
	for _, e := range cells {
		for _, w := range e.Warnings {
			fmt.Fprintf(env.Stderr, "cfu attribute: %s: %s\n", e.Cell, w)
		}
	}
	if _, err := report.Refresh(ctx, dir, run, o.Shared); err != nil {
		return err
	}
	return summary.WriteAttribution(env.Stdout, cells)
}
