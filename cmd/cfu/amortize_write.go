package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/attribution/lca/report"
	"cfubench/results/runfolder"
)

// printPreset prints an inventory preset, or a part, as it can be written.
func printPreset(w io.Writer, name string) error {
	text, err := lca.PresetText(name)
	if err != nil {
		return usageError{err}
	}
	_, err = w.Write(text)
	return err
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
	for _, form := range f.forms {
		name, path, _ := strings.Cut(form, "=")
		if err := writeFile(path, func(w io.Writer) error { return report.WriteShape(w, name, assessments) }); err != nil {
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

// writeFile makes path with what render writes, if it writes it all.
func writeFile(path string, render func(io.Writer) error) error {
	var text bytes.Buffer
	if err := render(&text); err != nil {
		return err
	}
	if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// footprintCSV prints the footprint table.
func footprintCSV(w io.Writer, assessments []lca.Assessment) error {
	out := csv.NewWriter(w)
	out.Write([]string{"cell", "functional_unit", "category", "unit", "stage", "value", "lo", "hi", "boundary", "source", "kind"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, a := range assessments {
		for _, r := range a.Rows {
			out.Write([]string{r.Cell, r.FunctionalUnit, string(r.Category), r.Unit, string(r.Stage), number(r.Value), number(r.Lo), number(r.Hi), r.Boundary, r.Source, string(r.Kind)})
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
