package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cfubench/loadgen/mock"
)

// lastMoment is how long work may take to see that it is interrupted.
const lastMoment = time.Second

// abandon does work that holds nothing but files that appear whole or not at all:
// an interrupt that it does not see within a moment leaves it where it stands.
func abandon(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(lastMoment):
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}

// holds reports whether a command has processes, sensors or connections to put
// away, which it ends itself.
func (c command) holds() bool {
	return slices.Contains([]string{"run", "shapley", "selftest", "agent", "record", "watch", "meters", mock.Argument}, c.name)
}
