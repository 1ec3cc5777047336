package rendezvous

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// Clock bounds how far another shard's wall clock is ahead of this host's: that
// shard wrote its time after it had seen the start, and this one read it later,
// which holds whatever the file system's delays are.
type Clock struct {
	Shard  int
	Lo, Hi time.Duration
}

// Apart is the least by which the clocks differ, 0 if they may agree.
func (c Clock) Apart() time.Duration {
	switch {
	case c.Lo > 0:
		return c.Lo
	case c.Hi < 0:
		return -c.Hi
	}
	return 0
}

// arrived tells whoever made the start when this shard saw it. A start that is
// further off than the lead was made by a clock ahead of this one.
func (b Barrier) arrived(dir string, start time.Time, lead time.Duration) error {
	now := b.now()
	if lead == 0 {
		return nil
	}
	if behind := start.Sub(now) - lead; behind > lead {
		return fmt.Errorf("rendezvous %s: this host's clock is behind another shard's by at least %v: set the hosts' clocks (NTP)", dir, behind.Round(time.Millisecond))
	}
	if _, err := writeTime(filepath.Join(dir, "seen-"+strconv.Itoa(b.Shard)), now); err != nil {
		return fmt.Errorf("answer the start: %w", err)
	}
	return nil
}

// compare waits, for half of the lead, for the others' answers to a start made at
// began. A shard that is slower to answer says nothing of its clock.
func (b Barrier) compare(ctx context.Context, dir string, began time.Time, lead time.Duration) ([]Clock, error) {
	var clocks []Clock
	found := map[int]bool{b.Shard: true}
	wait, cancel := context.WithTimeout(ctx, lead/2)
	defer cancel()
	tick := time.NewTicker(poll / 5)
	defer tick.Stop()
	for len(found) < b.Of {
		for i := 1; i <= b.Of; i++ {
			if found[i] {
				continue
			}
			seen, ok, err := readTime(filepath.Join(dir, "seen-"+strconv.Itoa(i)))
			if err != nil {
				return clocks, err
			}
			if ok {
				found[i] = true
				clocks = append(clocks, Clock{Shard: i, Lo: seen.Sub(b.now()), Hi: seen.Sub(began)})
			}
		}
		select {
		case <-tick.C:
		case <-wait.Done():
			return clocks, context.Cause(ctx)
		}
	}
	return clocks, nil
}
