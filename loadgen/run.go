package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cfubench/datasets"
)

// Load says how a trace is put on the endpoint: by N workers (closed loop) or
// by a schedule (open loop), one of the two.
type Load struct {
	// Concurrency is the number of closed-loop workers. Each is one user: it
	// holds a conversation to its end and takes the next.
	Concurrency int
	// Schedule is when each conversation starts in the open loop.
	Schedule Schedule
	// Think is the pause between an answer and the same user's next request:
	// the next turn and, in closed loop, the next conversation.
	Think time.Duration
	// MaxInFlight caps the requests in flight in the open loop, 0 for no cap.
	// What is held back is sent as soon as there is room, late and flagged; it
	// is never dropped, and nothing after it is rescheduled.
	MaxInFlight int
	// MaxTokens caps the answers of requests that the trace gives no length.
	MaxTokens int
	// History is where earlier answers of a conversation come from, by default
	// HistoryAnswers.
	History History
	Stop    StopRules
	// Drain is how long requests in flight may still take after ctx has ended.
	// What a stop rule ends is always drained to the last request.
	Drain time.Duration
	// GiveUp ends the requests that are in flight when no more are started, and
	// records them as interrupted, once nothing comes of them, no token and no end, for
	// longer than any answer of the run took: twice as long as the slowest and a second
	// at least, or ten seconds where there was none.
	GiveUp bool
	// Enough, where it is closed, ends the run as a stop rule does.
	Enough <-chan struct{}
	// Missed, if set, is called with the order of each request of which it is known
	// before its end that it cannot keep Objective, once and before sink has it; it
	// and sink are called one at a time.
	Missed    func(order int)
	Objective SLO
	// LateBound is the lateness above which a request is flagged and, at p99,
	// the run; by default DefaultLateBound.
	LateBound time.Duration
	// Prefixes are those of the requests, as Prefixes finds them, for the records;
	// nil if they are not to be known.
	Prefixes []datasets.Prefix
	// Live, if set, is updated while the run goes on.
	Live *Live
}

// DefaultLateBound is the lateness that a schedule may have at p99.
const DefaultLateBound = 10 * time.Millisecond

// lead is the time between Run's start and the window's, in which the first
// requests are built.
const lead = 5 * time.Millisecond

// Live is the state of a run while it goes on.
type Live struct {
	InFlight, Done, Errors atomic.Int64
	// Tokens counts token-bearing events as they arrive.
	Tokens atomic.Int64
	// WorstLateness is in nanoseconds.
	WorstLateness atomic.Int64
}

// Run puts the trace on the endpoint and calls sink once for each request that
// was started, one at a time, within StarvationPeriod of its end. Record.Request
// is the request's position in reqs, counted on when the trace is repeated. When a
// stop rule ends the run, requests in flight are waited for, unless Load.GiveUp ends them;
// when ctx ends it, they get Load.Drain and are then recorded as interrupted.
// The error is about the load itself or ctx: failed requests are records.
func Run(ctx context.Context, c *Client, load Load, reqs []datasets.Request, clock func() time.Duration, sink func(Record)) (Stats, error) {
	if err := load.check(reqs); err != nil {
		return Stats{}, err
	}
	if load.Live == nil {
		load.Live = new(Live)
	}
	if load.History == "" {
		load.History = HistoryAnswers
	}
	if load.LateBound == 0 {
		load.LateBound = DefaultLateBound
	}
	r := &run{client: c, load: load, reqs: reqs, sessions: sessions(reqs), clock: clock, sink: sink}
	r.start = clock() + lead
	r.tally = newTally()
	r.watch = newStarvation(clock, readSchedstat)

	// Requests outlive ctx by the drain time.
	inFlight, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	release := context.AfterFunc(ctx, func() {
		if load.Drain <= 0 {
			abort(errInterrupted)
			return
		}
		timer := time.NewTimer(load.Drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			abort(errInterrupted)
		case <-inFlight.Done():
		}
	})
	defer release()
	r.watch.watch(func() { r.look(ctx, abort) })

	if load.Schedule != nil {
		r.openLoop(ctx, inFlight)
	} else {
		r.closedLoop(ctx, inFlight)
	}
	r.watch.stop()
	r.flush()
	stats := r.stats(r.watch)
	if ctx.Err() != nil {
		return stats, fmt.Errorf("run stopped: %w", context.Cause(ctx))
	}
	return stats, nil
}

// check refuses loads that mean nothing.
func (l Load) check(reqs []datasets.Request) error {
	switch {
	case len(reqs) == 0:
		return errors.New("the trace has no requests")
	case l.Schedule == nil && l.Concurrency < 1:
		return fmt.Errorf("concurrency %d: want 1 or more", l.Concurrency)
	case l.Schedule != nil && l.Concurrency > 0:
		return errors.New("give a concurrency or a schedule, not both; cap a schedule with the limit on requests in flight")
	case l.Think < 0 || l.Drain < 0 || l.LateBound < 0 || l.MaxInFlight < 0 || l.MaxTokens < 0:
		return errors.New("load: want no negative bound")
	}
	if _, atOnce := l.Schedule.(immediate); atOnce && l.Stop.MinDuration > 0 {
		return errors.New("rate inf sends everything at once: it cannot go on for a minimum duration; give a number of requests")
	}
	switch l.History {
	case "", HistoryAnswers, HistoryTrace:
	default:
		return fmt.Errorf("history %q: want %s or %s", l.History, HistoryAnswers, HistoryTrace)
	}
	return l.Stop.validate()
}

