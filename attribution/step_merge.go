package attribution

import (
	"cfubench/meter"
	"math"
	"slices"
	"time"
)

// runner is a request whose stamps are being worked through.
type runner struct {
	row        uint32
	at         []time.Duration // own copy
	count      []float32       // tokens of each, to the request's own total
	supposed   []bool          // of each, whether it was not seen; nil: all were
	next       int             // -1 before the sending, len(at) before the end
	sent, done time.Duration
	begin      time.Duration // of prefill by the server's word, negative if unknown
	made       float64
	context    float64 // tokens of the prompt
	last       int64   // the latest step that it took part in, -1 for none
	// owed are supposed events that others' steps shall take, and shown whether the next
	// event is a part that shows one step.
	owed  []float32
	shown bool
	// cut: it ended without any token, so its prompt may not have been computed.
	cut bool
}

// when is the moment of the runner's next event.
func (r *runner) when() time.Duration {
	switch {
	case r.next < 0:
		return r.sent
	case r.next < len(r.at):
		return r.at[r.next]
	}
	return r.done
}

// merge puts the events of all requests in order of time while their stamps
// stream in. It holds the stamps only of those requests that are in flight at
// the moment that it has come to.
type merge struct {
	columns Columns
	cadence
	handle func(at time.Duration, r *runner)
	stop   func() bool

	slots  []runner
	unused []uint32
	order  []uint32 // rows in the order of sending, nil: as they stand
	seen   []uint64 // a bit a row
	head   int      // of order: all before it are seen
	fresh  int      // stamps since the last flush
	keys   []uint64
	spare  []uint64
	counts []uint32
}

// Bits of a key: the slot is below, the time since the chunk's start above.
const (
	slotBits  = 24
	chunkSpan = time.Duration(1) << 38
)

// run passes every event to handle in order of time.
func (m *merge) run() error {
	m.order = sentOrder(m.columns)
	m.seen = make([]uint64, m.columns.Len()/64+1)
	near := 0
	var err error
	if m.columns.Tokens != nil {
		err = m.columns.Tokens(func(id int64, at []time.Duration, count []int32) bool {
			i := m.columns.row(id, near)
			near = i + 1
			if i < 0 || m.seen[i/64]>>(i%64)&1 == 1 {
				return true
			}
			m.add(i, at, count)
			if m.fresh > max(1<<14, 4*len(m.slots)) {
				m.flush(m.frontier())
			}
			return !m.stop()
		})
	}
	if err != nil || m.stop() {
		return err
	}
	for i := range m.columns.Len() {
		if m.seen[i/64]>>(i%64)&1 == 0 {
			m.add(i, nil, nil)
		}
	}
	m.flush(math.MaxInt64)
	return nil
}

// frontier is the earliest sending among the requests whose stamps are still to
// come: everything before it is complete.
func (m *merge) frontier() time.Duration {
	for ; m.head < m.columns.Len(); m.head++ {
		i := m.head
		if m.order != nil {
			i = int(m.order[m.head])
		}
		if m.seen[i/64]>>(i%64)&1 == 0 && m.columns.Sent[i] >= 0 {
			return m.columns.Sent[i]
		}
	}
	return math.MaxInt64
}

// add takes in a request.
func (m *merge) add(i int, at []time.Duration, count []int32) {
	m.seen[i/64] |= 1 << (i % 64)
	c := &m.columns
	sent, done, ok := c.span(i, meter.Window{Start: 0, End: math.MaxInt64})
	if !ok || c.Done[i] < 0 && len(at) == 0 && c.First[i] < 0 {
		return
	}
	if c.Done[i] < 0 {
		done = max(sent, c.First[i])
		if len(at) > 0 {
			done = max(done, at[len(at)-1])
		}
	}
	var slot int
	if n := len(m.unused); n > 0 {
		slot, m.unused = int(m.unused[n-1]), m.unused[:n-1]
	} else if slot = len(m.slots); slot < 1<<slotBits {
		m.slots = append(m.slots, runner{})
	} else {
		return // sixteen million in flight: no server's
	}
	r := &m.slots[slot]
	*r = runner{row: uint32(i), at: r.at[:0], count: r.count[:0], owed: r.owed[:0], next: -1, sent: sent, done: done, begin: -1, last: -1, context: c.context(i)}
	m.stamp(r, i, at, count)
	if c.Prefill != nil && c.Prefill[i] >= 0 && len(r.at) > 0 {
		r.begin = max(sent, r.at[0]-c.Prefill[i])
	}
	m.fresh += len(r.at) + 2
}

