// Package rendezvous lets the shards of one run start together: they meet in
// a folder that all of them see and leave with one common start time. It needs
// nothing but a shared file system, so it works the same under a job array, an
// Indexed Job, and four shells on one host.
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

// Meet waits until shards 1 to n have all called it with the same folder and
// returns the common start time, at least lead after the last one arrived. The
// hosts' wall clocks must agree to better than lead.
//
// A folder serves one meeting: a shard that finds a meeting already held there
// gets an error, for it would start alone.
func Meet(ctx context.Context, dir string, shard, n int, lead time.Duration) (time.Time, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return time.Time{}, fmt.Errorf("create rendezvous folder: %w", err)
	}
	start := filepath.Join(dir, "start")
	if _, err := os.Stat(start); err == nil {
		return time.Time{}, fmt.Errorf("rendezvous %s: a meeting was already held there: give an empty folder", dir)
	}
	mine := filepath.Join(dir, "ready-"+strconv.Itoa(shard))
	f, err := os.OpenFile(mine, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return time.Time{}, fmt.Errorf("rendezvous %s: shard %d is there already: give an empty folder, and each shard its own number", dir, shard)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("enter rendezvous: %w", err)
	}
	f.Close()

	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if t, ok, err := read(start); err != nil || ok {
			return t, err
		}
		if here(dir, n) {
			if err := propose(start, mine, time.Now().Add(lead)); err != nil {
				return time.Time{}, err
			}
			continue
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			os.Remove(mine) // let a later attempt in
			return time.Time{}, fmt.Errorf("rendezvous %s: waiting for the other shards: %w", dir, context.Cause(ctx))
		}
	}
}

// here reports whether all n shards have arrived.
func here(dir string, n int) bool {
	for i := 1; i <= n; i++ {
		if _, err := os.Stat(filepath.Join(dir, "ready-"+strconv.Itoa(i))); err != nil {
			return false
		}
	}
	return true
}

// propose makes t the start unless another shard was quicker. A hard link
// appears whole or not at all and never replaces what is there, on network
// file systems too.
func propose(start, mine string, t time.Time) error {
	own := mine + ".start"
	if err := os.WriteFile(own, []byte(t.UTC().Format(time.RFC3339Nano)+"\n"), 0o644); err != nil {
		return fmt.Errorf("propose start: %w", err)
	}
	defer os.Remove(own)
	if err := os.Link(own, start); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("propose start: %w", err)
	}
	return nil
}

func read(start string) (time.Time, bool, error) {
	b, err := os.ReadFile(start)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read start: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read start: %w", err)
	}
	return t, true, nil
}
