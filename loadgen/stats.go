package loadgen

import (
	"cmp"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Lateness is how long after its due time a request was sent, Never if it was
// not sent. In closed loop it is what the client itself takes between an
// answer and the next request.
func (r Record) Lateness() time.Duration {
	if r.Sent == Never {
		return Never
	}
	return max(0, r.Sent-r.Due)
}

// Stats is what a run as a whole says about itself.
type Stats struct {
	// Start is the window's start, from which the schedule counts, and End the
	// time at which the last request was done, on the run's clock.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
	// Requests were started; Errors of them failed.
	Requests int `json:"requests"`
	Errors   int `json:"errors"`
	// OutputTokens is the sum of the server's counts.
	OutputTokens int64 `json:"output_tokens"`
	// Stopped is the reason why no more were started.
	Stopped string `json:"stopped"`
	// Lateness of the requests sent, from their due times.
	LatenessP50 time.Duration `json:"lateness_p50_ns"`
	LatenessP99 time.Duration `json:"lateness_p99_ns"`
	LatenessMax time.Duration `json:"lateness_max_ns"`
	// Held waited for room under MaxInFlight, Starved ran while the client's
	// threads waited for a processor, NewConnections found no open connection.
	Held           int `json:"held"`
	Starved        int `json:"starved"`
	NewConnections int `json:"new_connections"`
	// RunQueue is the wait of the client's threads for a processor.
	RunQueue RunQueue `json:"run_queue"`
	// Reasons are codes for why the run may not be taken at its word:
	// "late_p99", "client_starved", "max_in_flight", "max_errors",
	// "interrupted", "no_usage".
	Reasons []string `json:"reasons,omitempty"`
	// Warnings say the same in words.
	Warnings []string `json:"warnings,omitempty"`
}

// tally counts records as they finish.
type tally struct {
	requests, errors, held, starved, fresh, noUsage int
	tokens                                          int64
	lateness                                        *hdrhistogram.Histogram // µs
	latest                                          time.Duration
	end                                             time.Duration
}

// lateness is kept in a histogram of 3 digits up to an hour: the tables have
// each request's own.
func newTally() tally {
	return tally{lateness: hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)}
}

func (t *tally) add(r Record, late time.Duration) {
	t.requests++
	if !r.OK() {
		t.errors++
	}
	if r.OutputTokens > 0 {
		t.tokens += int64(r.OutputTokens)
	}
	for _, flag := range r.Flags {
		switch flag {
		case FlagHeld:
			t.held++
		case FlagNoUsage:
			t.noUsage++
		}
	}
	if r.Sent != Never && !r.ConnectionReused {
		t.fresh++
	}
	if late != Never {
		t.lateness.RecordValue(min(int64(late/time.Microsecond), int64(time.Hour/time.Microsecond)))
		t.latest = max(t.latest, late)
	}
	t.end = max(t.end, r.Done)
}

// stats sums the run up.
func (r *run) stats(watch *starvation) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tally
	quantile := func(p float64) time.Duration {
		return time.Duration(t.lateness.ValueAtQuantile(p)) * time.Microsecond
	}
	s := Stats{
		Start: r.start, End: max(t.end, r.start),
		Requests: t.requests, Errors: t.errors, OutputTokens: t.tokens, Stopped: cmp.Or(r.stopped, r.exhausted),
		LatenessP50: quantile(50), LatenessP99: quantile(99), LatenessMax: t.latest,
		Held: t.held, Starved: t.starved, NewConnections: t.fresh,
		RunQueue: watch.summary(),
	}
	doubt := func(code, format string, args ...any) {
		s.Reasons = append(s.Reasons, code)
		s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
	}
	if s.LatenessP99 > r.load.LateBound {
		doubt("late_p99", "1 in 100 requests was sent more than %v after its due time (bound %v): latencies from the due time hold the client's delay", s.LatenessP99, r.load.LateBound)
	}
	if s.Starved > 0 {
		doubt(FlagStarved, "%d of %d requests ran while the client waited for a processor (up to %v at a time): pin client and engine to different cores", s.Starved, s.Requests, s.RunQueue.Worst)
	}
	if s.Held > 0 {
		doubt("max_in_flight", "%d requests waited for room under the limit of %d in flight: the schedule was not kept", s.Held, r.load.MaxInFlight)
	}
	if t.noUsage > 0 {
		doubt(FlagNoUsage, "%d answers came without usage: their token counts are unknown and each event is taken for one token", t.noUsage)
	}
	switch s.Stopped {
	case StoppedErrors, StoppedInterrupt:
		doubt(s.Stopped, "the run was stopped before its end: %s", s.Stopped)
	}
	return s
}