// stamp fills in r's events. Those that came together are one: a speculative
// step, or several that delivery held back; see cadence. A request of which only
// the first and the last token are known has the rest evenly between; one without
// any has its end, when its work was done: an embedding, or an answer that failed.
func (m *merge) stamp(r *runner, i int, at []time.Duration, count []int32) {
	c := &m.columns
	_, output := c.tokens(i)
	together := m.period / 5
	sum := 0.0
	for k, t := range at {
		n := float32(1)
		if k < len(count) {
			n = float32(max(count[k], 0))
		}
		sum += float64(n)
		if j := len(r.at) - 1; j >= 0 && t-r.at[j] < together {
			r.count[j] += n
			continue
		}
		r.at, r.count = append(r.at, min(max(t, r.sent), r.done)), append(r.count, n)
	}
	first := min(max(c.First[i], r.sent), r.done)
	switch {
	case len(at) == 0 && c.First[i] >= 0 && output >= 2 && r.done > first:
		n := int(output)
		if m.period > 0 { // no more events than steps
			n = min(n, int((r.done-first)/m.period)+2)
		}
		for k := range n {
			r.at, r.count = append(r.at, first+time.Duration(float64(r.done-first)*float64(k)/float64(n-1))), append(r.count, float32(output/float64(n)))
		}
	case len(at) == 0 && c.First[i] >= 0:
		r.at, r.count = append(r.at, first), append(r.count, float32(max(output, 1)))
	case len(at) == 0:
		r.at, r.count = append(r.at, r.done), append(r.count, float32(output))
		r.cut = c.failed(i)
	case output > 0 && sum > 0 && output != sum:
		for k := range r.count {
			r.count[k] *= float32(output / sum)
		}
	}
	if m.held {
		r.apart(m.period)
	}
}

// flush handles all events before until, in chunks that a key's time can hold.
func (m *merge) flush(until time.Duration) {
	m.fresh = 0
	for {
		start := time.Duration(math.MaxInt64)
		for s := range m.slots {
			if r := &m.slots[s]; r.next <= len(r.at) {
				start = min(start, r.when())
			}
		}
		if start >= until || start == math.MaxInt64 {
			return
		}
		m.chunk(start, min(until, start+chunkSpan))
		if m.stop() {
			return
		}
	}
}

func (m *merge) chunk(start, until time.Duration) {
	m.keys = m.keys[:0]
	for s := range m.slots {
		r := &m.slots[s]
		for k := r.next; k <= len(r.at); k++ {
			at := r.done
			if k < 0 {
				at = r.sent
			} else if k < len(r.at) {
				at = r.at[k]
			}
			if at >= until {
				break
			}
			m.keys = append(m.keys, uint64(at-start)<<slotBits|uint64(s))
		}
	}
	m.sort()
	for _, key := range m.keys {
		r := &m.slots[key&(1<<slotBits-1)]
		m.handle(start+time.Duration(key>>slotBits), r)
		if r.next++; r.next > len(r.at) {
			m.unused = append(m.unused, uint32(key&(1<<slotBits-1)))
		}
	}
}

// sort sorts the keys: into as many buckets of equal time as there are keys,
// and within those by comparison. Stamps come at a steady rate, so buckets are
// small.
func (m *merge) sort() {
	n := len(m.keys)
	if n < 64 {
		slices.Sort(m.keys)
		return
	}
	largest := slices.Max(m.keys)
	shift := 0
	for largest>>shift >= uint64(2*n) {
		shift++
	}
	buckets := int(largest>>shift) + 2
	m.counts = slices.Grow(m.counts[:0], buckets)[:buckets]
	counts := m.counts
	clear(counts)
	for _, k := range m.keys {
		counts[k>>shift+1]++
	}
	for b := 1; b < len(counts); b++ {
		counts[b] += counts[b-1]
	}
	m.spare = slices.Grow(m.spare[:0], n)[:n]
	for _, k := range m.keys {
		m.spare[counts[k>>shift]] = k
		counts[k>>shift]++
	}
	m.keys, m.spare = m.spare, m.keys
	from := uint32(0)
	for _, to := range counts[:len(counts)-1] {
		if to-from > 1 {
			slices.Sort(m.keys[from:to])
		}
		from = to
	}
}
