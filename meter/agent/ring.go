package agent

import (
	"context"
	"sync"

	"cfubench/meter"
)

// ring keeps the newest readings under consecutive sequence numbers, from 1.
type ring struct {
	mu      sync.Mutex
	kept    []meter.Reading // reading n is at n modulo its length
	last    int64           // number of the newest reading, 0 before the first
	changed chan struct{}   // closed and replaced when readings come
}

func newRing(size int) *ring {
	return &ring{kept: make([]meter.Reading, size), changed: make(chan struct{})}
}

// put keeps a copy of readings and wakes those who wait for them.
func (r *ring) put(readings []meter.Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reading := range readings {
		r.last++
		r.kept[r.last%int64(len(r.kept))] = reading
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// newest is the number of the newest reading.
func (r *ring) newest() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// after appends to dst the readings with numbers above n, at most limit, and
// returns the number of the first. If the ring no longer reaches back to n+1
// that number is larger. Without readings it returns 0.
func (r *ring) after(n int64, limit int, dst []meter.Reading) (first int64, out []meter.Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = max(n+1, r.last-int64(len(r.kept))+1, 1)
	if first > r.last {
		return 0, dst
	}
	for i := first; i <= min(r.last, first+int64(limit)-1); i++ {
		dst = append(dst, r.kept[i%int64(len(r.kept))])
	}
	return first, dst
}

// wait returns when there is a reading above n or ctx ends.
func (r *ring) wait(ctx context.Context, n int64) {
	for {
		r.mu.Lock()
		there, changed := r.last > n, r.changed
		r.mu.Unlock()
		if there {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
