package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/attribution/lca/report"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

const amortizeHelp = `Computes C_FU, the life cycle cost of a functional unit, from a run and an
inventory: inference, embodied hardware, training and experimentation, their
sum, and the number of requests at which inference overtakes the upfront cost.
Writes footprint.arrow into OUT.

usage: cfu amortize OUT [flags]
       cfu amortize --published [flags]
       cfu amortize --list-presets

examples:
  cfu amortize out/ --inventory olmo2-7b
  cfu amortize out/ --inventory mine.json --lifetime-inferences 1e9 --report lca.html
  cfu amortize --published --csv            the published OLMo 2 batching findings
  cfu amortize --published --model 'OLMo 2 7B' --figure figure2.svg

flags:
`

// amortizeFlags are the flags of cfu amortize.
type amortizeFlags struct {
	derivation.Amortization
	published, csv, list        bool
	models, units, categories   []string
	gwp, water, basis, embodied string
	reports                     []string
	figure, disclosure, beside  string
}

// bind declares the flags on fs.
func (f *amortizeFlags) bind(fs *pflag.FlagSet) {
	o := &f.Options
	fs.StringVar(&f.Inventory, "inventory", f.Inventory, "Take the figures from `PRESET|FILE`.")
	fs.BoolVar(&f.published, "published", false, "Assess the published inference runs of the presets instead of a run of your own.")
	fs.StringSliceVar(&f.models, "model", nil, "With --published, only these `MODELS`, named as in the published table.")
	fs.StringVar(&f.beside, "beside", "", "Set the cells at request rates beside the published rows of `MODEL`.")
	fs.StringSliceVar(&f.units, "functional-unit", nil, "Report per `UNIT`: request, output_token, total_token, batch, conversation, slo_request or NAME=COUNT (default all counted).")
	fs.StringSliceVar(&f.categories, "category", nil, "Assess only `CATEGORY`: energy, gwp, water, adpe, primary_energy or cost (default all that the inventory supports).")
	fs.Float64Var(&o.LifetimeInferences, "lifetime-inferences", 0, "Spread training over `N` requests (default the inventory's figure).")
	fs.StringVar(&f.gwp, "gwp", string(lca.AR6), "Characterise gases with `SET`: ar5 or ar6.")
	fs.StringVar(&f.water, "water-variant", string(lca.WaterLi), "Compute water by `VARIANT`: li2025, morrison2025, ecologits0.9, onsite or offsite.")
	fs.StringVar(&f.basis, "basis", string(lca.LocationBased), "Use the `BASIS` of carbon intensity: location or market.")
	fs.StringVar(&f.embodied, "embodied-convention", string(lca.Calendar), "Share hardware by `CONVENTION`: calendar or busy hours of its life.")
	fs.Float64Var(&o.Utilisation, "utilisation", 0, "Take `U` as the busy share of the hardware's life where the inventory has none.")
	fs.BoolVar(&o.MixBoundaries, "mix-boundaries", false, "Add figures of different boundaries; each mix is warned of.")
	fs.IntVar(&o.Draws, "monte-carlo", o.Draws, "Draw `N` times for the 95 % intervals, 0 for the meter's bracket alone.")
	fs.Uint64Var(&o.Seed, "seed", o.Seed, "Seed `S` of the draws.")
	fs.StringVar(&f.Convention, "convention", "", "Sum the energy rows of convention `NAME` (default the narrowest bracket: all sum to the same counter; with --requests-only, token).")
	fs.BoolVar(&f.RequestsOnly, "requests-only", false, "Count only energy attributed to requests, without the window's idle and unattributed energy.")
	fs.IntVar(&f.Devices, "devices", 0, "Count wall time on `N` devices (default the metered GPUs, or 1).")
	fs.DurationVar(&f.SLO.TTFT, "slo-ttft", 0, "Time to first token `D` of functional unit slo_request, 0 for no limit.")
	fs.DurationVar(&f.SLO.TPOT, "slo-tpot", 0, "Time per output token `D` of functional unit slo_request, 0 for no limit.")
	fs.BoolVar(&f.csv, "csv", false, "Print CSV.")
	fs.StringSliceVar(&f.reports, "report", nil, "Write the ISO 14040/44 report to `FILE`, HTML or (ending in .txt) text.")
	fs.StringVar(&f.figure, "figure", "", "Draw both panels of the paper's Figure 2 to `FILE` (SVG), in carbon or the first --category.")
	fs.StringVar(&f.disclosure, "disclosure", "", "Write the disclosure block to `FILE` (JSON).")
	fs.BoolVar(&f.list, "list-presets", false, "List the inventory presets and their parts.")
}

