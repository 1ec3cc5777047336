// Package rendezvous lets the shards of one run start together: each waits at a
// barrier, a folder that all of them see, and leaves it with one common start time.
// It needs nothing but a shared file system, so it works the same under a job array,
// an Indexed Job, and four shells on one host.
package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// poll is how often a shard looks at the folder.
const poll = 50 * time.Millisecond

// Barrier is where one shard waits for the others of its run.
type Barrier struct {
	// Dir is the folder, empty when the first shard comes. Shard counts from 1
	// to Of.
	Dir       string
	Shard, Of int
	// Now is the host's wall clock; nil for time.Now.
	Now func() time.Time
}

// Release is what a shard leaves a barrier with.
type Release struct {
	// Start is the time that all shards have in common, at least the lead after
	// the last one arrived.
	Start time.Time
	// Clocks is what the wait proved about the other hosts' clocks; only the
	// shard that made the start knows, and only with a lead.
	Clocks []Clock
}

// Wait waits until all shards have called it with the same name. A barrier opens
// once: a shard that finds it open gets an error, because it would start alone. So
// does one that waits for a shard that has given up, and one whose clock is so far
// behind that the start is further off than the lead.
func (b Barrier) Wait(ctx context.Context, name string, lead time.Duration) (Release, error) {
	dir := filepath.Join(b.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Release{}, fmt.Errorf("create rendezvous folder: %w", err)
	}
	start := filepath.Join(dir, "start")
	if _, err := os.Stat(start); err == nil {
		return Release{}, fmt.Errorf("rendezvous %s: the shards have already started there: give an empty folder", dir)
	}
	mine := filepath.Join(dir, "ready-"+strconv.Itoa(b.Shard))
	f, err := os.OpenFile(mine, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return Release{}, fmt.Errorf("rendezvous %s: shard %d is there already: give an empty folder, and each shard its own number", dir, b.Shard)
	}
	if err != nil {
		return Release{}, fmt.Errorf("enter rendezvous: %w", err)
	}
	f.Close()

	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if t, ok, err := readTime(start); err != nil || ok {
			if err == nil {
				err = b.arrived(dir, t, lead)
			}
			return Release{Start: t}, err
		}
		if err := b.abandoned(); err != nil {
			return Release{}, fmt.Errorf("rendezvous %s: %w", dir, err)
		}
		if b.allHere(dir) {
			began := b.now()
			made, err := writeTime(start, began.Add(lead))
			if err != nil {
				return Release{}, fmt.Errorf("propose start: %w", err)
			}
			if made {
				clocks, err := b.compare(ctx, dir, began, lead)
				return Release{began.Add(lead), clocks}, err
			}
			continue // another shard was quicker
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			os.Remove(mine) // let a later attempt in
			return Release{}, fmt.Errorf("rendezvous %s: waiting for the other shards: %w", dir, context.Cause(ctx))
		}
	}
}

func (b Barrier) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// allHere reports whether all shards have arrived.
func (b Barrier) allHere(dir string) bool {
	for i := 1; i <= b.Of; i++ {
		if _, err := os.Stat(filepath.Join(dir, "ready-"+strconv.Itoa(i))); err != nil {
			return false
		}
	}
	return true
}

// Abandon tells the others that this shard will come to no more barriers, and
// why, so that nobody waits for it.
func (b Barrier) Abandon(why error) error {
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return fmt.Errorf("abandon rendezvous: %w", err)
	}
	line := strings.Join(strings.Fields(why.Error()), " ")
	if _, err := publish(filepath.Join(b.Dir, "abandoned-"+strconv.Itoa(b.Shard)), line); err != nil {
		return fmt.Errorf("abandon rendezvous: %w", err)
	}
	return nil
}

// abandoned says which shard has given up, nil if none has.
func (b Barrier) abandoned() error {
	for i := 1; i <= b.Of; i++ {
		text, err := os.ReadFile(filepath.Join(b.Dir, "abandoned-"+strconv.Itoa(i)))
		if err == nil && i != b.Shard {
			return fmt.Errorf("shard %d has given up: %s", i, strings.TrimSpace(string(text)))
		}
	}
	return nil
}

// publish makes a file with one line unless it is there; it reports whether it
// was made. A hard link appears whole or not at all and never replaces what is
// there, on network file systems too.
func publish(path, line string) (made bool, err error) {
	own, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(own.Name())
	_, err = own.WriteString(line + "\n")
	if err = errors.Join(err, own.Close()); err != nil {
		return false, err
	}
	err = os.Link(own.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

func writeTime(path string, t time.Time) (made bool, err error) {
	return publish(path, t.UTC().Format(time.RFC3339Nano))
}

func readTime(path string) (time.Time, bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read start time: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read start time %s: %w", path, err)
	}
	return t, true, nil
}
