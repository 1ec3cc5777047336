package main

import (
	"context"
	"fmt"
	"time"

	"cfubench/internal/failure"
	"cfubench/internal/folder"
	"cfubench/internal/screen"
	"cfubench/internal/subcommand"
	"cfubench/results/summary"
	"cfubench/results/sweep"
)

// afterInterrupt is how long what was measured until an interrupt may take to be
// derived.
const afterInterrupt = 2 * time.Second

// run measures what the configuration says and derives the rest.
func (f *runFlags) run(ctx context.Context, env subcommand.Environment) error {
	env.Hold()
	sayBuild(env, "run")
	release, err := folder.OwnNew(f.Out, "cfu run", env.Say)
	if err != nil {
		return err
	}
	defer release()
	run, runErr := sweep.Run(ctx, f.Config, screen.NewStatus(env.Stdout, env.Stderr, env.Secrets))
	if len(run.Cells) == 0 {
		return runErr
	}
	// What was measured is derived and shown even if the run ended early. Then
	// the verdict, which is in the table, is no reason of its own. An interrupt ends
	// the measuring, and leaves the rest little time; a second one ends the process.
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(context.WithoutCancel(ctx), afterInterrupt,
			fmt.Errorf("interrupted: cfu attribute, cfu amortize and cfu report derive the rest from what is in %s", f.Out))
		defer cancel()
	}
	var summary summary.Summary
	err = subcommand.Abandon(ctx, func() error {
		var err error
		summary, err = f.derivation.derive(ctx, env, f.Out)
		return err
	})
	if err = failure.Join(runErr, err); err != nil {
		return err
	}
	return summary.Validity.Err()
}
