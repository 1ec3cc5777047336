package main

import (
	"fmt"
	"path/filepath"

	"cfubench/attribution/lca"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"

	"github.com/spf13/pflag"
)

// derivationFlags say how the derived tables of a run are made. cfu run and cfu
// merge share them; cfu attribute, amortize and report do the steps one by one.
type derivationFlags struct {
	attributionFlags
	inventory string
	report    bool
}

// defaultInventory is the preset that a run is amortized with unless told
// otherwise: the founding paper's own case.
const defaultInventory = "olmo2-7b"

func (f *derivationFlags) bind(fs *pflag.FlagSet) {
	f.attributionFlags.bind(fs)
	fs.StringVar(&f.inventory, "inventory", defaultInventory, "Amortize with this inventory: a `PRESET` (cfu amortize --list-presets) or a JSON file.")
	fs.BoolVar(&f.report, "report", true, "Write report.html at the end.")
}

// check refuses wrong flags and an inventory that cannot be read before
// anything is measured.
func (f derivationFlags) check() error {
	if _, err := f.options(); err != nil {
		return err
	}
	_, err := lca.Load(f.inventory)
	return err
}

// derive is the second half of a run, which can be run again without the
// engine: joules to requests, C_FU, summary and report, from the raw tables.
// It prints the summary and returns it.
func (f derivationFlags) derive(env environment, out string) (summary summary.Summary, err error) {
	run, err := runfolder.ReadRun(out)
	if err != nil {
		return summary, err
	}
	options, err := f.options()
	if err != nil {
		return summary, err
	}
	if options.Bare, err = derivation.ReadBare(out, run); err != nil {
		return summary, err
	}
	warn := func(format string, args ...any) { fmt.Fprintf(env.stderr, "warning: "+format+"\n", args...) }
	for _, cell := range run.Cells {
		energy, err := options.Cell(out, run, cell)
		if err != nil {
			return summary, err
		}
		for _, w := range energy.Warnings {
			warn("cell %s: %s", cell.ID, w)
		}
	}
	assessments, err := derivation.NewAmortization(f.inventory).Run(out)
	if err != nil {
		// Without a success there is nothing to amortize; the summary says so too.
		warn("%v", err)
	}
	if n := len(lca.Warnings(assessments)); n > 0 {
		fmt.Fprintf(env.stderr, "C_FU by inventory %s: %d notes on its assumptions and gaps; 'cfu amortize %s --inventory %[1]s' prints them\n", f.inventory, n, out)
	}
	summary, last, err := f.summarize(out)
	if err != nil {
		return summary, err
	}
	if err := summary.WriteTable(env.stdout); err != nil {
		return summary, fmt.Errorf("print summary: %w", err)
	}
	_, err = fmt.Fprintf(env.stdout, "\n%s\n", last)
	return summary, err
}

// summarize writes summary.json and, if it is asked for, report.html, and
// returns the path of the last of them.
func (f derivationFlags) summarize(out string) (summary.Summary, string, error) {
	if f.report {
		path := filepath.Join(out, runfolder.ReportFile)
		s, err := writeReport(out, path, summary.Options{Limits: summary.DefaultLimits()})
		return s, path, err
	}
	s, err := summary.Summarize(out)
	if err != nil {
		return s, "", err
	}
	return s, filepath.Join(out, runfolder.SummaryFile), summary.WriteSummary(out, s)
}
