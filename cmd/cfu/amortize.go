package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/report"
	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/derivation"
	"cfubench/results/findings"
	runreport "cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

const amortizeHelp = `Computes C_FU, the life cycle cost of a functional unit, from a run and an
inventory: inference, embodied hardware, training and experimentation, their
sum, and the number of requests at which inference overtakes the upfront cost.
Writes footprint.arrow into OUT, and makes summary.json and report.html again
where they are there.

usage: cfu amortize OUT [flags]
       cfu amortize --published [flags]
       cfu amortize --crossover DESIGN DESIGN [DESIGN …] [flags]
       cfu amortize --list-presets | --print-preset NAME

examples:
  cfu amortize out/ --inventory olmo2-7b
  cfu amortize out/ --inventory mine.json --lifetime-inferences 1e9 --report lca.html
  cfu amortize --published --format csv     the published OLMo 2 batching findings
  cfu amortize --published --model 'OLMo 2 7B' --figure figure2.svg
  cfu amortize --crossover 'Llama 3.1 8B@inf' 'OLMo 2 7B@inf'

flags:
`

// amortizeFlags are the flags of cfu amortize.
type amortizeFlags struct {
	derivation.Amortization
	files                      derivation.AssessmentFiles
	published, list, crossover bool
	format                     *subcommand.Format
	models, units, categories  []string
	beside, print, draws       string
	outcomes, hourly           []string
	growth                     lca.Growth
	years                      int
}

