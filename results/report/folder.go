package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"cfubench/internal/atomicfile"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Make summarizes the run in dir by o, writes its summary.json and, unless
// output is "", the page to output. Whatever changes a table of a run folder ends
// with Make or Refresh, so that all files of the folder say the same.
func Make(ctx context.Context, dir string, run runfolder.Run, output string, o summary.Options) (summary.Summary, error) {
	if output != "" {
		o.Traces = tracesShown
	}
	s, err := summary.SummarizeWith(ctx, dir, run, o)
	if err != nil {
		return s, err
	}
	if err := summary.WriteSummary(dir, s); err != nil || output == "" {
		return s, err
	}
	return s, atomicfile.Stream(output, func(w io.Writer) error { return Write(w, run, s) })
}

// Refresh makes summary.json and report.html of the run in dir again, each if
// it is there, with the SLO that the summary has; shared is what the command has read
// of the cells, nil if nothing. It returns that summary, an empty one where neither is
// there.
func Refresh(ctx context.Context, dir string, run runfolder.Run, shared *derivation.Shared) (s summary.Summary, err error) {
	output := filepath.Join(dir, runfolder.ReportFile)
	switch _, err := runfolder.Stat(output); {
	case errors.Is(err, fs.ErrNotExist):
		output = ""
	case err != nil:
		return s, fmt.Errorf("make %s again: %w", runfolder.ReportFile, err)
	}
	o, err := summary.MadeWith(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if output == "" {
			return s, nil
		}
		o, err = summary.Options{Limits: summary.DefaultLimits()}, nil
	}
	if err != nil {
		return s, err
	}
	o.Shared = shared
	return Make(ctx, dir, run, output, o)
}
