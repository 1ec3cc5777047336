package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/attribution"
	"cfubench/meter"
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

  cfu attribute out/ --cache-share users                 turns that find a prompt cached pay their part of it

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

// attributionFlags are the flags of attribution, which cfu run shares.
type attributionFlags struct {
	conventions, weights, shapleyModel, stepPrior, cacheShare string
	roles                                                     []string
	size                                                      attribution.ModelSize
}

// bind declares the flags on fs.
func (f *attributionFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.conventions, "convention", attribution.Defaults, "Divide by each of these `NAMES`, with commas between.")
	fs.StringVar(&f.weights, "weights", "", "Weigh a prompt token and an output token `IN:OUT` in the token convention (default: as the run's own energy has it).")
	fs.StringVar(&f.stepPrior, "step-prior", "", "Take the step convention's costs from `FILE` (JSON, as a summary holds them) where a run is too short to tell them.")
	fs.StringVar(&f.cacheShare, "cache-share", string(attribution.CacheOwner), "Charge a cached prompt to `WHO`: owner (the request that computed it) or users (it and all that found it cached, the same each; conventions step and token).")
	fs.StringArrayVar(&f.roles, "role", nil, "Divide the energy of a domain by prefill or decode alone, as `DOMAIN=ROLE`, prefill or decode; repeated (default: as the engine's processes on its device say).")
	fs.Float64Var(&f.size.Parameters, "model-parameters", 0, "Compare the costs of steps with a model that computes a token with `N` parameters, such as 7.6e9 (of a mixture of experts the active ones; default: as the server says).")
	fs.Float64Var(&f.size.WeightBytes, "weight-bytes", 0, "Compare them with a model whose weights take `B` bytes, such as 15.2e9 (default: as the server says).")
	fs.StringVar(&f.shapleyModel, "shapley-model", "", "Take the shapley convention's model from `FILE`.")
}

// options checks the flags and reads the file of the Shapley model.
func (f attributionFlags) options() (derivation.Attribution, error) {
	o := derivation.Attribution{Conventions: f.conventions, Weights: f.weights}
	for _, text := range f.roles {
		domain, name, ok := strings.Cut(text, "=")
		role, err := attribution.ParseRole(name)
		if !ok || domain == "" || err != nil {
			return o, usagef("--role %q: want DOMAIN=prefill or DOMAIN=decode", text)
		}
		if o.Params.Roles == nil {
			o.Params.Roles = make(map[string]attribution.Role)
		}
		o.Params.Roles[domain] = role
	}
	switch o.Size = f.size; {
	case !(o.Size.Parameters >= 0 && o.Size.WeightBytes >= 0) || o.Size.Parameters > 1e18 || o.Size.WeightBytes > 1e18:
		return o, usagef("--model-parameters %g --weight-bytes %g: want numbers above zero", f.size.Parameters, f.size.WeightBytes)
	case (o.Size.Parameters > 0) != (o.Size.WeightBytes > 0):
		return o, usagef("--model-parameters and --weight-bytes go together: the costs are compared with both")
	}
	switch o.CacheShare = attribution.CacheShare(f.cacheShare); o.CacheShare {
	case attribution.CacheOwner, attribution.CacheUsers:
	default:
		return o, usagef("--cache-share %q: want owner or users", f.cacheShare)
	}
	if f.stepPrior != "" {
		text, err := os.ReadFile(f.stepPrior)
		if err != nil {
			return o, fmt.Errorf("read step costs: %w", err)
		}
		if o.Params.StepPrior, err = attribution.ParsePrior(text); err != nil {
			return o, fmt.Errorf("read step costs %s: %w", f.stepPrior, err)
		}
	}
	if f.weights != "" {
		in, out, ok := strings.Cut(f.weights, ":")
		var err1, err2 error
		o.Params.PromptWeight, err1 = strconv.ParseFloat(in, 64)
		o.Params.OutputWeight, err2 = strconv.ParseFloat(out, 64)
		sum := o.Params.PromptWeight + o.Params.OutputWeight
		if !ok || err1 != nil || err2 != nil || o.Params.PromptWeight < 0 || o.Params.OutputWeight < 0 || !(sum > 0 && sum < 1e12) {
			return o, usagef("--weights %q: want two numbers of zero or more, not both zero, such as 1:4", f.weights)
		}
	}
	if f.shapleyModel != "" {
		text, err := os.ReadFile(f.shapleyModel)
		if err != nil {
			return o, fmt.Errorf("read Shapley model: %w", err)
		}
		if o.Params.ShapleyModel, err = attribution.ParseShapleyModel(text); err != nil {
			return o, fmt.Errorf("read Shapley model %s: %w", f.shapleyModel, err)
		}
	}
	if _, err := attribution.Parse(o.Conventions, o.Params); err != nil {
		return o, usagef("--convention: %w", err)
	}
	return o, nil
}

