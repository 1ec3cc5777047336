package rendezvous

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// waitAll makes n shards wait for each other, each with its clock ahead by ahead(shard).
func waitAll(t *testing.T, n int, lead time.Duration, ahead func(shard int) time.Duration) ([]Release, []error) {
	t.Helper()
	dir := t.TempDir()
	met, errs := make([]Release, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		b := Barrier{Dir: dir, Shard: i + 1, Of: n, Now: func() time.Time { return time.Now().Add(ahead(i + 1)) }}
		wg.Go(func() { met[i], errs[i] = b.Wait(t.Context(), "cell/start", lead) })
	}
	wg.Wait()
	return met, errs
}

func TestAllShardsLeaveWithTheSameTime(t *testing.T) {
	const n = 8
	before := time.Now()
	met, errs := waitAll(t, n, time.Second, func(int) time.Duration { return 0 })
	compared := 0
	for i, m := range met {
		if errs[i] != nil {
			t.Errorf("shard %d: got error %v, want none", i+1, errs[i])
		}
		if !m.Start.Equal(met[0].Start) {
			t.Errorf("shard %d: got start %v, want the common %v", i+1, m.Start, met[0].Start)
		}
		for _, c := range m.Clocks {
			compared++
			if c.Apart() != 0 {
				t.Errorf("shard %d says that the clock of shard %d is ahead by %v to %v, want that they may agree", i+1, c.Shard, c.Lo, c.Hi)
			}
		}
	}
	if compared != n-1 {
		t.Errorf("got %d clocks compared, want those of all but one, by that one", compared)
	}
	if met[0].Start.Before(before.Add(time.Second)) {
		t.Errorf("got start %v, want at least the lead of 1s after %v", met[0].Start, before)
	}
}

// Whoever makes the start learns the others' clocks: their true difference lies
// within the bounds, however far it is.
func TestClocksAreBounded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// The second's clock is behind by less than what it gives up at.
		off := time.Duration(rapid.Int64Range(int64(-400*time.Millisecond), int64(time.Hour)).Draw(r, "ahead"))
		const lead = 400 * time.Millisecond
		dir := t.TempDir()
		defer os.RemoveAll(dir)
		first := Barrier{Dir: dir, Shard: 1, Of: 2}
		second := Barrier{Dir: dir, Shard: 2, Of: 2, Now: func() time.Time {
			// The first makes the start, however late it comes.
			for !fileExists(filepath.Join(dir, "m", "start")) {
				time.Sleep(time.Millisecond)
			}
			return time.Now().Add(off)
		}}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := second.Wait(t.Context(), "m", lead); err != nil {
				r.Errorf("second: %v", err)
			}
		})
		for !fileExists(filepath.Join(dir, "m", "ready-2")) {
			time.Sleep(time.Millisecond)
		}
		met, err := first.Wait(t.Context(), "m", lead)
		wg.Wait()
		if err != nil {
			r.Fatalf("first: %v", err)
		}
		for _, c := range met.Clocks {
			if c.Shard != 2 || c.Lo > off || off > c.Hi {
				r.Errorf("shard %d is ahead by %v, which is not within [%v, %v]", c.Shard, off, c.Lo, c.Hi)
			}
			if c.Apart() > off.Abs() {
				r.Errorf("apart by %v at least, want at most the true %v", c.Apart(), off)
			}
		}
	})
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A start that another's clock has made an hour from now is not waited for.
func TestAClockThatIsBehindIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := Barrier{Dir: dir, Shard: 1, Of: 2}
	go func() {
		for !fileExists(filepath.Join(dir, "m", "ready-1")) {
			time.Sleep(time.Millisecond)
		}
		writeTime(filepath.Join(dir, "m", "start"), time.Now().Add(time.Hour))
	}()
	if _, err := b.Wait(t.Context(), "m", time.Second); err == nil || !strings.Contains(err.Error(), "behind another shard's by at least 59m5") {
		t.Errorf("got error %v, want one of the hour", err)
	}
}

func TestNobodyStartsAlone(t *testing.T) {
	tests := []struct {
		why    string
		before func(t *testing.T, b Barrier)
		want   string
	}{
		{"a shard that never comes: the wait ends with the context", func(*testing.T, Barrier) {}, "waiting for the other shards"},
		{"a folder in which shards have started", func(t *testing.T, b Barrier) {
			if _, err := (Barrier{Dir: b.Dir, Shard: 1, Of: 1}).Wait(t.Context(), "m", 0); err != nil {
				t.Fatal(err)
			}
		}, "have already started"},
		{"two shards with one number", func(t *testing.T, b Barrier) {
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			go b.Wait(ctx, "m", 0)
			for !fileExists(filepath.Join(b.Dir, "m", "ready-1")) {
				time.Sleep(time.Millisecond)
			}
		}, "there already"},
		{"a shard that has given up is not waited for, and its reason is told", func(t *testing.T, b Barrier) {
			if err := (Barrier{Dir: b.Dir, Shard: 2, Of: 2}).Abandon(errors.New("GET /health:\nconnection refused")); err != nil {
				t.Fatal(err)
			}
		}, "shard 2 has given up: GET /health: connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			b := Barrier{Dir: t.TempDir(), Shard: 1, Of: 2}
			tt.before(t, b)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := b.Wait(ctx, "m", 0)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that says %q", err, tt.want)
			}
		})
	}
}
