package batchsim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Engine is a simulated server with its clients.
type Engine struct {
	Physics   Physics
	Scheduler Scheduler
	// Concurrency is how many requests a closed loop keeps in flight; 0 sends
	// each at its own time.
	Concurrency int
	// Stalls is how much longer than stated a step lasts on average, drawn
	// exponentially each quarter of a second: other work on the machine, a lower
	// clock. It uses its power for as long.
	Stalls   float64
	Delivery Delivery
}

// Delivery is what lies between a token's making and its stamp.
type Delivery struct {
	// Jitter delays each by up to so much, evenly drawn, in order.
	Jitter time.Duration
	// Burst holds so many events back until they go out together; 0 and 1
	// send each.
	Burst int
	// Held is how often the text of a token waits for the next one's and comes with it
	// as one event, by job, again and again: characters of several tokens.
	Held []float64
}

// pause is how long a closed loop's client needs for its next request.
const pause = 200 * time.Microsecond

// Trace is what one run did.
type Trace struct {
	Jobs  []Job
	Steps []Step
	// Sent is when each job was; Tokens are the stamps of its events, Counts
	// the tokens in each.
	Sent   []time.Duration
	Tokens [][]time.Duration
	Counts [][]int32

	joules float64
}

// active is a job in a slot of the batch.
type active struct {
	job, made, computed, target int
	held                        []int32 // events that a burst holds back
}

// run is the state of a simulation.
type run struct {
	*Engine
	*Trace
	rng     *rand.Rand
	queue   []*active
	batch   []*active
	next    int // job of a closed loop
	now     time.Duration
	pending []*active // sent in future, by time
	stall   float64   // until stalled
	stalled time.Duration
}

// Run serves jobs from start on.
func (e *Engine) Run(rng *rand.Rand, start time.Duration, jobs []Job) *Trace {
	n := len(jobs)
	r := run{Engine: e, rng: rng, now: start,
		Trace: &Trace{Jobs: jobs, Sent: make([]time.Duration, n), Tokens: make([][]time.Duration, n), Counts: make([][]int32, n)}}
	for i, j := range jobs {
		if e.Concurrency == 0 {
			r.send(i, start+j.Arrive)
		} else if i < e.Concurrency {
			r.send(i, start)
			r.next = i + 1
		}
	}
	for r.admit() {
		r.step()
	}
	return r.Trace
}

func (r *run) send(job int, at time.Duration) {
	r.Sent[job] = at
	a := &active{job: job, target: r.Jobs[job].Prompt, computed: r.Jobs[job].Cached}
	i, _ := slices.BinarySearchFunc(r.pending, at, func(p *active, t time.Duration) int {
		if r.Sent[p.job] <= t {
			return -1
		}
		return 1
	})
	r.pending = slices.Insert(r.pending, i, a)
}

// admit fills the batch, and waits if there is nothing to do. It reports
// whether there is.
func (r *run) admit() bool {
	if len(r.batch) == 0 && len(r.queue) == 0 {
		if len(r.pending) == 0 {
			return false
		}
		r.now = max(r.now, r.Sent[r.pending[0].job])
	}
	for len(r.pending) > 0 && r.Sent[r.pending[0].job] <= r.now {
		r.queue, r.pending = append(r.queue, r.pending[0]), r.pending[1:]
	}
	for len(r.queue) > 0 && len(r.batch) < r.Scheduler.Batch && r.fits(r.queue[0]) {
		r.batch, r.queue = append(r.batch, r.queue[0]), r.queue[1:]
	}
	return true
}

// fits reports whether a has room in the cache; an empty batch takes anything.
func (r *run) fits(a *active) bool {
	return r.Scheduler.Policy != Preempting || len(r.batch) == 0 || r.held()+a.target+len(r.batch) < r.Scheduler.Cache
}

// held is the tokens of context in the cache.
func (r *run) held() int {
	n := 0
	for _, a := range r.batch {
		n += a.target + a.made
	}
	return n
}

