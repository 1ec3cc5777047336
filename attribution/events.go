package attribution

import (
	"slices"
	"time"
)

// event is a change of phase of one request: code is its index shifted by two
// bits, with the kind below.
type event struct {
	at   time.Duration
	code uint32
}

// Kinds of event, in the order in which a request meets them.
const (
	evSent    = iota // enters the queue
	evPrefill        // begins its prefill
	evFirst          // first token: prefill ends, decode begins
	evDone
)

// maxRequests is what 30 bits can index.
const maxRequests = 1 << 30

// events returns the codes of all phase changes in the window, in time order;
// ties are broken by index, so the order depends on nothing else. A request
// that does not queue has no evSent, one without a first token no evFirst. It
// takes O(R log F), F being the most requests ever in flight.
func (t *Timeline) events(order []uint32) []uint32 {
	order = slices.Grow(order, 3*t.Len())
	var pending eventHeap
	emit := func(e event) {
		order = append(order, e.code)
		i, kind := int(e.code>>2), e.code&3
		_, prefill, first, done, _ := t.phases(i)
		switch {
		case kind == evSent:
			pending.push(event{prefill, e.code&^3 | evPrefill})
		case kind == evPrefill && first < done:
			pending.push(event{first, e.code&^3 | evFirst})
		case kind == evPrefill || kind == evFirst:
			pending.push(event{done, e.code&^3 | evDone})
		}
	}
	for _, i := range sentOrder(t.Columns) {
		sent, prefill, _, _, ok := t.phases(int(i))
		if !ok {
			continue
		}
		for len(pending) > 0 && pending[0].at <= sent {
			emit(pending.pop())
		}
		kind := uint32(evPrefill)
		if prefill > sent {
			kind = evSent
		}
		emit(event{sent, i<<2 | kind})
	}
	for len(pending) > 0 {
		emit(pending.pop())
	}
	return order
}

// when returns the moment of an event.
func (t *Timeline) when(code uint32) time.Duration {
	sent, prefill, first, done, _ := t.phases(int(code >> 2))
	switch code & 3 {
	case evSent:
		return sent
	case evPrefill:
		return prefill
	case evFirst:
		return first
	}
	return done
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