// bindAmortize is `cfu amortize`.
func bindAmortize(fs *pflag.FlagSet) action {
	f := amortizeFlags{Amortization: derivation.NewAmortization(lca.DefaultPreset)}
	f.bind(fs)
	return func(_ context.Context, env environment, _ []string) error {
		if f.list {
			return listPresets(env.stdout)
		}
		if err := f.check(fs); err != nil {
			return err
		}
		return f.run(env, fs.Arg(0))
	}
}

// run assesses the run in dir, or the published ones, and prints and writes
// what was asked for.
func (f *amortizeFlags) run(env environment, dir string) error {
	assessments, run, err := f.assess(dir)
	if err != nil {
		return err
	}
	if err := f.write(assessments, run); err != nil {
		return err
	}
	for _, w := range lca.Warnings(assessments) {
		fmt.Fprintf(env.stderr, "warning: %s\n", w)
	}
	switch {
	case f.published && f.csv:
		return findingsCSV(env.stdout, publishedFindings(assessments), false)
	case f.beside != "":
		list, err := besideFindings(*run, assessments, f.beside, f.Options)
		if err != nil {
			return err
		}
		if f.csv {
			return findingsCSV(env.stdout, list, true)
		}
		return findingsTable(env.stdout, list)
	case f.csv:
		return footprintCSV(env.stdout, assessments)
	}
	return report.Summary(env.stdout, assessments)
}

// check refuses flags that make no sense together before anything is read, and
// completes the options from their names.
func (f *amortizeFlags) check(fs *pflag.FlagSet) (err error) {
	switch {
	case f.published && fs.NArg() > 0:
		return usagef("--published takes no OUT, got %q", fs.Arg(0))
	case !f.published && fs.NArg() != 1:
		return usagef("want one OUT or --published, got %d arguments", fs.NArg())
	case !f.published && len(f.models) > 0:
		return usagef("--model selects published runs: add --published")
	case f.SLO.TTFT < 0 || f.SLO.TPOT < 0:
		return usagef("SLO %v: want times above 0", f.SLO)
	case f.Devices < 0:
		return usagef("--devices %d: want a number above 0", f.Devices)
	}
	if f.published {
		for _, flag := range []string{"beside", "convention", "requests-only", "devices", "slo-ttft", "slo-tpot"} {
			if fs.Changed(flag) {
				return usagef("--%s is for a run: it means nothing with --published", flag)
			}
		}
	}
	o := &f.Options
	if o.FunctionalUnits, o.Custom, err = lca.ParseFunctionalUnits(f.units); err != nil {
		return usageError{err}
	}
	if slices.Contains(o.FunctionalUnits, lca.PerSLORequest) && f.SLO == (lca.SLO{}) {
		return usagef("functional unit slo_request: give --slo-ttft, --slo-tpot or both")
	}
	for _, name := range f.categories {
		c, err := lca.ParseCategory(name)
		if err != nil {
			return usageError{err}
		}
		if !slices.Contains(o.Categories, c) {
			o.Categories = append(o.Categories, c)
		}
	}
	o.GWP, o.Water = lca.GWPSet(f.gwp), lca.WaterVariant(f.water)
	o.Basis, o.Embodied = lca.Basis(f.basis), lca.Convention(f.embodied)
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// assess assesses OUT, or the published runs. The run is nil for the latter.
func (f *amortizeFlags) assess(dir string) ([]lca.Assessment, *runfolder.Run, error) {
	if !f.published {
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			return nil, nil, err
		}
		assessments, err := f.Amortization.Run(dir)
		return assessments, &run, err
	}
	inv, err := lca.Load(f.Inventory)
	if err != nil {
		return nil, nil, err
	}
	models, err := publishedModels(f.models)
	if err != nil {
		return nil, nil, err
	}
	assessments, err := lca.AssessPublished(inv, models, f.Options)
	return assessments, nil, err
}

