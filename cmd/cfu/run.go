package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// runRun is `cfu run`.
func runRun(ctx context.Context, env environment, args []string) error {
	c, usage, err := parseRun(args)
	if errors.Is(err, pflag.ErrHelp) {
		_, err := io.WriteString(env.stdout, usage)
		return err
	}
	if err != nil {
		return err
	}
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
