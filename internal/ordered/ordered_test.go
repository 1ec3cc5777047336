package ordered_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"cfubench/internal/ordered"
)

// Results come in the order of the jobs, whichever ends first.
func TestResultsInOrder(t *testing.T) {
	const n = 500
	var under, most atomic.Int64
	want := 0
	for got, err := range ordered.Results(t.Context(), n, nil, func(_ context.Context, job int) (int, error) {
		now := under.Add(1)
		defer under.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		for range job % 7 {
			runtime.Gosched()
		}
		return job, nil
	}) {
		if err != nil || got != want {
			t.Fatalf("got job %d and %v, want job %d", got, err, want)
		}
		want++
	}
	if want != n {
		t.Errorf("got %d results, want %d", want, n)
	}
	if limit := int64(runtime.GOMAXPROCS(0)); most.Load() > limit {
		t.Errorf("%d jobs ran at once on %d processors", most.Load(), limit)
	}
}

// A job that has the whole budget runs alone.
func TestHeavyJobsRunAlone(t *testing.T) {
	var under atomic.Int64
	for _, err := range ordered.Results(t.Context(), 50, func(int) int64 { return 10 * ordered.Budget }, func(context.Context, int) (int, error) {
		defer under.Add(-1)
		if n := under.Add(1); n > 1 {
			return 0, errors.New("two at once")
		}
		runtime.Gosched()
		return 0, nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The first error in order is the last result, whoever fails first, and nothing runs
// when the loop is left, also by break.
func TestResultsEnd(t *testing.T) {
	bad := errors.New("bad")
	for _, tt := range []struct {
		does  string
		stop  int // a break after that many results
		end   int // the context ends in this job
		fail  int
		want  int // results without error
		cause error
	}{
		{"an error ends it", -1, -1, 20, 20, bad},
		{"a break ends it", 5, -1, 20, 5, nil},
		{"the context's end is an error", -1, 10, -5, -1, context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var under atomic.Int64
		got, last := 0, error(nil)
		for _, err := range ordered.Results(ctx, 100, nil, func(ctx context.Context, job int) (int, error) {
			under.Add(1)
			defer under.Add(-1)
			switch job {
			case tt.fail, tt.fail + 1:
				return 0, bad
			case tt.end:
				cancel()
				return 0, ctx.Err()
			}
			return job, nil
		}) {
			if last = err; err == nil {
				got++
			}
			if got == tt.stop {
				break
			}
		}
		cancel()
		if n := under.Load(); n != 0 {
			t.Errorf("%s: %d jobs still run", tt.does, n)
		}
		if !errors.Is(last, tt.cause) || tt.want >= 0 && got != tt.want {
			t.Errorf("%s: got %d results and %v, want %d and %v", tt.does, got, last, tt.want, tt.cause)
		}
	}
}
