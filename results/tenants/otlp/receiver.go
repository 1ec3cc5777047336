// Package otlp receives OpenTelemetry spans over OTLP, as a collector does: over HTTP
// in Protocol Buffers or JSON, and over gRPC, which is HTTP/2 with frames and trailers
// of its own and needs no library. It keeps what tenants.Spans tells of them until it
// is taken, within bounds; a sender beyond them is told to try again.
//
// The protocol is that of the OTLP specification 1.x:
// https://opentelemetry.io/docs/specs/otlp/.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/admission"
	"cfubench/results/tenants"
)

const (
	// mostBytes bounds a request, before and after it is unpacked. It is the default
	// of gRPC's servers.
	mostBytes = 4 << 20
	// mostAtOnce bounds the requests that are read at the same time, mostKept the
	// requests and callers that wait to be taken.
	mostAtOnce, mostKept = 4, 32768
	// slotPatience is how long a request waits to be read. readPatience and
	// writePatience bound it and its answer.
	slotPatience                = time.Second
	readPatience, writePatience = 10 * time.Second, 20 * time.Second
	// idlePatience ends a connection without requests: senders collect spans for 5 s.
	idlePatience = time.Minute
	// stopPatience is how long requests under way may take at the end.
	stopPatience = 500 * time.Millisecond
)

// Fate is what became of a span.
type Fate string

// What becomes of spans.
const (
	Request  Fate = "request"  // it has tokens and was kept
	Caller   Fate = "caller"   // it names a tenant for others of its trace
	Other    Fate = "other"    // neither, and nothing is wrong with it
	Rejected Fate = "rejected" // it has tokens, but no times, or such of another hour
	Repeated Fate = "repeated" // kept, and left out: it had come before
	Busy     Fate = "busy"     // there was no room: its sender was told to try again
)

// Meter counts what comes. Its methods are called from several goroutines at once.
type Meter interface {
	Spans(Fate, int)
	// Export counts a request, by what it was told.
	Export(Answer)
}

// Receiver receives spans. Its fields are set before it serves.
type Receiver struct {
	Field string // the attribute that names the tenant
	// Check refuses a request that is not of now.
	Check func(tenants.Record) error
	Meter Meter

	decoding sync.Mutex    // one request is decoded at a time: spans take no more than a core
	slots    chan struct{} // of requests that are read
	mu       sync.Mutex
	kept     tenants.Spans
	ended    bool
}

// Take takes what has come since the last time.
func (r *Receiver) Take() tenants.Spans {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.kept
	r.kept = tenants.Spans{}
	return taken
}

// End refuses what comes from now on, so that senders keep it.
func (r *Receiver) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// take decodes a request and keeps what it tells, all of it or nothing.
func (r *Receiver) take(body []byte, parse func([]byte, string) (tenants.Spans, error)) outcome {
	r.decoding.Lock()
	defer r.decoding.Unlock()
	s, err := parse(body, r.Field)
	if err != nil {
		return outcome{answer: Malformed, message: err.Error()}
	}
	requests := s.Requests[:0]
	for _, one := range s.Requests {
		if err := r.Check(one); err != nil {
			s.Rejected++
			s.Wrong = err
			continue
		}
		requests = append(requests, one)
	}
	s.Requests = requests
	n := len(s.Requests) + len(s.Callers)
	if n > mostKept {
		return outcome{answer: TooLarge, message: fmt.Sprintf("more than %d requests at once", mostKept)}
	}
	if !r.keep(s, n) {
		r.Meter.Spans(Busy, n)
		return outcome{answer: Overrun, message: "spans come faster than they are taken"}
	}
	for fate, n := range map[Fate]int{Request: len(s.Requests), Caller: len(s.Callers), Other: s.Others, Rejected: s.Rejected} {
		r.Meter.Spans(fate, n)
	}
	if s.Rejected > 0 {
		return outcome{answer: Partial, message: s.Wrong.Error(), rejected: s.Rejected}
	}
	return outcome{answer: Accepted}
}

// keep keeps spans until they are taken; false if there is no room.
func (r *Receiver) keep(s tenants.Spans, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.kept.Requests)+len(r.kept.Callers)+n > mostKept {
		return false
	}
	r.kept.Requests = append(r.kept.Requests, s.Requests...)
	r.kept.Callers = append(r.kept.Callers, s.Callers...)
	if r.kept.Rejected += s.Rejected; r.kept.Wrong == nil {
		r.kept.Wrong = s.Wrong
	}
	return true
}

// Gate is who may send spans: everybody on this host, and from others those with the
// credentials CFU_OTLP_TOKEN, CFU_OTLP_CERT, CFU_OTLP_KEY and CFU_OTLP_CA.
func Gate(getenv func(string) string) admission.Gate {
	const prefix = "CFU_OTLP"
	return admission.Gate{
		Credentials: admission.FromEnv(getenv, prefix), Server: "the receiver of spans", Prefix: prefix,
		Harm: "send it requests that never were", Idle: idlePatience,
	}
}

// Server serves a receiver.
type Server struct {
	listener net.Listener
	scheme   string
	server   *http.Server
	receiver *Receiver
	group    errgroup.Group
}

// Listen serves a receiver at an address until Stop.
func Listen(ctx context.Context, address string, gate admission.Gate, r *Receiver) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--otlp-listen: %w", err)
	}
	r.slots = make(chan struct{}, mostAtOnce)
	server, err := gate.HTTP(l.Addr(), r.handler())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--otlp-listen: %w", err), l.Close())
	}
	server.ReadTimeout, server.WriteTimeout = readPatience, writePatience
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: mostAtOnce}
	s := &Server{listener: l, scheme: "http", server: server, receiver: r}
	if server.TLSConfig != nil {
		s.scheme = "https"
	}
	s.group.Go(func() error { return admission.Serve(server, l) })
	return s, nil
}

// URL is where spans are sent over HTTP, Addr where over gRPC.
func (s *Server) URL() string {
	return fmt.Sprintf("%s://%s%s", s.scheme, s.Addr(), httpPath)
}

// Addr is the address that is listened at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Stop ends the server. Requests under way have a moment to finish; they are told to
// try again.
func (s *Server) Stop() error {
	s.receiver.End()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	return errors.Join(err, s.group.Wait())
}
