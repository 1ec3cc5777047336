package loadgen

import (
	"sync/atomic"
	"time"
)

// headStart is how long before its due time a request is woken, so that its bytes
// are at the connection in time: the wake-up of its thread and the way through
// net/http take about 0.1 ms, differently on every host. What is early there
// waits for the due time itself, so that nothing is sent before it.
type headStart struct{ ns atomic.Int64 }

// The head start follows the third quartile of what the way took, by steps of 1 µs,
// so that most requests are in time and few wait for long. longestHeadStart bounds
// the CPU time that the wait may cost a request.
const (
	firstHeadStart   = 100 * time.Microsecond
	longestHeadStart = 300 * time.Microsecond
	headStartStep    = time.Microsecond
)

func (h *headStart) set(d time.Duration) { h.ns.Store(int64(d)) }

func (h *headStart) get() time.Duration { return time.Duration(h.ns.Load()) }

// took notes how long one request's way from its wake-up was. An update lost
// to another request's at the same time does no harm.
func (h *headStart) took(d time.Duration) {
	now := h.get()
	if d > now {
		h.set(min(now+3*headStartStep, longestHeadStart))
	} else {
		h.set(max(now-headStartStep, 0))
	}
}
