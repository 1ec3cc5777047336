package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/attribution/lca/report"
	"cfubench/internal/subcommand"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// printPreset prints an inventory preset, or a part, as it can be written.
func printPreset(w io.Writer, name string) error {
	text, err := lca.PresetText(name)
	if err != nil {
		return subcommand.UsageError{Err: err}
	}
	_, err = w.Write(text)
	return err
}

// writesFiles reports whether a file was asked for.
func (f *amortizeFlags) writesFiles() bool {
	return len(f.reports) > 0 || len(f.forms) > 0 || f.figure != "" || f.disclosure != ""
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
		block, err := derivation.Disclosure(assessments, run)
		if err != nil {
			return err
		}
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