// bind declares the flags on fs.
func (f *amortizeFlags) bind(fs *pflag.FlagSet) {
	o := &f.Options
	fs.StringVar(&f.Inventory, "inventory", f.Inventory, "Take the figures from `PRESET|FILE` (default: the run's own; none: what the run itself allows; olmo2-7b for published figures).")
	fs.BoolVar(&f.published, "published", false, "Assess the published inference runs of the presets instead of a run of your own.")
	fs.StringSliceVar(&f.models, "model", nil, "With --published, only these `MODELS`, named as in the published table.")
	fs.StringVar(&f.beside, "beside", "", "Set the cells at request rates beside the published rows of `MODEL`.")
	fs.StringSliceVar(&f.units, "functional-unit", nil, "Report per `UNIT`: request, output_token, total_token, answer_token, batch, conversation, slo_request or NAME=COUNT (default all counted).")
	fs.StringSliceVar(&f.categories, "category", nil, "Assess only `CATEGORY`: "+categoryNames()+" (default all that the inventory supports).")
	fs.Float64Var(&o.LifetimeInferences, "lifetime-inferences", 0, "Spread training over `N` requests (default the inventory's figure).")
	fs.StringVar((*string)(&o.GWP), "gwp", string(lca.AR6), "Characterise gases with `SET`: ar5 or ar6.")
	fs.StringVar((*string)(&o.Water), "water-variant", string(lca.WaterLi), "Compute water by `VARIANT`: li2025, morrison2025, ecologits0.9, onsite or offsite.")
	fs.StringVar((*string)(&o.Basis), "basis", string(lca.LocationBased), "Use the `BASIS` of carbon intensity: location or market.")
	fs.StringVar((*string)(&o.Embodied), "embodied-convention", string(lca.Calendar), "Share hardware by `CONVENTION`: calendar or busy hours of its life.")
	fs.Float64Var(&o.Utilisation, "utilisation", 0, "Assume for busy hours that hardware is used `U` of its life (0 to 1), if the inventory does not state it.")
	fs.Float64Var(&f.growth.RequestsPerMonth, "requests-per-month", 0, "Add a yearly view of a service with `N` requests in its first month: electricity, carbon, water, money, by scope.")
	fs.Float64Var(&f.growth.Monthly, "growth", 0, "Growth `G` of the requests from month to month, 0.05 for 5 %.")
	fs.Float64Var(&f.growth.Rebound, "rebound", 0, "Elasticity `E` of demand: a request that costs c is asked for (C/c)^E times as often as one that costs --rebound-from C.")
	fs.Float64Var(&f.growth.Baseline, "rebound-from", 0, "Cost `C` per request before, without its making, in the unit of the first category.")
	fs.Float64Var(&f.growth.GridDecline, "grid-decline", 0, "Scenario of the yearly view: the carbon of the grid falls by the share `D` from year to year, 0.05 for 5 %.")
	fs.Float64Var(&f.growth.Discount, "discount", 0, "Scenario of the yearly view: discount the money of later years at the yearly rate `R`.")
	fs.IntVar(&f.years, "years", 1, "Years `Y` of the yearly view.")
	subcommand.Parsed(fs, &o.Share, "share", "", "Take `N/M` of the machine as what serves, such as 2/128 for a small virtual machine (default the inventory's, or all).", lca.ParseShare)
	fs.Float64Var(&o.PUE, "pue", 0, "Take `PUE` instead of the facility's, for a quick look.")
	fs.StringVar(&o.Grid, "grid", "", "Take the electricity preset `NAME` instead of the inventory's, for a quick look.")
	fs.StringArrayVar(&f.hourly, "grid-hourly", nil, "Take the electricity of what was metered from `[SITE=]FILE`: CSV with a row an hour, weighted by the energy of each hour; of a site of the inventory's, or of its own place.")
	fs.Float64Var(&o.Price, "price", 0, "Take `AMOUNT` per kWh as the price of electricity, for a quick look.")
	fs.StringVar(&o.Currency, "currency", "", "Currency `CODE` of --price, such as EUR (default the inventory's).")
	fs.BoolVar(&o.MixBoundaries, "mix-boundaries", false, "Add figures of different boundaries, with a warning for each.")
	fs.IntVar(&o.Draws, "monte-carlo", o.Draws, "Draw `N` times a cell for the 95 % intervals, 0 for the meter's bracket alone (of a run with hundreds of cells fewer, if N is not given).")
	fs.Uint64Var(&o.Seed, "seed", o.Seed, "Seed `S` of the draws.")
	fs.StringVar(&f.Convention, "convention", "", "With --requests-only, sum the energy rows of convention `NAME` (default the first of the table: the run's own).")
	fs.BoolVar(&f.RequestsOnly, "requests-only", false, "Count only energy attributed to requests, without the window's idle and unattributed energy.")
	fs.IntVar(&f.Devices, "devices", 0, "Count wall time on `N` devices (default the metered GPUs, or 1).")
	fs.DurationVar(&f.SLO.TTFT, "slo-ttft", 0, "Time to first token `D` of functional unit slo_request, 0 for no limit.")
	fs.DurationVar(&f.SLO.TPOT, "slo-tpot", 0, "Time per output token `D` of functional unit slo_request, 0 for no limit.")
	fs.StringArrayVar(&f.outcomes, "outcomes", nil, "Join what requests or conversations were worth from `[OUT=]FILE[#FILTER]`: CSV or JSONL with request or conversation and success, score or count, or samples of lm-evaluation-harness, of one of its filters; with --crossover of the run OUT alone, repeatable.")
	fs.StringVar(&f.OutcomeUnit, "outcome-unit", "success", "Name `UNIT` of what --outcomes counts, such as correct_answer.")
	f.format = subcommand.BindFormat(fs, "Print", "text", "csv", "json")
	fs.StringSliceVar(&f.files.Reports, "report", nil, "Write the ISO 14040/44 report to `FILE`, HTML or (ending in .txt) text.")
	fs.StringSliceVar(&f.files.Forms, "form", nil, "Write a published form to `NAME=FILE` (JSON): "+report.ShapeNames()+".")
	fs.StringVar(&f.files.Figure, "figure", "", "Draw both panels of the paper's Figure 2 to `FILE` (SVG), in carbon or the first --category.")
	fs.BoolVar(&f.crossover, "crossover", false, "Compare two or more designs over their usage: OUT[#CELL] or 'MODEL@RATE' of the published table, each with =INVENTORY behind it if it has another.")
	fs.StringVar(&f.draws, "draws", "", "With --crossover, write every draw of every design to `FILE` (CSV).")
	fs.StringVar(&f.files.Disclosure, "disclosure", "", "Write the disclosure block to `FILE` (JSON).")
	fs.StringVar(&f.print, "print-preset", "", "Print the preset `NAME`, to start an inventory of your own from.")
	fs.BoolVar(&f.list, "list-presets", false, "List the inventory presets and their parts.")
}

// bindAmortize is `cfu amortize`.
func bindAmortize(fs *pflag.FlagSet) subcommand.Action {
	f := amortizeFlags{Amortization: derivation.NewAmortization("")}
	f.bind(fs)
	return func(ctx context.Context, env subcommand.Environment, _ []string) error {
		f.FewerDraws = !fs.Changed("monte-carlo")
		if f.list {
			return report.Presets(env.Stdout, lca.Presets())
		}
		if f.print != "" {
			text, err := lca.PresetText(f.print)
			if err != nil {
				return subcommand.UsageError{Err: err}
			}
			_, err = env.Stdout.Write(text)
			return err
		}
		if err := f.check(fs); err != nil {
			return err
		}
		if err := f.ReadOutcomes(f.outcomes); err != nil {
			return err
		}
		if err := f.ReadHourly(f.hourly); err != nil {
			return err
		}
		if f.crossover {
			return f.runCrossover(ctx, env, fs.Args())
		}
		return f.run(ctx, env, fs.Arg(0))
	}
}