func (r *run) step() {
	if r.Scheduler.Policy == Preempting {
		for len(r.batch) > 1 && r.held() > r.Scheduler.Cache {
			last := r.batch[len(r.batch)-1]
			r.batch = r.batch[:len(r.batch)-1]
			last.target, last.computed = r.Jobs[last.job].Prompt+last.made, 0
			r.queue = append([]*active{last}, r.queue...)
		}
	}
	if r.Stalls > 0 && r.now >= r.stalled {
		r.stall, r.stalled = r.Stalls*r.rng.ExpFloat64(), r.now+250*time.Millisecond
	}
	longer := 1 + r.stall
	s := Step{Start: r.now, Weights: r.Physics.StepJ * longer}
	s.Joules = s.Weights
	took := r.Physics.Step
	parts := r.fill()
	for i := range parts {
		p := &parts[i]
		own, joules := r.Physics.cost(p.Prompt, p.Decode, r.Jobs[p.Job].Prompt+r.madeBy(p.Job))
		took += own
		p.Own = joules * longer
		s.Joules += p.Own
	}
	s.Parts = parts
	r.now += time.Duration(longer * float64(took))
	s.End = r.now
	r.Steps = append(r.Steps, s)
	r.joules += s.Joules
	r.emit(parts)
}

func (r *run) madeBy(job int) int {
	for _, a := range r.batch {
		if a.job == job {
			return a.made
		}
	}
	return 0
}

// fill decides who does what in the next step.
func (r *run) fill() []Part {
	var parts []Part
	budget := r.Scheduler.Chunk
	prefill := false
	for _, a := range r.batch {
		left := a.target - a.computed
		if left <= 0 && a.made > 0 {
			continue
		}
		k := max(left, 0)
		switch r.Scheduler.Policy {
		case Chunked, Preempting:
			k = min(k, budget)
			if k == 0 && left > 0 {
				continue
			}
		case PrefillFirst:
			if prefill && k > budget {
				continue
			}
		}
		budget -= k
		prefill = true
		parts = append(parts, Part{Job: a.job, Prompt: k})
	}
	if prefill && r.Scheduler.Policy == PrefillFirst {
		return parts
	}
	for _, a := range r.batch {
		if a.target-a.computed <= 0 && a.made > 0 {
			n := 1
			if r.Scheduler.Accepted > 1 {
				n += r.rng.IntN(r.Scheduler.Accepted)
			}
			parts = append(parts, Part{Job: a.job, Decode: min(n, r.Jobs[a.job].Output-a.made)})
		}
	}
	return parts
}

// emit sends out what the step made and lets go of who is done.
func (r *run) emit(parts []Part) {
	kept := r.batch[:0]
	for _, a := range r.batch {
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Job == a.job })
		if i < 0 {
			kept = append(kept, a)
			continue
		}
		p := parts[i]
		a.computed += p.Prompt
		made := p.Decode
		if p.Decode == 0 && a.computed >= a.target {
			made = 1 // the prompt's last token makes the first of the answer, or the next
		}
		a.made += made
		if made > 0 {
			a.held = append(a.held, int32(made))
		}
		done := a.made >= r.Jobs[a.job].Output
		waits := false
		if held := r.Delivery.Held; len(held) > 0 {
			waits = r.rng.Float64() < held[a.job%len(held)]
		}
		if len(a.held) > 0 && (done || !waits && len(a.held) >= max(r.Delivery.Burst, 1)) {
			r.deliver(a)
		}
		if !done {
			kept = append(kept, a)
			continue
		}
		if r.Concurrency > 0 && r.next < len(r.Jobs) {
			r.send(r.next, r.done(a.job)+pause)
			r.next++
		}
	}
	r.batch = kept
}

// deliver stamps the events that a job held back.
func (r *run) deliver(a *active) {
	at := r.now
	if r.Delivery.Jitter > 0 {
		at += time.Duration(r.rng.Int64N(int64(r.Delivery.Jitter)))
	}
	if n := len(r.Tokens[a.job]); n > 0 {
		at = max(at, r.Tokens[a.job][n-1])
	}
	if len(r.Delivery.Held) > 0 {
		var sum int32
		for _, count := range a.held {
			sum += count
		}
		a.held = append(a.held[:0], sum)
	}
	for _, count := range a.held {
		r.Tokens[a.job] = append(r.Tokens[a.job], at)
		r.Counts[a.job] = append(r.Counts[a.job], count)
	}
	a.held = a.held[:0]
}

// done is the stamp of a job's last event.
func (t *Trace) done(job int) time.Duration { return t.Tokens[job][len(t.Tokens[job])-1] }
