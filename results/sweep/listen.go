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
	m := &metricsServer{server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	m.group.Go(func() error { return m.server.Serve(l) })
	s.say("metrics: http://%s/metrics", l.Addr())
	return m, nil
}

// inFlight is the number of requests in flight in the cell under way.
func (s *sweep) inFlight() int64 {
	if l := s.flying.Load(); l != nil {
		return l.InFlight.Load()
	}
	return 0
}

// stop ends the server and lets scrapes under way finish.
func (m *metricsServer) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := m.server.Shutdown(ctx)
	if e := m.group.Wait(); !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
