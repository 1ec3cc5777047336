package sweep

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// metricsServer exposes the run under way to Prometheus.
type metricsServer struct {
	server *http.Server
	group  errgroup.Group
}

// serveMetrics listens on --listen until the server is stopped.
func (s *sweep) serveMetrics() (*metricsServer, error) {
	l, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	handler := s.live.Handler()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		s.live.SetInFlight(int(s.inFlight()))
		handler.ServeHTTP(w, r)
	})
	m := &metricsServer{server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	m.group.Go(func() error { return m.server.Serve(l) })
	s.say("metrics: http://%s/metrics", l.Addr())
	if a, ok := l.Addr().(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		s.warn("--listen %s: whoever reaches this host reads the live figures, without a password: 127.0.0.1:%d keeps them here", s.config.Listen, a.Port)
	}
	return m, nil
}

// inFlight is the number of requests in flight in the cell under way.
func (s *sweep) inFlight() int64 {
	if l := s.flying.Load(); l != nil {
		return l.InFlight.Load()
	}
	return 0
}

// stop ends the server. Scrapes under way have half a second to finish: one that
// was only half sent must neither hold up nor fail a run that is complete.
func (m *metricsServer) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := m.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = m.server.Close()
	}
	if e := m.group.Wait(); !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
