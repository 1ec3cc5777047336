package meter

import "time"

// Clocks and Stepped give the tests the comparison of the host's clocks.
type Clocks = clocks

// NewClocks makes the reading of three clocks.
func NewClocks(wall, mono, boot time.Duration) Clocks {
	return clocks{wall: wall, mono: mono, boot: boot}
}

// Stepped is stepped.
var Stepped = stepped

// SetClocks replaces the host's clocks.
func (s *Sampler) SetClocks(read func() Clocks) { s.clocks = read }

// PollOnce reads every source as Run does and discards the batches.
func (s *Sampler) PollOnce() {
	for _, w := range s.workers {
		w.poll(s.clock())
		w.batch = w.batch[:0]
	}
}

// NextDue is nextDue.
var NextDue = nextDue

// Backoff feeds calls of the given duration to a fresh throttle, as often as
// said, and returns the level after each stretch.
func Backoff(stretches []time.Duration, calls int) (levels []int) {
	var t throttle
	for _, call := range stretches {
		for range calls {
			t.note(call)
		}
		levels = append(levels, t.level)
	}
	return levels
}

// RateWindow is rateWindow.
const RateWindow = rateWindow

// WatchPeriod is watchPeriod.
const WatchPeriod = watchPeriod