// bindAttribute is `cfu attribute`.
func bindAttribute(fs *pflag.FlagSet) action {
	var f attributionFlags
	f.bind(fs)
	return func(ctx context.Context, env environment, operands []string) error {
		return f.run(ctx, env, operands[0])
	}
}

// run divides the energy of every cell of the run in dir.
func (f attributionFlags) run(ctx context.Context, env environment, dir string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	release, err := ownRun(env, dir, "attribute")
	if err != nil {
		return err
	}
	defer release()
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return err
	}
	boundMemory(dir, run)
	if len(run.Cells) == 0 {
		return fmt.Errorf("%s has no cell: nothing was measured", dir)
	}
	if o.Bare, err = derivation.ReadBare(dir, run); err != nil {
		return err
	}
	cells, err := o.Run(ctx, dir, run)
	if err != nil {
		return err
	}
	for _, e := range cells {
		for _, w := range e.Warnings {
			fmt.Fprintf(env.stderr, "cfu attribute: %s: %s\n", e.Cell, w)
		}
	}
	if err := report.Refresh(ctx, dir, run); err != nil {
		return err
	}
	return printEnergy(env.stdout, cells)
}

// printEnergy prints the closed sums and what the conventions disagree on.
func printEnergy(w io.Writer, cells []derivation.Attributed) error {
	columns := []summary.Column{
		{Name: "cell", Text: true}, {Name: "domain", Text: true}, {Name: "convention", Text: true}, {Name: "method", Text: true},
		{Name: "requests", Unit: "J"}, {Name: "idle", Unit: "J", Beside: true}, {Name: "unattributed", Unit: "J", Beside: true}, {Name: "counter", Unit: "J", Beside: true},
		{Name: "median", Unit: "J/req"},
	}
	var rows [][]summary.Cell
	for _, c := range cells {
		for _, e := range c.Divisions {
			if e.Refused != "" {
				continue
			}
			row := []summary.Cell{summary.Words(c.Cell), summary.Words(e.Domain), summary.Words(string(e.Convention)), summary.Words(string(e.Method))}
			for _, j := range []meter.Energy{e.Requests, e.Idle, e.Unattributed, e.Counter, e.Median} {
				row = append(row, summary.Figures(j.Joules()))
			}
			rows = append(rows, row)
		}
	}
	columns, texts := summary.Lay(columns, rows)
	if err := summary.WriteColumns(w, columns, texts); err != nil {
		return err
	}
	unsized := false
	for _, c := range cells {
		for _, e := range c.Windows {
			fmt.Fprintf(w, "%s %v\n", c.Cell, e)
		}
		for _, r := range c.Roles {
			fmt.Fprintf(w, "%s %v\n", c.Cell, r)
		}
		if c.CacheShare != nil {
			fmt.Fprintf(w, "%s cache: %v\n", c.Cell, c.CacheShare)
		}
		for _, costs := range c.Costs {
			fmt.Fprintf(w, "%s %s step costs: %v\n", c.Cell, costs.Domain, costs)
		}
		for _, r := range c.Rooflines {
			fmt.Fprintf(w, "%s %s against the model's size: %v\n", c.Cell, r.Domain, r)
		}
		unsized = unsized || len(c.Costs) > 0 && len(c.Rooflines) == 0
		for _, check := range c.CrossChecks {
			fmt.Fprintf(w, "%s cross-check %v\n", c.Cell, check)
		}
		for _, s := range c.Spread {
			fmt.Fprintf(w, "%s %s: conventions differ by %.0f %% on the median request, %.0f %% at most; the convention changes the ranking of %.0f %% of %d request pairs\n",
				c.Cell, s.Domain, 100*s.Median, 100*s.Max, 100*float64(s.Convention)/float64(max(s.Pairs, 1)), s.Pairs)
		}
	}
	if unsized {
		fmt.Fprintln(w, "the server does not tell the model's size: --model-parameters N --weight-bytes B compare the step costs with it")
	}
	return nil
}
