package meter

import "time"

// Bounds of the polling period that is chosen from the update period.
const (
	minPoll = 5 * time.Millisecond
	maxPoll = 50 * time.Millisecond
	// unresolvedPoll is for registers that publish faster than minPoll, where
	// every read is an edge: RAPL's error at 10 ms is that of faster polling,
	// which costs more.
	unresolvedPoll = 10 * time.Millisecond
	minCoarsePoll  = 100 * time.Millisecond
	maxCoarsePoll  = 5 * time.Second
)

// A source whose own calls are slower than slowCall once in a hundred is read
// half as often, up to maxBackoffs times; one that is fast again goes back.
const (
	slowCall    = 2 * time.Millisecond
	maxBackoffs = 3
	rateWindow  = 128 // calls judged together
)

// PollPeriod is the time between two reads of a source with these domains: a
// fifth of the shortest update period, between 5 and 50 ms; 10 ms where the
// register is faster than can be followed; 0.1 to 5 s for coarse sources. It is
// 100 ms where no domain states a period. A model
// has no register whose edges are worth finding: 10 ms.
func PollPeriod(domains []Domain) time.Duration {
	var shortest time.Duration
	coarse, model := len(domains) > 0, len(domains) > 0
	for _, d := range domains {
		if d.UpdatePeriod > 0 && (shortest == 0 || d.UpdatePeriod < shortest) {
			shortest = d.UpdatePeriod
		}
		coarse, model = coarse && d.Coarse, model && d.Kind == KindModel
	}
	switch {
	case coarse:
		return min(max(shortest/5, minCoarsePoll), maxCoarsePoll)
	case shortest == 0:
		return 100 * time.Millisecond
	case shortest <= minPoll || model && shortest <= maxPoll:
		return unresolvedPoll
	}
	return min(max(shortest/5, minPoll), maxPoll)
}

// throttle counts slow calls over windows of rateWindow and says when a source
// is to be read less often or may be read at its own rate again.
type throttle struct {
	calls, slow, halfSlow int
	level                 int // the period is base << level
	backoffs              int
}

// note takes one call's duration and reports whether the level changed.
func (t *throttle) note(call time.Duration) bool {
	t.calls++
	if call > slowCall {
		t.slow++
	}
	if call > slowCall/2 {
		t.halfSlow++
	}
	if t.calls < rateWindow {
		return false
	}
	before := t.level
	switch allowed := rateWindow / 100; {
	case t.slow > allowed && t.level < maxBackoffs:
		t.level++
		t.backoffs++
	case t.halfSlow <= allowed && t.level > 0:
		t.level--
	}
	t.calls, t.slow, t.halfSlow = 0, 0, 0
	return t.level != before
}
