package agent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/outside"
	"cfubench/meter"
)

const (
	// patience is how long an agent may take to answer a question.
	patience = 10 * time.Second
	// silence is how long a stream may be without a batch before the connection
	// is taken for dead: an agent sends one every half second.
	silence = 4 * time.Second
	// firstExchanges are made before the first reading is taken, then one every
	// exchangeEvery.
	firstExchanges = 16
	exchangeEvery  = 100 * time.Millisecond
	// Bounds of the pause before the next attempt to connect.
	minPause = 50 * time.Millisecond
	maxPause = time.Second
	// pendingLimit bounds the readings kept for a sampler that does not come.
	pendingLimit = 1 << 18
)

// Source is another host's meters. It follows the agent's readings in the
// background; Read hands over those that have come.
type Source struct {
	clock      meter.Clock
	connection *connection
	domains    []meter.Domain
	cancel     context.CancelFunc
	running    *errgroup.Group

	mu      sync.Mutex
	session string
	periods []time.Duration // by domain
	index   []int           // by the session's domain numbers: ours, −1 for none
	last    int64           // sequence number of the newest reading taken
	clocks  alignment
	newest  []meter.Reading // by domain: the bounds of the last reading handed on
	lost    []bool          // by domain: a new session has it no more
	pending []meter.Reading
	heard   time.Duration // when the last batch came
	events  Link
}

var _ meter.Source = (*Source)(nil)

// Link is how the connection to an agent has been.
type Link struct {
	Agent string `json:"agent"`
	// Offset is the agent's monotonic clock less the client's, known to within
	// ± Uncertainty now; Drift is in seconds a second, valid if HasDrift.
	Offset           time.Duration `json:"offset_ns"`
	Uncertainty      time.Duration `json:"offset_uncertainty_ns"`
	Drift            float64       `json:"drift"`
	DriftUncertainty float64       `json:"drift_uncertainty"`
	HasDrift         bool          `json:"has_drift"`
	Exchanges        int           `json:"exchanges"`
	// Reconnects counts broken connections, Restarts new sessions of the agent,
	// Lost the readings that its ring no longer held, ClockSteps the times that
	// the exchanges contradicted each other.
	Reconnects int   `json:"reconnects"`
	Restarts   int   `json:"restarts"`
	Lost       int64 `json:"lost_readings"`
	ClockSteps int   `json:"clock_steps"`
	// Silent is how long the agent has not been heard of: about half a second at
	// most while it is connected.
	Silent time.Duration `json:"silent_ns"`
}

// Dial connects to the agent at address ("HOST:PORT", or with http:// or
// https:// in front), compares the clocks and returns its meters as one source.
// The agent's own refusals are passed on.
func Dial(ctx context.Context, clock meter.Clock, address string, credentials Credentials) ([]meter.Source, []meter.Refusal) {
	refuse := func(err error, remedy string) ([]meter.Source, []meter.Refusal) {
		return nil, []meter.Refusal{{Source: "agent", Reason: err.Error(), Remedy: remedy}}
	}
	c, err := newConnection(address, credentials)
	if err != nil {
		return refuse(err, "")
	}
	var h hello
	if err := c.ask(ctx, pathHello, &h); err != nil {
		return refuse(fmt.Errorf("ask the agent at %s: %w", c.base.Host, err), "start it there: cfu agent --listen HOST:PORT")
	}
	left := make([]meter.Refusal, len(h.LeftOut))
	for i, r := range h.LeftOut {
		r.Domain, r.Reason, r.Remedy = outside.Line(r.Domain, 0), outside.Line(r.Reason, 0), outside.Line(r.Remedy, 0)
		r.Source = outside.Line(r.Source, 0) + "@" + c.base.Host
		left[i] = r
	}
	if len(h.Domains) == 0 {
		return nil, append(left, meter.Refusal{Source: "agent", Reason: "the agent at " + c.base.Host + " has nothing to read", Remedy: "its own refusals say what is missing"})
	}
	s := newSource(clock, c, h)
	for range firstExchanges {
		e, session, err := c.compare(ctx, clock)
		if err != nil || session != h.Session {
			return refuse(fmt.Errorf("compare clocks with the agent at %s: %w", c.base.Host, errors.Join(err, ctx.Err())), "")
		}
		s.clocks.add(e)
	}
	s.start(ctx)
	return []meter.Source{s}, left
}

func newSource(clock meter.Clock, c *connection, h hello) *Source {
	s := &Source{
		clock: clock, connection: c, session: h.Session, last: h.Last, periods: make([]time.Duration, len(h.Domains)),
		domains: make([]meter.Domain, len(h.Domains)), index: make([]int, len(h.Domains)),
		newest: make([]meter.Reading, len(h.Domains)), lost: make([]bool, len(h.Domains)),
		heard: clock(), events: Link{Agent: c.base.Host},
	}
	own := h.Host != "" && h.Host == bootID()
	for i, d := range h.Domains {
		d = named(d, c.base.Host)
		if !own {
			d.Host = c.base.Hostname()
		}
		s.domains[i], s.index[i] = d, i
		s.periods[i] = h.period(i)
	}
	return s
}

