package meter

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// SourceCost is what reading one source cost and how punctual it was.
type SourceCost struct {
	Source  string
	Domains []int // indices into the sampler's Domains
	// Poll is the polling period in force at the end, Backoffs how often it was
	// doubled because calls were slow.
	Poll     time.Duration
	Backoffs int
	// Reads counts calls, Missed the polls that fell due while an earlier call
	// or another thread had the processor, Transient readings without a value.
	Reads, Missed, Transient int64
	CallP50, CallP99         time.Duration
	CallMax                  time.Duration
	// Jitter is how long after its due time a read began.
	JitterP50, JitterP99, JitterMax time.Duration
	// InsideCalls is the share of the elapsed time spent inside calls; CPU the
	// CPU time of reading, judging and storing, from the mean of every
	// sixteenth poll (0 where the system does not tell). The wake-ups of the
	// processor are not in it.
	InsideCalls  float64
	CPU, Elapsed time.Duration
}

// cost accumulates a SourceCost. Its worker writes, Cost reads.
type cost struct {
	mu           sync.Mutex
	call, jitter *hdrhistogram.Histogram
	inside       time.Duration
	reads        int64
	missed       int64
	transient    int64
	cpu          time.Duration // of the measured polls
	measured     int64
	from, until  time.Duration
	poll         time.Duration
	backoffs     int
}

// longestKept bounds the histograms; longer calls count as this long.
const longestKept = 10 * time.Minute

func newCost() *cost {
	return &cost{
		call:   hdrhistogram.New(1, int64(longestKept), 2),
		jitter: hdrhistogram.New(1, int64(longestKept), 2),
	}
}

// note records one call: when it was due, and its bracket.
func (c *cost) note(due, before, after time.Duration, transient int64) {
	c.mu.Lock()
	// Values are clamped to the histograms' range, so recording cannot fail.
	_ = c.call.RecordValue(int64(min(max(after-before, 1), longestKept)))
	_ = c.jitter.RecordValue(int64(min(max(before-due, 1), longestKept)))
	c.inside += after - before
	c.reads++
	c.transient += transient
	c.until = after
	c.mu.Unlock()
}

func (c *cost) begin(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.until = at, at
}

func (c *cost) pace(period time.Duration, backoffs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.poll, c.backoffs = period, backoffs
}

func (c *cost) miss(polls int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed += polls
}

func (c *cost) spend(cpu time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cpu += cpu
	c.measured++
}

func (c *cost) report() SourceCost {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := SourceCost{
		Poll: c.poll, Backoffs: c.backoffs,
		Reads: c.reads, Missed: c.missed, Transient: c.transient,
		Elapsed: c.until - c.from,
	}
	if c.reads > 0 {
		r.CallP50 = time.Duration(c.call.ValueAtQuantile(50))
		r.CallP99 = time.Duration(c.call.ValueAtQuantile(99))
		r.CallMax = time.Duration(c.call.Max())
		r.JitterP50 = time.Duration(c.jitter.ValueAtQuantile(50))
		r.JitterP99 = time.Duration(c.jitter.ValueAtQuantile(99))
		r.JitterMax = time.Duration(c.jitter.Max())
	}
	if c.measured > 0 {
		r.CPU = time.Duration(float64(c.cpu) / float64(c.measured) * float64(c.reads))
	}
	if r.Elapsed > 0 {
		r.InsideCalls = float64(c.inside) / float64(r.Elapsed)
	}
	return r
}
