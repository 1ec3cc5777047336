// Package polled makes a meter.Source of a register that has to be asked for
// over a network: its own goroutine asks, at the register's rate and not at the
// sampler's, and Read hands over what has come since. A slow answer blocks
// nobody, and every reading carries the bounds of the request that it came by.
package polled

import (
	"context"
	"sync"
	"time"

	"cfubench/meter"
)

// Fetch asks once and appends one reading per domain to dst, numbered as the
// domains are, without their times. It returns nothing where the request failed.
type Fetch func(ctx context.Context, dst []meter.Reading) []meter.Reading

// Source is a polled register. Close ends its goroutine.
type Source struct {
	domains []meter.Domain
	period  time.Duration
	cancel  context.CancelFunc
	done    chan struct{}
	release func() error

	mu      sync.Mutex
	pending []meter.Reading
}

var _ meter.Source = (*Source)(nil)

// most bounds the readings kept for a sampler that does not come: more than an
// hour of one domain at one a second.
const most = 4096

// New starts to poll every period until ctx ends or the source is closed; each
// request may take patience. release, if not nil, is called when the source is
// closed.
func New(ctx context.Context, clock meter.Clock, domains []meter.Domain, period, patience time.Duration, fetch Fetch, release func() error) *Source {
	ctx, cancel := context.WithCancel(ctx)
	s := &Source{domains: domains, period: period, cancel: cancel, done: make(chan struct{}), release: release}
	go func() {
		defer close(s.done)
		s.run(ctx, clock, period, patience, fetch)
	}()
	return s
}

func (s *Source) run(ctx context.Context, clock meter.Clock, period, patience time.Duration, fetch Fetch) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var readings []meter.Reading
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		before := clock()
		readings = s.ask(ctx, patience, fetch, readings[:0])
		after := clock()
		if ctx.Err() != nil {
			return // the answer was cut off by the end, not by the register
		}
		if len(readings) == 0 {
			for i := range s.domains {
				readings = append(readings, meter.Reading{Domain: i, Status: meter.StatusTransient})
			}
		}
		for i := range readings {
			readings[i].Before, readings[i].After = before, after
		}
		s.keep(readings)
		timer.Reset(max(before+period-clock(), 0))
	}
}

func (s *Source) ask(ctx context.Context, patience time.Duration, fetch Fetch, dst []meter.Reading) []meter.Reading {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return fetch(ctx, dst)
}

func (s *Source) keep(readings []meter.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if excess := len(s.pending) + len(readings) - most; excess > 0 && excess <= len(s.pending) {
		s.pending = append(s.pending[:0], s.pending[excess:]...)
	}
	s.pending = append(s.pending, readings...)
}

// Domains implements meter.Source.
func (s *Source) Domains() []meter.Domain { return append([]meter.Domain(nil), s.domains...) }

// Period is the time between two requests.
func (s *Source) Period(string) time.Duration { return s.period }

// Read implements meter.Source: it appends what was read since the last call,
// often nothing.
func (s *Source) Read(dst []meter.Reading) []meter.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, s.pending...)
	s.pending = s.pending[:0]
	return dst
}

// Close implements meter.Source. It waits for the request under way to be cut
// off.
func (s *Source) Close() error {
	s.cancel()
	<-s.done
	if s.release == nil {
		return nil
	}
	return s.release()
}
