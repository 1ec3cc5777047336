package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"cfubench/loadgen/rendezvous"
)

// meeting is a point of a cell at which the shards of a run wait for each other.
type meeting string

const (
	meetIdle  meeting = "idle"  // nobody sends: the baseline may begin
	meetStart meeting = "start" // all leave with the common start of the window
	meetEnd   meeting = "end"   // nobody sends any more
)

// startLead is the time between the last shard's arrival at the rendezvous and
// the common start: enough for the news to spread over a network file system.
const startLead = 2 * time.Second

// meet waits for the other shards at --rendezvous and returns the time that
// they have in common, zero without a rendezvous. A shard that does not come is
// given up after --ready-timeout, at the end of a cell only after the time that
// a request of its may take.
func (s *sweep) meet(ctx context.Context, cell string, m meeting) (time.Time, error) {
	if s.config.rendezvous == "" {
		return time.Time{}, nil
	}
	lead, patience, flags := time.Duration(0), s.config.ready, "--ready-timeout"
	switch m {
	case meetStart:
		lead = startLead
	case meetEnd:
		patience, flags = patience+s.config.timeout, "--ready-timeout and --timeout"
	}
	wait, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no sign of them for %v (%s)", patience, flags))
	defer cancel()
	return rendezvous.Meet(wait, filepath.Join(s.config.rendezvous, cell, string(m)), s.config.shardIndex, s.config.shardCount, lead)
}

// awaitStart holds a shard until the start that it has in common with the
// others: of every cell at the rendezvous, of the first one at --start-at.
func (s *sweep) awaitStart(ctx context.Context, cell string) error {
	start, err := s.meet(ctx, cell, meetStart)
	if err != nil {
		return err
	}
	if s.config.rendezvous == "" && len(s.record.Cells) == 0 {
		start = s.config.startAt
	}
	if start.IsZero() {
		return nil
	}
	d := time.Until(start)
	if d < 0 {
		s.warn("cell %s: the common start was %v ago: this shard starts late", cell, -d.Round(time.Millisecond))
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
