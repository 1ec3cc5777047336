package loadgen

import (
	"fmt"
	"time"
)

// StopRules say when a run starts no more requests, besides at the end of its
// trace: as in MLPerf LoadGen, when both minima are met or either maximum is
// reached. Zero values do not count. With a minimum the trace is repeated
// until both are met.
type StopRules struct {
	MinRequests, MaxRequests int
	MinDuration, MaxDuration time.Duration
	// MaxErrors ends the run at that many failed requests.
	MaxErrors int
}

// Reasons for which a run ended, in Stats.Stopped.
const (
	StoppedTrace       = "trace_end"
	StoppedSchedule    = "schedule_end"
	StoppedMinima      = "minima_met"
	StoppedMaxRequests = "max_requests"
	StoppedMaxDuration = "max_duration"
	StoppedErrors      = "max_errors"
	StoppedEnough      = "enough"
	StoppedInterrupt   = "interrupted"
)

// validate refuses rules that contradict each other.
func (s StopRules) validate() error {
	if s.MinRequests < 0 || s.MaxRequests < 0 || s.MinDuration < 0 || s.MaxDuration < 0 || s.MaxErrors < 0 {
		return fmt.Errorf("stop rules: want no negative bound")
	}
	if s.MaxRequests > 0 && s.MinRequests > s.MaxRequests {
		return fmt.Errorf("stop rules: at least %d and at most %d requests", s.MinRequests, s.MaxRequests)
	}
	if s.MaxDuration > 0 && s.MinDuration > s.MaxDuration {
		return fmt.Errorf("stop rules: at least %v and at most %v", s.MinDuration, s.MaxDuration)
	}
	return nil
}

// repeats reports whether the trace starts over at its end.
func (s StopRules) repeats() bool { return s.MinRequests > 0 || s.MinDuration > 0 }

// reached names the rule by which a run that has started so many requests, for
// so long and with so many errors starts no more; "" if it goes on.
func (s StopRules) reached(started int, elapsed time.Duration, errors int) string {
	switch {
	case s.MaxErrors > 0 && errors >= s.MaxErrors:
		return StoppedErrors
	case s.MaxRequests > 0 && started >= s.MaxRequests:
		return StoppedMaxRequests
	case s.MaxDuration > 0 && elapsed >= s.MaxDuration:
		return StoppedMaxDuration
	case s.repeats() && started >= s.MinRequests && elapsed >= s.MinDuration:
		return StoppedMinima
	}
	return ""
}
