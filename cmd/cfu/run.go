package main

import (
	"context"
	"errors"
	"fmt"
)

// run measures what the configuration says and derives the rest.
func (c runConfig) run(ctx context.Context, env environment) error {
	s, err := newSweep(env, c)
	if err != nil {
		return err
	}
	runErr := s.run(ctx)
	if len(s.record.Cells) == 0 {
		return runErr
	}
	// What was measured is derived and shown even if the run ended early.
	return errors.Join(runErr, c.derivation.derive(env, c.out))
}

// interruptedError is how a run ends that was told to.
func interruptedError(out string) error {
	return fmt.Errorf("interrupted: what was measured is in %s; the same command with --resume goes on", out)
}