// named puts the agent's address into the names of a domain, so that those of
// several agents differ.
func named(d meter.Domain, agent string) meter.Domain {
	for _, text := range []*string{&d.Name, &d.Device, &d.Host, &d.Source, &d.Parent, &d.Note, (*string)(&d.Kind), (*string)(&d.Scope)} {
		*text = outside.Line(*text, 0)
	}
	d.Name += "@" + agent
	d.Source += "@" + agent
	if d.Parent != "" {
		d.Parent += "@" + agent
	}
	return d
}

// period is the time between two readings of domain i, 0 if the agent did not
// say.
func (h hello) period(i int) time.Duration {
	if i >= len(h.Periods) {
		return 0
	}
	return h.Periods[i]
}

// start follows the agent until ctx ends or the source is closed.
func (s *Source) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.running = new(errgroup.Group)
	s.running.Go(func() error { s.follow(ctx); return nil })
	s.running.Go(func() error { s.align(ctx); return nil })
}

// Domains implements meter.Source.
func (s *Source) Domains() []meter.Domain { return append([]meter.Domain(nil), s.domains...) }

// Period is the time between two readings of the named domain at the agent.
func (s *Source) Period(domain string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.domains {
		if d.Name == domain {
			return s.periods[i]
		}
	}
	return 0
}

// Read implements meter.Source: it appends the readings that have come since
// the last call, on the client's clock.
func (s *Source) Read(dst []meter.Reading) []meter.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, s.pending...)
	s.pending = s.pending[:0]
	return dst
}

// Link reports how the connection has been.
func (s *Source) Link() Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.events
	l.Exchanges, l.ClockSteps = len(s.clocks.exchanges), s.clocks.steps
	if i, ok := s.clocks.offset(s.clock()); ok {
		l.Uncertainty = i.width() / 2
		l.Offset = i.lo + l.Uncertainty
	}
	l.Drift, l.DriftUncertainty, l.HasDrift = s.clocks.drift()
	l.Silent = s.clock() - s.heard
	return l
}

// Close implements meter.Source.
func (s *Source) Close() error {
	s.cancel()
	err := s.running.Wait()
	s.connection.client.CloseIdleConnections()
	return err
}

// follow reads streams of readings, one after the other.
func (s *Source) follow(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		began := s.clock()
		err := s.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRestarted) {
			err = s.rejoin(ctx)
		}
		s.mu.Lock()
		s.events.Reconnects++
		s.mu.Unlock()
		if err == nil || s.clock()-began > silence {
			pause = minPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

// stream takes readings from where the last stream ended, until the connection
// breaks or is silent.
func (s *Source) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(patience, cancel)
	defer dead.Stop()
	s.mu.Lock()
	query := url.Values{"session": {s.session}, "after": {strconv.FormatInt(s.last, 10)}}
	domains := len(s.index)
	s.mu.Unlock()
	resp, err := s.connection.get(ctx, pathReadings, query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != arrowType {
		return fmt.Errorf("the agent answers %q, want %q: use the same cfu on both hosts", got, arrowType)
	}
	return decode(resp.Body, domains, func(batch []numbered) error {
		dead.Reset(silence)
		s.mu.Lock()
		s.heard = s.clock()
		s.mu.Unlock()
		s.take(batch)
		return nil
	})
}

// rejoin learns the agent's new session.
func (s *Source) rejoin(ctx context.Context) error {
	var h hello
	if err := s.connection.ask(ctx, pathHello, &h); err != nil {
		return err
	}
	e, session, err := s.connection.compare(ctx, s.clock)
	if err != nil {
		return err
	}
	if session != h.Session {
		return errRestarted
	}
	s.restart(h, e)
	return nil
}

// restart takes over a new session: its clock is another, its numbers begin
// anew, and what happened in between nobody read. A domain that it no longer
// has is lost.
func (s *Source) restart(h hello, e exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.last = h.Session, 0
	steps := s.clocks.steps
	s.clocks = alignment{steps: steps}
	s.clocks.add(e)
	s.events.Restarts++
	s.index = make([]int, len(h.Domains))
	found := make([]bool, len(s.domains))
	for i, d := range h.Domains {
		s.index[i] = -1
		d = named(d, s.connection.base.Host)
		for j, own := range s.domains {
			if own.Name == d.Name && own.Device == d.Device && own.Kind == d.Kind && !found[j] {
				s.index[i], found[j] = j, true
				break
			}
		}
	}
	for j, ok := range found {
		s.lost[j] = !ok
	}
	s.mark(meter.StatusGap)
}

// align compares the clocks again and again.
func (s *Source) align(ctx context.Context) {
	tick := time.NewTicker(exchangeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e, session, err := s.connection.compare(ctx, s.clock)
		if err != nil {
			continue // the stream finds out that the agent is gone
		}
		s.mu.Lock()
		if session == s.session && s.clocks.add(e) {
			s.mark(meter.StatusClockStep)
		}
		s.mu.Unlock()
	}
}
