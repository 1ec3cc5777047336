package main

import (
	"context"

	"cfubench/internal/failure"
	"cfubench/results/sweep"
)

// run measures what the configuration says and derives the rest.
func (f *runFlags) run(ctx context.Context, env environment) error {
	run, runErr := sweep.Run(ctx, f.Config, newStatus(env))
	if len(run.Cells) == 0 {
		return runErr
	}
	// What was measured is derived and shown even if the run ended early. Then
	// the verdict, which is in the table, is no reason of its own.
	summary, err := f.derivation.derive(env, f.Out)
	if err = failure.Join(runErr, err); err != nil {
		return err
	}
	return verdictError(summary)
}