// publishedModels are the models of the published table with these names, all
// if there are none.
func publishedModels(names []string) ([]lca.Model, error) {
	models, err := lca.PublishedModels()
	if err != nil || len(names) == 0 {
		return models, err
	}
	var titles []string
	for _, m := range models {
		titles = append(titles, m.Title)
	}
	for _, name := range names {
		if !slices.Contains(titles, name) {
			return nil, usagef("model %q has no published runs: use one of %s", name, strings.Join(titles, ", "))
		}
	}
	return slices.DeleteFunc(models, func(m lca.Model) bool { return !slices.Contains(names, m.Title) }), nil
}

// write makes the files that were asked for.
func (f *amortizeFlags) write(assessments []lca.Assessment, run *runfolder.Run) error {
	for _, path := range f.reports {
		render := report.HTML
		if strings.EqualFold(filepath.Ext(path), ".txt") {
			render = report.Text
		}
		if err := writeFile(path, func(w io.Writer) error { return render(w, assessments, time.Now()) }); err != nil {
			return err
		}
	}
	if f.figure != "" {
		if err := writeFile(f.figure, func(w io.Writer) error { return figure.LifeCycle(w, assessments, f.drawn()) }); err != nil {
			return err
		}
	}
	if f.disclosure != "" {
		block, err := report.Describe(assessments)
		if err != nil {
			return err
		}
		describeRun(&block, run)
		return writeFile(f.disclosure, func(w io.Writer) error { return report.Disclosure(w, block) })
	}
	return nil
}

// drawn is the category of the figure: carbon, unless it is not assessed.
func (f *amortizeFlags) drawn() lca.Category {
	if chosen := f.Options.Categories; len(chosen) > 0 && !slices.Contains(chosen, lca.GWP) {
		return chosen[0]
	}
	return lca.GWP
}

// describeRun adds what only a run knows: how the model was served, on what.
func describeRun(block *report.DisclosureBlock, run *runfolder.Run) {
	if run == nil {
		block.Unknown["serving"] = "published figures: see their source"
		block.Unknown["system_design"] = "published figures: see their source"
		return
	}
	for _, e := range run.Engine {
		block.Served = append(block.Served, e.Model)
		block.Serving = append(block.Serving, report.Serving{Engine: e.Kind, Version: e.Version, Batch: max(e.EffectiveBatch, e.Batch), Command: e.Command})
		for _, unknown := range e.Unknown {
			block.Unknown["serving."+unknown] = "the server did not tell"
		}
	}
	system := report.System{OS: run.Host.OS, CPU: run.Host.CPU, Cores: run.Host.Cores, Memory: run.Host.Memory}
	for _, d := range run.Domains {
		system.Metered = append(system.Metered, fmt.Sprintf("%s (%s, %s)", d.Name, d.Source, d.Kind))
	}
	block.System = &system
}

// writeFile makes path with what render writes.
func writeFile(path string, render func(io.Writer) error) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return render(out)
}

// footprintCSV prints the footprint table.
func footprintCSV(w io.Writer, assessments []lca.Assessment) error {
	out := csv.NewWriter(w)
	out.Write([]string{"cell", "functional_unit", "category", "unit", "stage", "value", "lo", "hi", "boundary", "source"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, a := range assessments {
		for _, r := range a.Rows {
			out.Write([]string{r.Cell, r.FunctionalUnit, string(r.Category), r.Unit, string(r.Stage), number(r.Value), number(r.Lo), number(r.Hi), r.Boundary, r.Source})
		}
	}
	out.Flush()
	return out.Error()
}

// listPresets prints the presets by kind.
func listPresets(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "kind\tname\tfigures\ttitle")
	for _, p := range lca.Presets() {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\n", p.Kind, p.Name, p.Figures, p.Title)
	}
	return tw.Flush()
}
