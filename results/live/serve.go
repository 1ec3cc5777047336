package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Server exposes figures to Prometheus.
type Server struct {
	listener net.Listener
	server   *http.Server
	group    errgroup.Group
}

// Listen serves h at /metrics of address until Stop.
func Listen(address string, h http.Handler) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	s := &Server{listener: l, server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	s.group.Go(func() error { return s.server.Serve(l) })
	return s, nil
}

// Line says where the figures are.
func (s *Server) Line() string { return fmt.Sprintf("metrics: http://%s/metrics", s.listener.Addr()) }

// Warning says that others read them too, "" if they do not.
func (s *Server) Warning() string {
	a, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok || !a.IP.IsUnspecified() {
		return ""
	}
	return fmt.Sprintf("--listen port %d: whoever reaches this host reads the live figures, since no password is asked for; 127.0.0.1:%[1]d keeps them here", a.Port)
}

// Stop ends the server. Scrapes under way have half a second to finish: one that
// was only half sent must neither hold up nor fail what is complete.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	if e := s.group.Wait(); !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
