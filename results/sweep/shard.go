package sweep

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"cfubench/loadgen/rendezvous"
)

// syncPoint is a point of a cell at which the shards of a run wait for each other.
type syncPoint string

const (
	syncIdle  syncPoint = "idle"  // nobody sends: the baseline may begin
	syncStart syncPoint = "start" // all leave with the common start of the window
	syncEnd   syncPoint = "end"   // nobody sends any more
)

// startLead is the time between the last shard's arrival at the rendezvous and
// the common start: enough for the news to spread over a network file system.
const startLead = 2 * time.Second

// Bounds on how far the shards' clocks may be apart. Every stamp of a shard is off
// by that on the metering shard's time, and its start is as early or late.
const (
	clocksWarn = 50 * time.Millisecond
	clocksFail = time.Second
)

// barrier is where this shard waits for the others.
func (s *sweep) barrier() rendezvous.Barrier {
	return rendezvous.Barrier{Dir: s.config.Rendezvous, Shard: s.config.ShardIndex, Of: s.config.ShardCount}
}

// waitForShards waits for the other shards at --rendezvous and returns the time that
// they have in common, zero without a rendezvous. A shard that does not come is
// given up after --ready-timeout, at the end of a cell only after the time that
// a request of its may take; one that says that it has given up, at once.
func (s *sweep) waitForShards(ctx context.Context, cell string, p syncPoint) (time.Time, error) {
	if s.config.Rendezvous == "" {
		return time.Time{}, nil
	}
	lead, patience, flags := time.Duration(0), s.config.ReadyTimeout, "--ready-timeout"
	switch p {
	case syncStart:
		lead = startLead
	case syncEnd:
		patience, flags = patience+s.config.Timeout, "--ready-timeout and --timeout"
	}
	wait, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no sign of them for %v (%s)", patience, flags))
	defer cancel()
	released, err := s.barrier().Wait(wait, filepath.Join(cell, string(p)), lead)
	if err != nil {
		return released.Start, err
	}
	for _, c := range released.Clocks {
		switch apart := c.Apart(); {
		case apart > clocksFail:
			return released.Start, fmt.Errorf("cell %s: shard %d's clock differs from this host's by at least %v: set the hosts' clocks (NTP)", cell, c.Shard, apart.Round(time.Millisecond))
		case apart > clocksWarn:
			s.warn("cell %s: shard %d's clock differs from this host's by at least %v: its times are off by that", cell, c.Shard, apart.Round(time.Millisecond))
		}
	}
	return released.Start, nil
}

// leave tells the other shards that this one has failed.
func (s *sweep) leave(why error) error {
	if s.config.Rendezvous == "" || why == nil {
		return nil
	}
	return s.barrier().Abandon(why)
}

// awaitStart holds a shard until the start that it has in common with the
// others: of every cell at the rendezvous, of the first one at --start-at.
func (s *sweep) awaitStart(ctx context.Context, cell string) error {
	start, err := s.waitForShards(ctx, cell, syncStart)
	if err != nil {
		return err
	}
	if s.config.Rendezvous == "" && len(s.record.Cells) == 0 {
		start = s.config.StartAt
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
