package agent

import (
	"cfubench/meter"
)

// take puts a batch on the client's clock and keeps it for Read. Numbers that
// are missing in front of it are readings that the agent no longer had.
func (s *Source) take(batch []numbered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range batch {
		if n.sequence <= s.last {
			continue // sent again
		}
		if missing := n.sequence - s.last - 1; missing > 0 {
			s.events.Lost += missing
			s.mark(meter.StatusGap)
		}
		s.last = n.sequence
		if i := s.index[n.Domain]; i >= 0 && !s.lost[i] {
			n.Domain = i
			s.keep(n.Reading)
		}
	}
}

// keep hands a reading on with the bounds of its time on the client's clock.
//
// A reading is taken after the one before it: its earliest time is no earlier
// than that one's, and its latest no earlier either, so that the order stays
// while the clocks' alignment moves.
func (s *Source) keep(r meter.Reading) {
	earliest, ok := s.clocks.bounds(r.Before)
	latest, _ := s.clocks.bounds(r.After)
	if !ok {
		return
	}
	last := s.newest[r.Domain]
	r.Before = max(earliest.lo, last.Before)
	r.After = max(latest.hi, last.After, r.Before)
	s.newest[r.Domain] = r
	s.append(r)
}

// mark hands on, for every domain, a reading without a value that says why what
// comes next does not simply follow what came before. For a domain that is lost
// it says so.
func (s *Source) mark(status meter.Status) {
	for i := range s.domains {
		r := meter.Reading{Domain: i, Before: s.newest[i].Before, After: s.newest[i].After, Status: status}
		if s.lost[i] {
			r.Status = meter.StatusLost
		}
		s.append(r)
	}
}

// append keeps r for Read. If nobody has read for so long that there is no more
// room, the older half goes, and a mark says so.
func (s *Source) append(r meter.Reading) {
	if len(s.pending) >= pendingLimit {
		dropped := len(s.pending) / 2
		s.events.Lost += int64(dropped)
		s.pending = append(s.pending[:0], s.pending[dropped:]...)
		s.pending[0] = meter.Reading{Domain: s.pending[0].Domain, Before: s.pending[0].Before, After: s.pending[0].Before, Status: meter.StatusGap}
	}
	s.pending = append(s.pending, r)
}
