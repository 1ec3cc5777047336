package loadgen

import (
	"sync"
	"time"
)

// StarvationPeriod is how often the client reads its own run-queue wait. A
// client whose threads wait for a processor sends late, finds tokens together
// that came apart and, where the kernel does not stamp them, shows the server's
// latencies longer than they are. The kernel counts that wait per thread
// (schedstat).
const StarvationPeriod = 100 * time.Millisecond

// An interval is starved if one thread waited in it for starvedShare of it in
// all, or for starvedMean at each of its turns on average: many short waits
// are a busy client, few long ones a starved one.
const (
	starvedShare = 0.5
	starvedMean  = time.Millisecond
)

// RunQueue is the wait of the process's threads for a processor.
type RunQueue struct {
	// Known is false where the kernel does not say.
	Known bool `json:"known"`
	// Total is the sum over all threads, Worst the longest wait of one thread
	// in one sampling interval.
	Total time.Duration `json:"total_ns"`
	Worst time.Duration `json:"worst_ns"`
	// Turns is how often a thread was given a processor.
	Turns int64 `json:"turns"`
	// Starved is the part of the sampled time that counts as starved.
	Starved time.Duration `json:"starved_ns"`
	Sampled time.Duration `json:"sampled_ns"`
}

// threadWait is one thread's schedstat: time spent waiting on a run queue and
// number of turns on a processor.
type threadWait struct {
	wait  time.Duration
	turns int64
}

// starvation samples the process's own run-queue wait while a run goes on.
type starvation struct {
	read  func(map[int]threadWait) bool // fills thread id → counters
	clock func() time.Duration
	quit  chan struct{}
	done  sync.WaitGroup

	mu           sync.Mutex
	last         map[int]threadWait
	spare        map[int]threadWait
	lastAt       time.Duration
	starvedSpans []span // in order, not overlapping
	sum          RunQueue
}

type span struct{ from, to time.Duration }

// newStarvation takes the first sample. Where the kernel does not count,
// nothing is ever starved and the summary says unknown.
func newStarvation(clock func() time.Duration, read func(map[int]threadWait) bool) *starvation {
	s := &starvation{
		read: read, clock: clock, quit: make(chan struct{}),
		last: make(map[int]threadWait), spare: make(map[int]threadWait),
	}
	s.lastAt = clock()
	s.sum.Known = read(s.last)
	return s
}

// watch starts sampling; each is called after each sample but the last.
func (s *starvation) watch(each func()) {
	s.done.Go(func() {
		ticker := time.NewTicker(StarvationPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.sample()
				each()
			case <-s.quit:
				s.sample()
				return
			}
		}
	})
}

// stop takes a last sample and ends the sampling.
func (s *starvation) stop() {
	close(s.quit)
	s.done.Wait()
}

// sample closes one interval.
func (s *starvation) sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if !s.sum.Known {
		s.lastAt = now
		return
	}
	clear(s.spare)
	if !s.read(s.spare) {
		s.sum.Known = false
		s.lastAt = now
		return
	}
	interval := now - s.lastAt
	starved := false
	for id, t := range s.spare {
		before := s.last[id] // zero for a new thread: all its wait is new
		wait, turns := t.wait-before.wait, t.turns-before.turns
		if wait < 0 || turns < 0 { // the id was used again
			wait, turns = t.wait, t.turns
		}
		s.sum.Total += wait
		s.sum.Turns += turns
		s.sum.Worst = max(s.sum.Worst, wait)
		if isStarved(wait, turns, interval) {
			starved = true
		}
	}
	s.sum.Sampled += interval
	if starved {
		s.sum.Starved += interval
		s.starvedSpans = append(s.starvedSpans, span{s.lastAt, now})
	}
	s.last, s.spare = s.spare, s.last
	s.lastAt = now
}

// isStarved is the verdict on one thread in one interval.
func isStarved(wait time.Duration, turns int64, interval time.Duration) bool {
	if float64(wait) >= starvedShare*float64(StarvationPeriod) && float64(wait) >= starvedShare*float64(interval) {
		return true
	}
	// Fewer than ten milliseconds in all delay no request worth flagging.
	return turns > 0 && wait >= 10*time.Millisecond && wait/time.Duration(turns) >= starvedMean
}

// upTo is the time up to which intervals are closed.
func (s *starvation) upTo() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastAt
}

// starved reports whether a starved interval overlaps [from, to].
func (s *starvation) starved(from, to time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.starvedSpans) - 1; i >= 0; i-- {
		if s.starvedSpans[i].to < from {
			return false
		}
		if s.starvedSpans[i].from <= to {
			return true
		}
	}
	return false
}

func (s *starvation) summary() RunQueue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum
}
