package sweep

import "net/http"

// metrics are the live figures, with the requests that are in flight when they are
// asked for.
func (s *sweep) metrics() http.Handler {
	figures := s.live.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.live.SetInFlight(int(s.inFlight()))
		figures.ServeHTTP(w, r)
	})
}

// inFlight is the number of requests in flight in the cell under way.
func (s *sweep) inFlight() int64 {
	if l := s.flying.Load(); l != nil {
		return l.InFlight.Load()
	}
	return 0
}
