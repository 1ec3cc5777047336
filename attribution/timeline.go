package attribution

import (
	"cfubench/meter"
	"cmp"
	"math"
	"slices"
	"time"
)

// Timeline says at each instant of a window who was queued, in prefill and in
// decode.
type Timeline struct {
	Columns
	Window meter.Window
	// begin is when each request's prefill began; nil where the timeline was
	// made for presence alone.
	begin []time.Duration
	// doubtful marks requests whose begin is not known: some or all of the
	// time before it may have been a wait for a slot.
	doubtful []bool
}

// NewTimeline reconstructs the phases of the requests. The end of prefill is
// the first token's arrival. Its start is, in this order of preference:
//
//   - the server's own prefill time of the request, before the first token;
//   - the moment a slot was free, if the server's batch limit is known;
//   - the sending, if nothing else was in flight then;
//   - a moment that divides the time before the first token as the server's
//     totals divide that of the requests which ended at the same time;
//   - the sending.
//
// In the last two cases the request is marked as one whose queue cannot be told
// from its prefill, unless the totals say that nobody waited.
func NewTimeline(c Columns, w meter.Window, server Server) *Timeline {
	n := c.Len()
	t := &Timeline{Columns: c, Window: w, begin: make([]time.Duration, n), doubtful: make([]bool, n)}
	always := meter.Window{Start: 0, End: math.MaxInt64}
	sorted := sentOrder(c)
	var slots, flight eventHeap // ends of the requests in slots, and of all in flight
	for k := range n {
		i := k
		if sorted != nil {
			i = int(sorted[k])
		}
		sent, done, ok := c.span(i, always)
		if !ok {
			t.begin[i] = -1
			continue
		}
		for len(flight) > 0 && flight[0].at <= sent {
			flight.pop()
		}
		first := done
		if f := c.First[i]; f >= 0 {
			first = min(max(f, sent), done)
		}
		begin, doubtful := sent, false
		switch share, ok := server.queueShare(sent, done); {
		case c.Prefill != nil && c.Prefill[i] >= 0 && c.First[i] >= 0:
			begin = max(sent, first-c.Prefill[i])
		case server.BatchLimit > 0:
			for len(slots) >= server.BatchLimit {
				begin = max(begin, slots.pop().at)
			}
		case len(flight) == 0:
		case ok:
			begin, doubtful = sent+time.Duration(share*float64(first-sent)), share > queueResolution
		default:
			doubtful = true
		}
		t.begin[i], t.doubtful[i] = min(begin, first), doubtful
		flight.push(event{at: done})
		if server.BatchLimit > 0 {
			for len(slots) >= server.BatchLimit {
				slots.pop()
			}
			slots.push(event{at: done})
		}
	}
	return t
}

// presence is a timeline in which every request works from its sending.
func presence(c Columns, w meter.Window) *Timeline { return &Timeline{Columns: c, Window: w} }

// stages fills s with the moments of request i within the window, and reports
// false if it was not in flight there.
func (t *Timeline) stages(i int, s *stages) bool {
	begin := t.Sent[i]
	if t.begin != nil {
		begin = t.begin[i]
	}
	return t.Columns.stages(i, t.Window, begin, s)
}

// Step is the occupancy from At until the next step.
type Step struct {
	At                      time.Duration
	Queued, Prefill, Decode int
}

// Occupancy returns who was where, as steps in time order; the first is at
// the window's start.
func (t *Timeline) Occupancy() []Step {
	type move struct {
		at                      time.Duration
		queued, prefill, decode int
	}
	var moves []move
	for i := range t.Len() {
		var s stages
		if t.stages(i, &s) {
			moves = append(moves, move{s[phaseQueue], 1, 0, 0}, move{s[phasePrefill], -1, 1, 0}, move{s[phaseDecode], 0, -1, 1}, move{s[phaseDone], 0, 0, -1})
		}
	}
	slices.SortFunc(moves, func(a, b move) int { return cmp.Compare(a.at, b.at) })
	steps := []Step{{At: t.Window.Start}}
	for _, m := range moves {
		last := steps[len(steps)-1]
		next := Step{m.at, last.Queued + m.queued, last.Prefill + m.prefill, last.Decode + m.decode}
		if m.at == last.At {
			steps[len(steps)-1] = next
		} else {
			steps = append(steps, next)
		}
	}
	return steps
}

// sentOrder returns the indices of the requests in the order of sending, nil
// if that is how they stand.
func sentOrder(c Columns) []uint32 {
	if slices.IsSorted(c.Sent) {
		return nil
	}
	order := make([]uint32, c.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(c.Sent[a], c.Sent[b]), cmp.Compare(a, b))
	})
	return order
}
