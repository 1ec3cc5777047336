package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/admission"
	"cfubench/meter"
)

const (
	// ringSize holds 16 domains at 50 readings a second for five minutes.
	ringSize = 1 << 18
	// batchEvery bounds how long a reading waits to be sent with others;
	// aliveEvery is how often an agent without readings says that it is there.
	batchEvery = 50 * time.Millisecond
	aliveEvery = 500 * time.Millisecond
	batchLimit = 4096
)

// arrowType is the media type of Arrow IPC streams.
const arrowType = "application/vnd.apache.arrow.stream"

// Server samples a host's meters and serves their readings to any number of
// clients, each from where it left off.
type Server struct {
	clock       meter.Clock
	sources     []meter.Source
	own         func() func(pid int) bool
	sampler     *meter.Sampler
	hello       hello
	ring        *ring
	credentials Credentials
}

// NewServer returns the server of sources, read every poll (0: the rate that
// suits each). left are the meters that were not opened; clients see them. own is
// asked, for each client that watches the GPUs, what tells the engine's processes
// from others; it may return nil, for not known.
func NewServer(clock meter.Clock, sources []meter.Source, left []meter.Refusal, poll time.Duration, own func() func(pid int) bool, credentials Credentials) *Server {
	s := &Server{
		clock: clock, sources: sources, own: own, sampler: meter.NewSampler(clock, sources, poll),
		ring: newRing(ringSize), credentials: credentials,
	}
	s.hello = hello{Session: newSession(), Host: bootID(), Domains: s.sampler.Domains(), LeftOut: left}
	s.hello.Periods = make([]time.Duration, len(s.hello.Domains))
	for _, c := range s.sampler.Cost() {
		for _, i := range c.Domains {
			s.hello.Periods[i] = c.Poll
		}
	}
	return s
}

// Serve samples and answers on listener until ctx ends, then ends the clients'
// streams. Its error is nil at the end of ctx.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server, err := gate(s.credentials).HTTP(listener.Addr(), s.handler())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	// Requests end with ctx: a stream would otherwise outlive the sampler.
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	group.Go(func() error {
		return s.sampler.Run(ctx, func(batch []meter.Reading) error {
			s.ring.put(batch)
			return nil
		})
	})
	group.Go(func() error {
		if err := admission.Serve(server, listener); err != nil {
			return fmt.Errorf("serve readings: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// handler answers the protocol's requests.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathHello, func(w http.ResponseWriter, _ *http.Request) {
		h := s.hello
		h.Last = s.ring.newest()
		answer(w, h)
	})
	mux.HandleFunc("GET "+pathClock, func(w http.ResponseWriter, _ *http.Request) {
		a := clockAnswer{Session: s.hello.Session, Received: s.clock()}
		a.Sent = s.clock()
		answer(w, a)
	})
	mux.HandleFunc("GET "+pathReadings, s.stream)
	mux.HandleFunc("GET "+pathWatch, s.watch)
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// An error here is the client's going away, which it knows.
	_ = json.NewEncoder(w).Encode(v)
}

// stream sends readings from the number after "after" on, as they come, as long
// as the client's session is this one.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if got := r.URL.Query().Get("session"); got != s.hello.Session {
		http.Error(w, "the agent was restarted", http.StatusGone)
		return
	}
	last, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || last < 0 {
		http.Error(w, "after: want a sequence number", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", arrowType)
	flush := http.NewResponseController(w)
	out := newEncoder(w)
	defer func() { _ = out.close() }() // the client reads on until it is cut off
	var batch []meter.Reading
	for r.Context().Err() == nil {
		var first int64
		first, batch = s.ring.after(last, batchLimit, batch[:0])
		if err := unread(flush); err != nil {
			return
		}
		if err := out.encode(first, batch); err != nil {
			return
		}
		if err := flush.Flush(); err != nil {
			return
		}
		if first > 0 {
			last = first + int64(len(batch)) - 1
		}
		if len(batch) < batchLimit {
			s.pause(r.Context(), last)
		}
	}
}

// unread bounds how long what is sent from now on may stay unread.
func unread(w *http.ResponseController) error {
	return w.SetWriteDeadline(time.Now().Add(writePatience))
}

// pause gathers readings for one batch, and waits for the first of them.
func (s *Server) pause(ctx context.Context, last int64) {
	alive, cancel := context.WithTimeout(ctx, aliveEvery)
	defer cancel()
	s.ring.wait(alive, last)
	timer := time.NewTimer(batchEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
