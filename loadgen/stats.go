package loadgen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	// OutputTokens is the sum of the server's counts or, of answers without one
	// that counts, of their events with text.
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
	// Flagged counts the records of each flag, Failures the errors by their text,
	// the most frequent first.
	Flagged  map[string]int `json:"flagged,omitempty"`
	Failures []Failure      `json:"failures,omitempty"`
	// Reasons are codes for why the run may not be taken at its word:
	// "late_p99", "client_starved", "max_in_flight", "max_errors",
	// "interrupted", and the flags of doubtful answers.
	Reasons []string `json:"reasons,omitempty"`
	// Warnings say the same in words.
	Warnings []string `json:"warnings,omitempty"`
}

// Failure is an error and how many requests ended with it.
type Failure struct {
	Error    string `json:"error"`
	Requests int    `json:"requests"`
}

// mostFailures is how many different errors a run lists, keptFailures how many it
// tells apart while it goes on: texts may have the number of the request in them.
const (
	mostFailures = 5
	keptFailures = 200
)

// tally counts records as they finish.
type tally struct {
	requests, errors, held, starved, fresh int
	stamped                                int
	tokens                                 int64
	lateness, lag                          durations
	end                                    time.Duration
	flagged, failures                      map[string]int
}

func newTally() tally {
	return tally{lateness: newDurations(), lag: newDurations(), flagged: map[string]int{}, failures: map[string]int{}}
}

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
		t.fail(r.Err)
	}
	t.tokens += int64(max(0, r.Tokens()))
	for _, flag := range r.Flags {
		t.flagged[flag]++
	}
	held := slices.Contains(r.Flags, FlagHeld)
	if held {
		t.held++
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

// fail counts an error, beyond keptFailures different ones as the others.
func (t *tally) fail(text string) {
	if t.failures[text] == 0 && len(t.failures) >= keptFailures {
		text = "other errors"
	}
	t.failures[text]++
}

// worst lists the most frequent errors.
func (t *tally) worst() []Failure {
	var all []Failure
	for text, n := range t.failures {
		all = append(all, Failure{text, n})
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Error, b.Error))
	})
	return all[:min(len(all), mostFailures)]
}

// many is the share of answers from which on a flag that a few answers may well have
// makes a run doubtful.
const many = 0.1

// doubts are the flags that make a run's figures doubtful, with what is doubtful,
// after the number of answers, and from which share of them on.
var doubts = []struct {
	flag, text string
	from       float64
}{
	{FlagNoUsage, "came without a usage that counts: each of their events is taken for one token, and their prompts for none", 0},
	{FlagNoPrompt, "came with a usage that does not count the prompt: what is divided by tokens takes it for none", 0},
	{FlagUsageText, "have a usage that counts fewer tokens than their text can have: it is not used", 0},
	{FlagUsageMore, "have a usage that counts more tokens than their text has bytes: tokens without text, or counted twice", 0},
	{FlagUsageTotal, "have a usage whose total is not its prompt and completion together", 0},
	{FlagImplausible, "have a usage with a figure that cannot be: it is unknown", 0},
	{FlagOnePiece, "came in one piece: their time to first token is their latency, and they have no time per token (does a proxy buffer them?)", 0},
	{FlagHidden, "began with reasoning that was counted and not sent: their time to first token has it, and their time per token is of the rest", 0},
	{FlagStrange, "had text in a field that cfu does not know: it is taken for reasoning, with its times", 0},
	{FlagOtherModel, "name another model than was asked for (answered_model)", 0},
	{FlagPromptCut, "were to prompts of which the server counted far fewer tokens than there are: it cut them, it left out those that it had cached, or the trace's counts are not its own", 0},
	{FlagLonger, "are longer than was asked for", 0},
	{FlagShorter, "are shorter than was asked for", 0},
	{FlagNoFinish, "ended without a finish reason", 0},
	{FlagAfterFinish, "went on after their finish reason", 0},
	{FlagFiltered, "were ended by the server's filter", 0},
	{FlagNoText, "have tokens and no text: their time to first token is that of the first sign of them", many},
	{FlagNoEnd, "came without an end mark: the client waited for it and gave up, or the connection broke", many},
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
		RunQueue: watch.summary(), Failures: t.worst(),
	}
	if t.starved > 0 {
		t.flagged[FlagStarved] = t.starved
	}
	if len(t.flagged) > 0 {
		s.Flagged = t.flagged
	}
	doubt := func(code, format string, args ...any) {
		s.Reasons = append(s.Reasons, code)
		s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
	}
	if s.LatenessP99 > r.load.LateBound {
		doubt("late_p99", "1 in 100 requests was sent more than %v after its due time (bound %v): latencies from the due time include client delay", s.LatenessP99, r.load.LateBound)
	}
	if s.Starved > 0 {
		doubt(FlagStarved, "%d of %d requests ran while the client waited for a processor (up to %v at a time): pin client and engine to different cores", s.Starved, s.Requests, s.RunQueue.Worst)
	}
	if s.Held > 0 {
		doubt("max_in_flight", "%d requests waited for room under the limit of %d in flight: the schedule was not kept", s.Held, r.load.MaxInFlight)
	}
	for _, d := range doubts {
		if n := t.flagged[d.flag]; n > 0 && float64(n) >= d.from*float64(s.Requests) {
			doubt(d.flag, "%d of %d answers %s", n, s.Requests, d.text)
		}
	}
	switch s.Stopped {
	case StoppedErrors, StoppedInterrupt:
		doubt(s.Stopped, "the run was stopped before its end: %s", s.Stopped)
	}
	return s
}
