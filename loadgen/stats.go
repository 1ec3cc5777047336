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
	// Lateness of the requests sent, from their due times, without those that
	// MaxInFlight held.
	LatenessP50 time.Duration `json:"lateness_p50_ns"`
	LatenessP99 time.Duration `json:"lateness_p99_ns"`
	LatenessMax time.Duration `json:"lateness_max_ns"`
	// ReadLag is how far the client was behind the kernel: of each request the
	// longest that bytes of its answer waited to be read.
	ReadLagP50 time.Duration `json:"read_lag_p50_ns"`
	ReadLagP99 time.Duration `json:"read_lag_p99_ns"`
	ReadLagMax time.Duration `json:"read_lag_max_ns"`
	// KernelStamped are the requests whose tokens the kernel stamped; the
	// others' were stamped when they were read.
	KernelStamped int `json:"kernel_stamped"`
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
	stamped                                         int
	tokens                                          int64
	lateness, lag                                   durations
	end                                             time.Duration
}

func newTally() tally { return tally{lateness: newDurations(), lag: newDurations()} }

// durations are kept in a histogram of 3 digits from 1 µs up to an hour: the
// tables have each request's own.
type durations struct {
	histogram *hdrhistogram.Histogram // µs
	longest   time.Duration
}

func newDurations() durations {
	return durations{histogram: hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)}
}

func (d *durations) add(t time.Duration) {
	d.histogram.RecordValue(min(int64(t/time.Microsecond), int64(time.Hour/time.Microsecond)))
	d.longest = max(d.longest, t)
}

func (d *durations) quantile(percent float64) time.Duration {
	return time.Duration(d.histogram.ValueAtQuantile(percent)) * time.Microsecond
}

func (t *tally) add(r Record, late time.Duration) {
	t.requests++
	if !r.OK() {
		t.errors++
	}
	if r.OutputTokens > 0 {
		t.tokens += int64(r.OutputTokens)
	}
	held := false
	for _, flag := range r.Flags {
		switch flag {
		case FlagHeld:
			t.held++
			held = true
		case FlagNoUsage:
			t.noUsage++
		}
	}
	if r.Sent != Never && !r.ConnectionReused {
		t.fresh++
	}
	if late != Never && !held { // that wait was asked for
		t.lateness.add(late)
	}
	if r.Status != 0 {
		t.lag.add(r.ReadLag)
		if r.ReadLag > 0 {
			t.stamped++
		}
	}
	t.end = max(t.end, r.Done)
}

// stats sums the run up.
func (r *run) stats(watch *starvation) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tally
	s := Stats{
		Start: r.start, End: max(t.end, r.start),
		Requests: t.requests, Errors: t.errors, OutputTokens: t.tokens, Stopped: cmp.Or(r.stopped, r.exhausted),
		LatenessP50: t.lateness.quantile(50), LatenessP99: t.lateness.quantile(99), LatenessMax: t.lateness.longest,
		ReadLagP50: t.lag.quantile(50), ReadLagP99: t.lag.quantile(99), ReadLagMax: t.lag.longest, KernelStamped: t.stamped,
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