// run assesses the run in dir, or the published ones, and makes the run's summary
// and report again.
func (f *amortizeFlags) run(ctx context.Context, env subcommand.Environment, dir string) error {
	if f.published {
		return f.show(ctx, env, func(ctx context.Context, each func(*lca.Assessment) error) ([]string, error) {
			return f.Published(ctx, f.models, each)
		}, nil)
	}
	release, err := folder.Own(dir, "cfu amortize", env.Say)
	if err != nil {
		return err
	}
	defer release()
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return err
	}
	derivation.BoundMemory(dir, run)
	var stated summary.Summary
	if err := f.show(ctx, env, func(ctx context.Context, each func(*lca.Assessment) error) ([]string, error) {
		warnings, err := f.Amortization.Run(ctx, dir, run, each)
		if err != nil {
			return nil, err
		}
		// At once: what is wrong with the files asked for leaves the folder of one piece.
		stated, err = runreport.Refresh(ctx, dir, run, nil)
		return warnings, err
	}, &run); err != nil {
		return err
	}
	if stated.FootprintIsSteady() {
		env.Say("C_FU above is of each whole cell, from its first send to its last end; %s, cfu report and cfu compare state it over the steady window", runfolder.SummaryFile)
	}
	return nil
}

// show has assess hand on the assessments, one after the other, prints them and
// writes the files that were asked for. run is nil for the published ones.
func (f *amortizeFlags) show(ctx context.Context, env subcommand.Environment, assess func(context.Context, func(*lca.Assessment) error) (warnings []string, err error), run *runfolder.Run) error {
	out := f.printer(ctx, env.Stdout, run)
	var kept []lca.Assessment // only for files: of thousands of cells they are large
	beyond := ""
	warnings, err := assess(ctx, func(a *lca.Assessment) error {
		if f.files.Any() {
			kept = append(kept, *a)
		}
		if f.growth.RequestsPerMonth > 0 && beyond == "" { // of the cells the first alone
			beyond = a.BeyondLifetime(f.growth, f.years)
		}
		return out.Add(a)
	})
	if err != nil {
		return err
	}
	if f.files.Any() { // of a file that cannot be made the figures are printed all the same
		err = f.files.Write(kept, run, f.Options.Drawn())
	}
	if beyond != "" {
		warnings = append(warnings, beyond)
	}
	env.WarnAll(warnings)
	return errors.Join(err, out.Close())
}

// printer prints the assessments as the flags say.
func (f *amortizeFlags) printer(ctx context.Context, w io.Writer, run *runfolder.Run) report.Printer {
	csv, yearly := f.format.Is("csv"), f.growth.RequestsPerMonth > 0
	switch {
	case f.format.Is("json"):
		return report.NewData(w)
	case f.published && csv && !yearly:
		return findings.NewPublishedRows(w)
	case f.beside != "":
		return findings.NewBesideRows(ctx, w, findings.NewBeside(*run, f.beside, f.Options), csv)
	case yearly && csv:
		return report.NewYearlyCSV(w, f.growth, f.years)
	case yearly:
		return report.NewYearlyTable(w, f.growth, f.years)
	case csv:
		return report.NewCSV(w)
	}
	return report.NewSummary(w)
}

// categoryNames lists the impact categories for the help.
func categoryNames() string {
	var names []string
	for _, c := range lca.Categories() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// runCrossover compares designs over their usage and prints where one overtakes
// another.
func (f *amortizeFlags) runCrossover(ctx context.Context, env subcommand.Environment, designs []string) error {
	list, r, err := f.Compare(ctx, designs, f.Options.Drawn(), f.draws)
	if err != nil {
		return err
	}
	env.WarnAll(append(r.Warnings, lca.Warnings(list)...))
	if err := f.files.WriteCrossover(list, r, f.Options.Drawn()); err != nil {
		return err
	}
	if f.format.Is("csv") {
		return report.CrossoverCSV(env.Stdout, r)
	}
	return report.Crossover(env.Stdout, r)
}
