package main

import (
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/attribution/lca"
	"cfubench/internal/subcommand"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// checkFiles refuses files that would be written over each other, over what is read, or
// over the run.
func (f *amortizeFlags) checkFiles(fs *pflag.FlagSet) error {
	if err := f.files.Check(); err != nil {
		return err
	}
	taken := map[string]string{}
	if f.Inventory != "" {
		taken[filepath.Clean(f.Inventory)] = "--inventory reads it"
	}
	for _, text := range f.outcomes {
		out, path, _ := derivation.OutcomesFile(text)
		if out != "" && !f.crossover {
			return subcommand.Usagef("--outcomes %s: OUT=FILE is for --crossover: give the FILE of the one run", text)
		}
		taken[filepath.Clean(path)] = "--outcomes reads it"
	}
	for _, h := range f.hourly {
		_, path := derivation.HourlyFile(h)
		taken[filepath.Clean(path)] = "--grid-hourly reads it"
	}
	for _, path := range append(f.files.Paths(), f.draws) {
		switch why := taken[filepath.Clean(path)]; {
		case path == "":
			continue
		case why != "":
			return subcommand.Usagef("%s cannot be written: %s", path, why)
		}
		for _, out := range fs.Args() {
			if f.crossover {
				out = derivation.DesignFolder(out)
			}
			if !f.published && runfolder.Holds(out, path) {
				return subcommand.Usagef("%s cannot be written: it is a file of the run", path)
			}
		}
		taken[filepath.Clean(path)] = "another file goes there"
	}
	return nil
}

// noRun says why no run is assessed, "" if one is.
func (f *amortizeFlags) noRun(designs []string) string {
	switch {
	case f.published:
		return "it means nothing with --published"
	case f.crossover && !slices.ContainsFunc(designs, func(text string) bool { return !derivation.IsPublishedDesign(text) }):
		return "no design is one"
	}
	return ""
}

// check refuses flags that make no sense together before anything is read, and
// completes the options from their names.
func (f *amortizeFlags) check(fs *pflag.FlagSet) (err error) {
	switch {
	case f.published && fs.NArg() > 0:
		return subcommand.Usagef("--published takes no OUT, got %q", fs.Arg(0))
	case f.crossover && (f.published || fs.NArg() < 2):
		return subcommand.Usagef("--crossover compares two or more designs, such as 'Llama 3.1 8B@inf' 'OLMo 2 7B@inf', got %d", fs.NArg())
	case f.crossover && (len(f.files.Reports) > 0 || len(f.files.Forms) > 0 || f.files.Disclosure != "" || f.beside != ""):
		return subcommand.Usagef("--crossover makes no report, form, disclosure or published rows beside it")
	case f.crossover && len(f.units) > 1:
		return subcommand.Usagef("--crossover compares per one functional unit, and --functional-unit names %s: keep one", strings.Join(f.units, ", "))
	case f.crossover && f.growth.RequestsPerMonth > 0:
		return subcommand.Usagef("--crossover has no yearly view: leave out --requests-per-month")
	case f.crossover && f.draws != "" && f.Options.Draws == 0:
		return subcommand.Usagef("--draws writes what --monte-carlo draws: want more than 0")
	case !f.crossover && f.draws != "":
		return subcommand.Usagef("--draws is for --crossover")
	case f.crossover && len(f.models) > 0:
		return subcommand.Usagef("--model selects rows of --published: a design names its own, as in 'OLMo 2 7B@inf'")
	case !f.crossover && !f.published && fs.NArg() != 1:
		return subcommand.Usagef("want one OUT or --published, got %d arguments", fs.NArg())
	case !f.published && len(f.models) > 0:
		return subcommand.Usagef("--model selects published runs: add --published")
	case f.SLO.TTFT < 0 || f.SLO.TPOT < 0:
		return subcommand.Usagef("--slo-ttft %v, --slo-tpot %v: want times above 0", f.SLO.TTFT, f.SLO.TPOT)
	case f.Convention != "" && !f.RequestsOnly:
		return subcommand.Usagef("--convention %s is for --requests-only: the whole window's energy is the same by each", f.Convention)
	case f.Devices < 0:
		return subcommand.Usagef("--devices %d: want a number above 0", f.Devices)
	}
	if f.format.Is("json") && (f.crossover || f.beside != "" || f.growth.RequestsPerMonth > 0) {
		return subcommand.Usagef("--format json is of the assessment: --crossover, --beside and --requests-per-month print text or csv")
	}
	for _, flag := range []string{"growth", "rebound", "rebound-from", "grid-decline", "discount", "years"} {
		if fs.Changed(flag) && f.growth.RequestsPerMonth == 0 {
			return subcommand.Usagef("--%s is for a yearly view: add --requests-per-month", flag)
		}
	}
	for _, flag := range []string{"category", "functional-unit"} {
		if f.published && f.format.Is("csv") && f.growth.RequestsPerMonth == 0 && fs.Changed(flag) {
			return subcommand.Usagef("--published --format csv prints the published table, which has columns of its own: leave out --%s, or take --format json", flag)
		}
	}
	if n := f.growth.RequestsPerMonth; fs.Changed("requests-per-month") && (!(n > 0) || math.IsInf(n, 0)) {
		return subcommand.Usagef("--requests-per-month %g: want a number above 0", n)
	}
	if len(f.hourly) > 0 && f.growth.RequestsPerMonth > 0 {
		return subcommand.Usagef("--requests-per-month projects over all hours of a year: leave out --grid-hourly")
	}
	if fs.Changed("rebound-from") && !(f.growth.Baseline > 0) {
		return subcommand.Usagef("--rebound-from %g: want a cost above 0", f.growth.Baseline)
	}
	if (f.growth.Rebound > 0) != (f.growth.Baseline > 0) {
		return subcommand.Usagef("--rebound and --rebound-from belong together")
	}
	if fs.Changed("outcome-unit") && len(f.outcomes) == 0 {
		return subcommand.Usagef("--outcome-unit names what --outcomes counts: add it")
	}
	if err := lca.CheckUnitName(f.OutcomeUnit); err != nil {
		return subcommand.Usagef("--outcome-unit %q: %w", f.OutcomeUnit, err)
	}
	if err := f.checkFiles(fs); err != nil {
		return err
	}
	for _, flag := range []string{"lifetime-inferences", "utilisation", "pue", "price", "requests-per-month"} {
		if v := fs.Lookup(flag); fs.Changed(flag) && v.Value.String() == "0" {
			return subcommand.Usagef("--%s 0: want a number above 0", flag)
		}
	}
	if why := f.noRun(fs.Args()); why != "" {
		for _, flag := range []string{"beside", "convention", "requests-only", "devices", "slo-ttft", "slo-tpot", "outcomes", "grid-hourly"} {
			if fs.Changed(flag) {
				return subcommand.Usagef("--%s is for a run: %s", flag, why)
			}
		}
	}
	o := &f.Options
	if len(f.outcomes) > 0 {
		named := slices.DeleteFunc(slices.Clone(f.units), func(name string) bool { return name == f.OutcomeUnit })
		f.units, o.OutcomesOnly = named, len(named) < len(f.units) && len(named) == 0
	}
	if o.FunctionalUnits, o.Custom, err = lca.ParseFunctionalUnits(f.units); err != nil {
		return subcommand.UsageError{Err: err}
	}
	if f.published && slices.Contains(o.FunctionalUnits, lca.PerSLORequest) {
		return subcommand.Usagef("functional unit slo_request: published runs have no SLO")
	}
	if o.Categories, err = lca.ParseCategories(f.categories); err != nil {
		return subcommand.UsageError{Err: err}
	}
	if err := o.Check(); err != nil {
		return subcommand.UsageError{Err: err}
	}
	return nil
}
