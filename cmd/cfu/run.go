package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
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
	// What was measured is derived and shown even if the run ended early. Then
	// the verdict, which is in the table, is no reason of its own.
	summary, err := c.derivation.derive(env, c.out)
	if err = also(runErr, err); err != nil {
		return err
	}
	return verdictError(summary)
}

// also joins what failed first and what failed after it, unless both are one
// cause: a full disk fails every table, and is said once.
func also(first, next error) error {
	var a, b syscall.Errno
	if errors.As(first, &a) && errors.As(next, &b) && a == b {
		return first
	}
	return errors.Join(first, next)
}

// interruptedError is how a run ends that was told to.
func interruptedError(out string) error {
	return fmt.Errorf("interrupted: what was measured is in %s; the same command with --resume goes on", out)
}
