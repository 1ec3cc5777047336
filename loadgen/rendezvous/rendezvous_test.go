package rendezvous

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAllShardsLeaveWithTheSameTime(t *testing.T) {
	dir := t.TempDir()
	const n = 8
	before := time.Now()
	times := make([]time.Time, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			got, err := Meet(t.Context(), dir, i+1, n, time.Second)
			if err != nil {
				t.Errorf("shard %d: got error %v, want none", i+1, err)
			}
			times[i] = got
		})
	}
	wg.Wait()
	for i, got := range times {
		if !got.Equal(times[0]) {
			t.Errorf("shard %d: got start %v, want the common %v", i+1, got, times[0])
		}
	}
	if times[0].Before(before.Add(time.Second)) {
		t.Errorf("got start %v, want at least the lead of 1s after %v", times[0], before)
	}
}

func TestNobodyStartsAlone(t *testing.T) {
	tests := []struct {
		why    string
		before func(t *testing.T, dir string)
		want   string
	}{
		{"a shard that never comes: the wait ends with the context", func(*testing.T, string) {}, "waiting for the other shards"},
		{"a folder whose meeting was held", func(t *testing.T, dir string) {
			if _, err := Meet(t.Context(), dir, 1, 1, 0); err != nil {
				t.Fatal(err)
			}
		}, "already held"},
		{"two shards with one number", func(t *testing.T, dir string) {
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			go Meet(ctx, dir, 1, 2, 0)
			for !here(dir, 1) {
				time.Sleep(time.Millisecond)
			}
		}, "there already"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			tt.before(t, dir)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := Meet(ctx, dir, 1, 2, 0)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that says %q", err, tt.want)
			}
		})
	}
}