// run is the state of one Run.
type run struct {
	client   *Client
	load     Load
	reqs     []datasets.Request
	sessions []session
	clock    func() time.Duration
	start    time.Duration
	watch    *starvation

	mu      sync.Mutex // guards what follows and serialises sink
	sink    func(Record)
	next    int // sessions started
	started int // requests started
	// stopped is the rule that ended the run; exhausted says that there are no
	// more conversations to start, while those that go on do so.
	stopped, exhausted string
	tally              tally
	pending            []Record // finished, waiting for the starvation watch to pass them
	// flights are the requests under way, where Load.Missed is to know of them.
	flights map[*flight]struct{}
	slowest time.Duration // of the answers, 0 for none
	moved   int64         // tokens and ends so far
	last    time.Duration // when that changed, or a request could still be started
}

// taken is a session that take handed out.
type taken struct {
	session
	base  int // number of requests in the repetitions of the trace before it
	order int // place of its first request among those started
	// prefix is of its first prompt.
	prefix datasets.Prefix
}

// take hands out the next session and counts its first request; or reports
// that no more sessions are to be started.
func (r *run) take(ctx context.Context) (s taken, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.goesOn(ctx) {
		return taken{}, false
	}
	round := r.next / len(r.sessions)
	if round > 0 && !r.load.Stop.repeats() {
		r.exhausted = StoppedTrace
		return taken{}, false
	}
	k := r.next % len(r.sessions)
	s = taken{session: r.sessions[k], base: round * len(r.reqs), order: r.started, prefix: datasets.Prefix{Of: Unknown}}
	switch {
	case r.load.Prefixes == nil:
	case round > 0: // the whole prompt was sent before
		s.prefix = datasets.Prefix{Of: int32(s.turns[0]), Share: 1}
	default:
		s.prefix = r.load.Prefixes[k]
	}
	r.next++
	r.started++
	return s, true
}

// more reports whether take would find a session, so that nobody waits for
// the due time of one that is not there.
func (r *run) more(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next >= len(r.sessions) && !r.load.Stop.repeats() {
		r.exhausted = StoppedTrace
		return false
	}
	return r.goesOn(ctx)
}

// admit counts one more request and returns its place among those started,
// unless a stop rule has been reached.
func (r *run) admit(ctx context.Context) (order int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.goesOn(ctx) {
		return 0, false
	}
	r.started++
	return r.started - 1, true
}

// goesOn reports whether requests may still be started; the first reason why
// not stays.
func (r *run) goesOn(ctx context.Context) bool {
	if r.stopped != "" {
		return false
	}
	if ctx.Err() != nil {
		r.stopped = StoppedInterrupt
		return false
	}
	select {
	case <-r.load.Enough:
		r.stopped = StoppedEnough
		return false
	default:
	}
	r.stopped = r.load.Stop.reached(r.started, r.clock()-r.start, r.tally.errors)
	return r.stopped == ""
}

// end keeps the first reason why the run ended.
func (r *run) end(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped == "" {
		r.stopped = reason
	}
}

// finish flags a record, counts it and passes it on.
func (r *run) finish(record Record) {
	late := record.Lateness()
	if late > r.load.LateBound {
		record.Flags = append(record.Flags, FlagLate)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.add(record, late)
	live := r.load.Live
	if late > 0 && int64(late) > live.WorstLateness.Load() {
		live.WorstLateness.Store(int64(late))
	}
	live.Done.Add(1)
	if !record.OK() {
		live.Errors.Add(1)
	} else {
		r.slowest = max(r.slowest, record.Done-record.Due)
	}
	r.pending = append(r.pending, record)
}

// look passes on what the starvation watch has seen to the end, tells of the requests
// that are known to miss the objective, and gives up those of which nothing comes.
func (r *run) look(ctx context.Context, abort context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass(r.watch.upTo())
	now := r.clock()
	r.tellMissed(now)
	if !r.load.GiveUp {
		return
	}
	moved := r.load.Live.Tokens.Load() + r.load.Live.Done.Load()
	switch {
	case moved != r.moved, r.exhausted == "" && r.goesOn(ctx):
		r.moved, r.last = moved, now
	case now-r.last > r.patience():
		abort(errInterrupted)
	}
}

// How long nothing may come of what Load.GiveUp ends.
const (
	leastPatience   = time.Second
	unknownPatience = 10 * time.Second
)

func (r *run) patience() time.Duration {
	if r.slowest == 0 {
		return unknownPatience
	}
	return max(leastPatience, 2*r.slowest)
}

// pass hands the pending records that the starvation watch has seen to the
// end on to sink, with its verdict.
func (r *run) pass(seen time.Duration) {
	kept := r.pending[:0]
	for _, record := range r.pending {
		if record.Done > seen {
			kept = append(kept, record)
			continue
		}
		if r.watch.starved(record.Due, record.Done) {
			record.Flags = append(record.Flags, FlagStarved)
			r.tally.starved++
		}
		r.sink(record)
	}
	clear(r.pending[len(kept):])
	r.pending = kept
}

// flush passes on what is left once the watch has stopped.
func (r *run) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass(1<<63 - 1)
}
