package meter

import (
	"runtime"
	"sync/atomic"
	"time"
)

// flushAfter and flushAt bound how long readings wait in a worker's batch.
const (
	flushAfter = 250 * time.Millisecond
	flushAt    = 256
)

// stagger is the time between the polls of one source and the next where each has a
// goroutine of its own. It is what a fast call takes, so that calls to one driver
// follow each other instead of queueing at its lock; and no more, so that the
// processor wakes once for all of them.
const stagger = 50 * time.Microsecond

// cpuEvery is how many polls there are to one whose CPU time is measured.
const cpuEvery = 16

// worker reads one source, on one goroutine at a time (readers says on which): a
// driver call that blocks holds up no other source, since the runtime gives the
// goroutine's processor to the others. Pinning the goroutine to a thread would add
// nothing to that and two thread switches to every read.
type worker struct {
	sampler *Sampler
	source  Source
	first   int // index of the source's first domain
	auto    bool
	coarse  bool
	base    time.Duration   // polling period before backing off
	paces   []time.Duration // by domain: the source's own period, 0 if it reads when asked
	phase   time.Duration   // offset of the polls from the sampler's start, on a goroutine of its own
	judges  []Classifier
	states  []State
	held    []Reading // by domain, the reading whose status the next one settles
	raw     []Reading // what the source's Read appended last
	batch   []Reading
	cost    *cost
	slow    throttle
	steps   int64 // clock steps accounted for
	polls   int
	period  time.Duration // after backing off
	due     time.Duration // of the next poll
	flushed time.Duration // when the batch was last handed over
	doubt   int           // whether it is quick, see readers

	callSince atomic.Int64 // start of the call under way, 0 if none
	reported  atomic.Int64 // start of the blocked call that has been reported
	running   atomic.Bool
}

// begin makes the worker ready for its first poll.
func (w *worker) begin(start time.Duration) {
	w.running.Store(true)
	w.batch = make([]Reading, 0, flushAt+2*len(w.states))
	w.period, w.due, w.flushed, w.doubt = w.base, start+w.phase, start, doubtAtFirst
	w.cost.begin(start)
}

// turn makes the poll that is due, and says when the next one is.
func (w *worker) turn(out *outlet) {
	before, now := w.measured(w.due, w.polls%cpuEvery == 0)
	w.polls++
	if w.doubt = max(w.doubt-1, 0); now-before > quickCall {
		w.doubt = min(w.doubt+1+doubtOfSlow, mostDoubt)
	}
	if w.auto && !w.coarse && w.slow.note(now-before) {
		w.period = w.base << w.slow.level
		for i := range w.judges {
			w.judges[i].Poll = max(w.period, w.paces[i])
		}
		w.cost.pace(w.period, w.slow.backoffs)
	}
	if now-w.flushed >= flushAfter || len(w.batch) >= flushAt {
		w.flush(out)
		w.flushed = now
	}
	var missed int64
	w.due, missed = nextDue(w.due, w.period, now)
	if missed > 0 {
		w.cost.miss(missed)
	}
}

// end makes the last poll. What was held back is handed over.
func (w *worker) end(out *outlet) {
	defer w.running.Store(false)
	if out.over() {
		return // a blocked call has returned after all was over: the source may be closed
	}
	w.poll(w.sampler.clock())
	for i := range w.held {
		if w.states[i].doubtful {
			w.emit(w.held[i])
		}
	}
	w.flush(out)
}

// measured is poll, with its CPU time noted if asked to. The thread's
// clock is the goroutine's for as long as that is pinned to it.
func (w *worker) measured(due time.Duration, measure bool) (before, after time.Duration) {
	if !measure {
		return w.poll(due)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpu := threadCPU()
	before, after = w.poll(due)
	w.cost.spend(threadCPU() - cpu)
	return before, after
}

// nextDue is the first poll of the grid due + n·period after now, and how
// many were passed over.
func nextDue(due, period, now time.Duration) (next time.Duration, missed int64) {
	next = due + period
	if next < now {
		missed = int64((now - next + period - 1) / period)
		next += time.Duration(missed) * period
	}
	return next, missed
}

// poll reads the source once, judges the readings and puts them in the batch.
// It returns the clock on either side of the call.
func (w *worker) poll(due time.Duration) (before, after time.Duration) {
	before = w.sampler.clock()
	w.callSince.Store(int64(before) | 1) // never 0: a clock tells 0 and 1 ns apart for nobody
	w.raw = w.source.Read(w.raw[:0])
	w.callSince.Store(0)
	after = w.sampler.clock()
	var transient int64
	stepped := w.sampler.steps.Load()
	for _, r := range w.raw {
		i := r.Domain
		if i < 0 || i >= len(w.states) {
			continue
		}
		if r.HasEnergy && r.HasPower && !w.judges[i].Plausible(r.Power) {
			r.Power, r.HasPower = 0, false // the counter stands without it
		}
		if !r.HasEnergy && !r.HasPower {
			transient++
		}
		var v Verdict
		w.states[i], v = w.judges[i].Next(w.states[i], r)
		if v.Before != "" {
			w.held[i].Status = v.Before
			w.emit(w.held[i])
		}
		r.Status = v.Status
		if r.Status == StatusOK && stepped != w.steps {
			r.Status = StatusClockStep
		}
		if v.Held {
			w.held[i] = r
			continue
		}
		w.emit(r)
	}
	w.steps = stepped
	w.cost.note(due, before, after, transient)
	return before, after
}

// emit numbers a reading by the sampler's domains and puts it in the batch.
func (w *worker) emit(r Reading) {
	r.Domain += w.first
	w.sampler.latest[r.Domain].store(r)
	w.batch = append(w.batch, r)
}

func (w *worker) flush(out *outlet) {
	w.batch = out.put(w.batch)
}

// watch reports each domain of the source stalled, once a call, when the call
// under way has been blocked for too long.
func (w *worker) watch(now time.Duration, out *outlet) {
	since := w.callSince.Load()
	if since == 0 || now-time.Duration(since) < w.patience() || w.reported.Load() == since {
		return
	}
	w.reported.Store(since)
	batch := make([]Reading, len(w.states))
	for i := range batch {
		batch[i] = Reading{Domain: w.first + i, Before: time.Duration(since), After: now, Status: StatusStalled}
	}
	out.put(batch)
}

// patience is how long a call may take: an exporter or a BMC across the
// network has as long as it takes to publish, a register has a second.
func (w *worker) patience() time.Duration {
	if w.coarse {
		return max(blockedAfter, 2*w.base)
	}
	return blockedAfter
}
