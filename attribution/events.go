package attribution

import (
	"slices"
	"time"
)

// event is a change of phase of one request: code is its index shifted by two
// bits, with the phase that begins below.
type event struct {
	at   time.Duration
	code uint32
}

// Phases of a request, in the order in which it goes through them.
const (
	phaseQueue = iota
	phasePrefill
	phaseDecode
	phaseDone
)

// maxRequests is what 30 bits can index.
const maxRequests = 1 << 30

// stages are the moments at which a request enters its phases, by phase. A
// phase that begins when the next does is empty.
type stages [4]time.Duration

// next returns the first phase from kind on that is not empty, which is
// phaseDone at the latest.
func (s *stages) next(kind uint32) uint32 {
	for kind < phaseDone && s[kind] == s[kind+1] {
		kind++
	}
	return kind
}

// previous returns the last phase before kind that is not empty, or phaseDone
// if there is none.
func (s *stages) previous(kind uint32) uint32 {
	for kind > 0 {
		if kind--; s[kind] < s[kind+1] {
			return kind
		}
	}
	return phaseDone
}

// events appends to order the codes of all phase changes in the window, in
// time order; ties are broken by phase and index, so the order depends on nothing
// else. Empty phases are left out. It takes O(R log F), F being the most
// requests ever in flight.
func (t *Timeline) events(order []uint32) []uint32 {
	order = slices.Grow(order, 3*t.Len())
	var pending eventHeap
	emit := func(e event, s *stages) {
		order = append(order, e.code)
		if kind := e.code & 3; kind != phaseDone {
			kind = s.next(kind + 1)
			pending.push(event{s[kind], e.code&^3 | kind})
		}
	}
	var s stages
	later := func() {
		e := pending.pop()
		t.stages(int(e.code>>2), &s)
		emit(e, &s)
	}
	sorted := sentOrder(t.Columns)
	for k := range t.Len() {
		i := k
		if sorted != nil {
			i = int(sorted[k])
		}
		var mine stages
		if !t.stages(i, &mine) {
			continue
		}
		first := mine.next(phaseQueue)
		for len(pending) > 0 && pending[0].at <= mine[first] {
			later()
		}
		emit(event{mine[first], uint32(i)<<2 | first}, &mine)
	}
	for len(pending) > 0 {
		later()
	}
	return order
}

// eventHeap is a binary heap, earliest first. It is written out because
// container/heap costs an interface call a comparison, and this is the inner
// loop of ten million requests.
type eventHeap []event

func (a event) before(b event) bool { return a.at < b.at || a.at == b.at && a.code < b.code }

func (h *eventHeap) push(e event) {
	s := append(*h, e)
	*h = s
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

func (h *eventHeap) pop() event {
	s := *h
	top, e := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(e) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = e
	return top
}
