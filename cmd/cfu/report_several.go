package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cfubench/internal/atomicfile"
	"cfubench/internal/subcommand"
	"cfubench/results/comparison"
	"cfubench/results/report"
	"cfubench/results/summary"
)

// severalReport is where the page of several runs goes by default: beside none of
// them.
const severalReport = "cfu-report.html"

// reportSeveral writes one page of the runs in dirs to path and prints the
// decision. The folders stay as they are.
func reportSeveral(ctx context.Context, env subcommand.Environment, dirs []string, path string, o summary.Options, by string, across []string) error {
	var subjects []comparison.Subject
	for _, dir := range dirs {
		s, err := comparison.Load(ctx, dir, o)
		if err != nil {
			return err
		}
		subjects = append(subjects, s)
	}
	comparison.Shorten(subjects)
	warnings, err := comparison.Check(subjects[0], subjects[1:], across)
	if err != nil {
		return err
	}
	how := comparison.ChooseOptions{Metric: by, Share: subjects[0].Run.Config.SLOShare, Seed: 1}
	choice, err := comparison.Choose(subjects, how)
	if err == nil {
		err = choice.WriteText(env.Stdout)
	}
	if err != nil {
		return err
	}
	if err := atomicfile.Stream(path, func(w io.Writer) error {
		return report.WriteSeveral(w, subjects, warnings, how)
	}); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "\n%s\n", path)
	var invalid []error
	for _, s := range subjects {
		if err := verdictError(s.Summary); err != nil {
			invalid = append(invalid, fmt.Errorf("%s: %w", s.Name, err))
		}
	}
	return errors.Join(invalid...)
}
