package attribution

import (
	"sort"
	"time"
)

// Server is what is known of the server's queue beside the requests' own
// records. The zero value knows nothing.
type Server struct {
	// BatchLimit is the most requests that the server works on at once, 0 if
	// unknown.
	BatchLimit int
	// Totals are samples of the server's own running totals, in time order
	// (vLLM's histograms of queue and prefill time); nil if it has none.
	Totals []PhaseTotals
}

// PhaseTotals are the times that all requests which have ended by At spent
// waiting for a slot and in prefill.
type PhaseTotals struct {
	At             time.Duration
	Queue, Prefill time.Duration
}

// queueShare returns the part of the time before the first token that the
// requests which ended around a request in flight from sent to done spent in
// the queue: between the last sample before and the first after. ok is false
// if there is no such pair or nothing ended between.
func (s *Server) queueShare(sent, done time.Duration) (share float64, ok bool) {
	b := sort.Search(len(s.Totals), func(i int) bool { return s.Totals[i].At >= done })
	a := sort.Search(len(s.Totals), func(i int) bool { return s.Totals[i].At > sent }) - 1
	if a < 0 || b == len(s.Totals) {
		return 0, false
	}
	queue, prefill := s.Totals[b].Queue-s.Totals[a].Queue, s.Totals[b].Prefill-s.Totals[a].Prefill
	if queue < 0 || prefill < 0 || queue+prefill <= 0 {
		return 0, false
	}
	return float64(queue) / float64(queue+prefill), true
}

// queueResolution is the share of queueing under which the server's totals say
// that nobody waited: the scheduler's own step is in them.
const queueResolution = 0.02
