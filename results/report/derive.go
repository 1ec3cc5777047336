package report

import (
	"context"
	"path/filepath"

	"cfubench/attribution/lca"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Derivation is the second half of a run, which can be run again without the engine:
// joules to requests, C_FU, summary and report, from the raw tables.
type Derivation struct {
	Config *runfolder.Config // of which the attribution and the inventory are used
	Page   bool              // also write report.html
	// Warn says a doubt; Note says how many assumptions the footprint rests on.
	Warn func(format string, args ...any)
	Note func(assumptions int)
}

// Check refuses choices that cannot be meant, and an inventory that cannot be read,
// before anything is measured.
func (d Derivation) Check() error {
	if _, err := derivation.ParseAttribution(*d.Config); err != nil {
		return err
	}
	if d.Config.Inventory == "" || d.Config.Inventory == derivation.NoInventory {
		return nil
	}
	_, err := lca.Load(d.Config.Inventory, derivation.Files{})
	return err
}

// Run derives all of the run folder out and returns its summary and the path of the
// last file that was written.
func (d Derivation) Run(ctx context.Context, out string) (s summary.Summary, last string, err error) {
	run, err := runfolder.ReadRun(out)
	if err != nil {
		return s, "", err
	}
	derivation.BoundMemory(out, run)
	options, err := derivation.ParseAttribution(*d.Config)
	if err != nil {
		return s, "", err
	}
	if options.Bare, err = derivation.ReadBare(out, run); err != nil {
		return s, "", err
	}
	options.Shared = derivation.Share(run)
	cells, err := options.Run(ctx, out, run)
	if err != nil {
		return s, "", err
	}
	for _, c := range cells {
		for _, w := range c.Warnings {
			d.Warn("cell %s: %s", c.Cell, w)
		}
	}
	if run.Record == nil || run.Record.Serves() { // others deliver nothing
		notes, err := derivation.NewAmortization(d.Config.Inventory).Run(ctx, out, run, nil)
		if err != nil {
			// Without a success there is nothing to amortize; the summary says so too.
			d.Warn("%v", err)
		}
		if n := len(notes); n > 0 {
			d.Note(n)
		}
	}
	last, page := filepath.Join(out, runfolder.SummaryFile), ""
	if d.Page {
		page = filepath.Join(out, runfolder.ReportFile)
		last = page
	}
	s, err = Make(ctx, out, run, page, summary.Options{Limits: summary.DefaultLimits(), Shared: options.Shared})
	return s, last, err
}
