// Package session meters a stretch of time: it switches the meters of a host on,
// marks windows on their clock, and hands every raw reading to a sink.
//
// It knows nothing of requests or of files. What a window's readings come to is
// the business of package attribution.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
	"cfubench/meter/host"
)

// Options say what is metered.
type Options struct {
	Meters host.Set
	Clock  meter.Clock
	// Poll is the time between two reads, 0 for each domain's own.
	Poll time.Duration
	// Own tells the processes under test from others that use the devices, nil
	// where nobody knows.
	Own func(pid int) bool
	// States, if set, is called with every look at a device, one call at a time.
	States func(meter.DeviceState)
}

// Session is a stretch under meters. They run from Start until Stop.
type Session struct {
	clock   meter.Clock
	sampler *meter.Sampler
	watch   *host.Watch
	stop    context.CancelFunc
	group   *errgroup.Group
	failed  chan struct{}
	err     error // of the sampler, once failed is closed
}

// New returns a session that has not begun: its domains are known.
func New(o Options) *Session {
	s := &Session{
		clock: o.Clock, sampler: meter.NewSampler(o.Clock, o.Meters.Sources, o.Poll),
		watch: host.NewWatch(o.Meters, o.Own), failed: make(chan struct{}),
	}
	if o.States != nil {
		s.watch.Each(o.States)
	}
	return s
}

// Domains are what is read, in the order that readings number them.
func (s *Session) Domains() []meter.Domain { return s.sampler.Domains() }

// Start switches the meters on and passes every reading to sink, one call at a
// time; the slice is the session's again when sink returns. The meters outlive
// ctx's end: what is stopped is metered to its last moment, until Stop.
func (s *Session) Start(ctx context.Context, sink func([]meter.Reading) error) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.group = new(errgroup.Group)
	s.group.Go(func() error {
		err := s.sampler.Run(ctx, sink)
		if err != nil && ctx.Err() == nil {
			s.err = err
			close(s.failed)
		}
		return err
	})
	s.group.Go(func() error { return s.watch.Run(ctx) })
}

// Failed is closed when the meters have failed before Stop: Err says why.
func (s *Session) Failed() <-chan struct{} { return s.failed }

// Err is why the meters failed. It is set once Failed is closed.
func (s *Session) Err() error { return s.err }

// Stop switches the meters off and returns why they failed, if they did.
func (s *Session) Stop() error {
	s.stop()
	err := s.group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Await waits until every meter has been read from now on, so that what follows
// lies between readings. A meter that does not answer does not hold the caller
// up: its gap is among the readings. The error is ctx's cause.
func (s *Session) Await(ctx context.Context) error {
	from := s.clock()
	for i, d := range s.sampler.Domains() {
		patience := from + max(time.Second, 2*d.UpdatePeriod)
		for s.clock() < patience {
			if r, ok := s.sampler.Latest(i); ok && r.Before >= from {
				break
			}
			if err := sleep(ctx, time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// Idle is a window of length d in which nothing is asked of what is metered. A
// length of zero is an empty window. The error is ctx's cause.
func (s *Session) Idle(ctx context.Context, d time.Duration) (meter.Window, error) {
	if d == 0 {
		return meter.Window{}, nil
	}
	return s.Window(func() error { return sleep(ctx, d) })
}

// Window is the time that do takes.
func (s *Session) Window(do func() error) (meter.Window, error) {
	w := meter.Window{Start: s.clock()}
	err := do()
	w.End = s.clock()
	if err != nil {
		return meter.Window{}, err
	}
	return w, nil
}

// Latest is the last reading of a domain, false before the first.
func (s *Session) Latest(domain int) (meter.Reading, bool) { return s.sampler.Latest(domain) }

// Cost is what reading each source cost so far.
func (s *Session) Cost() []meter.SourceCost { return s.sampler.Cost() }

// Seen is what was seen of the devices beside their readings, as JSON, with
// doubts about it in one line each; foreign says that processes not under test
// used them.
func (s *Session) Seen() (devices json.RawMessage, foreign bool, warnings []string, err error) {
	devices, err = s.watch.JSON()
	return devices, s.watch.Foreign(), s.watch.Warnings(), err
}

// Strays names the devices that the processes under test used although they are
// not among the summed domains, in a line each.
func (s *Session) Strays(summed []meter.Domain) []string { return s.watch.Strays(summed) }

// sleep waits for d or until ctx ends, with its cause.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
