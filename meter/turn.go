package meter

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// takeoverAfter is how long one call in a turn may take before another
	// goroutine takes over the sources that wait behind it.
	takeoverAfter = 10 * time.Millisecond
	// quickCall is what a call may take in a turn: eight such are a fifth of the
	// 20 ms between two polls of a GPU.
	quickCall = 500 * time.Microsecond
)

// The doubt about a source decides whether it is read in turn with others or on a
// goroutine of its own. A call that is not quick adds doubtOfSlow, a quick one takes
// 1 away, a blocked one makes it mostDoubt: some 20 s at 20 ms. A source joins the
// turn without a doubt and leaves it at the second slow call of a few: one may be the
// scheduler's.
const (
	doubtAtFirst = 16
	doubtOfSlow  = 16
	doubtToLeave = 2*doubtOfSlow - 4
	mostDoubt    = 1024
)

// readers are the goroutines that read a sampler's sources. One of them takes the
// quick sources in turn, so that the processor wakes one goroutine for all of them; a
// source that has yet to prove quick, or that is not, has one of its own. If a call
// in a turn blocks, another goroutine takes over the turn, and the blocked one keeps
// only the source that it reads.
type readers struct {
	sampler *Sampler
	out     *outlet
	running sync.WaitGroup
	turn    atomic.Pointer[turn] // the shared one

	mu      sync.Mutex // held while a turn changes hands, and for what follows
	joining []*worker  // quick sources that the turn is to take in
	over    bool       // the turn has ended and takes in none
	joined  chan struct{}
}

// turn is the sources that one goroutine reads in turn. Its fields are the
// goroutine's, and of who takes over while a call is under way.
type turn struct {
	workers []*worker
	shared  bool                   // others may join, and it is watched
	reading atomic.Pointer[worker] // with a call under way, nil if none
}

// startReaders has the workers' sources read from start until ctx ends, then each once
// more.
func (s *Sampler) startReaders(ctx context.Context, start time.Duration, out *outlet) *readers {
	r := &readers{sampler: s, out: out, joined: make(chan struct{}, 1)}
	for _, w := range s.workers {
		w.begin(start)
		r.spawn(ctx, &turn{workers: []*worker{w}})
	}
	r.spawn(ctx, &turn{shared: true})
	return r
}

// spawn starts a goroutine for a turn.
func (r *readers) spawn(ctx context.Context, t *turn) {
	if t.shared {
		r.turn.Store(t)
	}
	r.running.Go(func() {
		for t != nil {
			t = r.take(ctx, t)
		}
	})
}

// take reads the sources of a turn at their times until ctx ends, then each once
// more. It returns the turn with which its goroutine goes on: that of a source whose
// call had blocked. It returns nil at the end, and when the source of an unshared turn
// has joined the shared one.
func (r *readers) take(ctx context.Context, t *turn) *turn {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if t.shared {
			t.workers = append(t.workers, r.joiners()...)
		}
		timer.Reset(max(t.due()-r.sampler.clock(), 0))
		var joined <-chan struct{}
		if t.shared {
			joined = r.joined
		}
		select {
		case <-ctx.Done():
			return r.end(ctx, t)
		case <-joined:
			continue
		case <-timer.C:
		}
		now := r.sampler.clock()
		for i := 0; i < len(t.workers) && ctx.Err() == nil; {
			w := t.workers[i]
			if w.due > now {
				i++
				continue
			}
			if !r.call(t, w, func() { w.turn(r.out) }) {
				return r.apart(w)
			}
			switch {
			case t.shared && w.doubt >= doubtToLeave:
				t.workers = slices.Delete(t.workers, i, i+1)
				r.spawn(ctx, r.apart(w))
				continue
			case !t.shared && w.doubt == 0 && r.join(w):
				return nil
			}
			i++
		}
	}
}

// call reads a source of the turn. It is false if the turn was taken over meanwhile:
// then the source is all that its goroutine has left.
func (r *readers) call(t *turn, w *worker, read func()) bool {
	if !t.shared {
		read()
		return true
	}
	t.reading.Store(w)
	read()
	if t.reading.CompareAndSwap(w, nil) {
		return true
	}
	r.mu.Lock() // until the other has begun
	defer r.mu.Unlock()
	w.doubt = mostDoubt
	return false
}

// apart is the turn of a source that left the shared one: again at its own moment.
func (r *readers) apart(w *worker) *turn {
	w.due += w.phase
	return &turn{workers: []*worker{w}}
}

// join hands a source to the shared turn, where its polls are due with the others'.
// It is false once that has ended.
func (r *readers) join(w *worker) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	w.due -= w.phase
	r.joining = append(r.joining, w)
	select {
	case r.joined <- struct{}{}:
	default:
	}
	return true
}

// joiners are the sources that the turn is to take in.
func (r *readers) joiners() []*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	joiners := r.joining
	r.joining = nil
	return joiners
}

// end reads each source of the turn once more. Like take, it returns the turn that is
// left to its goroutine.
func (r *readers) end(ctx context.Context, t *turn) *turn {
	for {
		for len(t.workers) > 0 {
			w := t.workers[0]
			t.workers = t.workers[1:]
			if !r.call(t, w, func() { w.end(r.out) }) {
				return nil
			}
		}
		if !t.shared {
			return nil
		}
		r.mu.Lock()
		t.workers, r.joining = r.joining, nil
		r.over = len(t.workers) == 0
		r.mu.Unlock()
		if len(t.workers) == 0 {
			return nil
		}
	}
}

// watch has another goroutine take over the turn if a call in it is under way for too
// long at now.
func (r *readers) watch(ctx context.Context, now time.Duration) {
	t := r.turn.Load()
	w := t.reading.Load()
	if w == nil {
		return
	}
	if since := time.Duration(w.callSince.Load()); since == 0 || now-since < takeoverAfter {
		return
	}
	r.takeOver(ctx, t, w)
}

// takeOver gives the sources of the turn to another goroutine, all but the one whose
// call is under way, unless that has returned.
func (r *readers) takeOver(ctx context.Context, t *turn, w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.reading.CompareAndSwap(w, nil) {
		return
	}
	rest := &turn{shared: true}
	for _, other := range t.workers {
		if other != w {
			rest.workers = append(rest.workers, other)
		}
	}
	r.spawn(ctx, rest)
}

// never is when a turn without a source is due.
const never = time.Duration(math.MaxInt64)

// due is when the next read of the turn is.
func (t *turn) due() time.Duration {
	due := never
	for _, w := range t.workers {
		due = min(due, w.due)
	}
	return due
}
