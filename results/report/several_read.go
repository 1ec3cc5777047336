package report

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cfubench/internal/atomicfile"
	"cfubench/results/comparison"
	"cfubench/results/summary"
)

// SeveralOptions say how several runs are read and set beside each other.
type SeveralOptions struct {
	summary.Options
	By     string   // the metric to rank by, "" for energy per request
	Across []string // dimensions in which the runs may differ
}

// Several are runs that can be compared, and the choice among their load points.
type Several struct {
	Choice   comparison.Choice
	subjects []comparison.Subject
	warnings []string
	how      comparison.ChooseOptions
}

// ReadSeveral reads the runs in dirs, which stay as they are. Runs that cannot be
// compared are an error.
func ReadSeveral(ctx context.Context, dirs []string, o SeveralOptions) (Several, error) {
	var s Several
	var err error
	if s.subjects, err = comparison.LoadAll(ctx, dirs, o.Options); err != nil {
		return s, err
	}
	comparison.Shorten(s.subjects)
	if s.warnings, err = comparison.Check(s.subjects[0], s.subjects[1:], o.Across); err != nil {
		return s, err
	}
	s.how = comparison.ChooseOptions{Metric: o.By, Share: s.subjects[0].Run.Config.SLOShare, Seed: 1}
	s.Choice, err = comparison.Choose(s.subjects, s.how)
	return s, err
}

// WriteFile writes the page of all runs to path.
func (s Several) WriteFile(path string) error {
	return atomicfile.Stream(path, func(w io.Writer) error {
		return WriteSeveral(w, s.subjects, s.warnings, s.how)
	})
}

// Err is the error of the runs that are invalid, nil if none is.
func (s Several) Err() error {
	var invalid []error
	for _, one := range s.subjects {
		if err := one.Summary.Validity.Err(); err != nil {
			invalid = append(invalid, fmt.Errorf("%s: %w", one.Name, err))
		}
	}
	return errors.Join(invalid...)
}
