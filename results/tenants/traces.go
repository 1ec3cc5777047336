package tenants

import "time"

// mostTraces bounds the spans and traces that are remembered, and the requests that
// wait.
const mostTraces = 16384

// Traces puts the spans of traces together, whatever order they come in: a span that
// was sent again counts once, and a request whose span names no tenant has that of
// another span of its trace, as a gateway's. It must not be copied.
type Traces struct {
	// Patience is how long a request waits for a span that names its tenant.
	Patience time.Duration

	seen, callers remembered
	waiting       []waitingRecord
}

type waitingRecord struct {
	Record
	until time.Duration
}

// Add takes spans at a moment. It returns the requests whose tenants are settled, and
// how many it had already.
func (t *Traces) Add(s Spans, now time.Duration) (settled []Record, repeated int) {
	for _, c := range s.Callers {
		t.callers.put(c.Trace, c.Tenant)
	}
	for _, r := range s.Requests {
		if id := r.Trace + "-" + r.Span; r.Span != "" {
			if _, ok := t.seen.of[id]; ok {
				repeated++
				continue
			}
			t.seen.put(id, "")
		}
		if r.Tenant != "" || r.Trace == "" {
			settled = append(settled, r)
			continue
		}
		t.waiting = append(t.waiting, waitingRecord{r, now + t.Patience})
	}
	return append(settled, t.Due(now)...), repeated
}

// Due looks at all requests that wait, and returns those that wait no longer at a
// moment: their trace has named a tenant, or they have waited long enough.
func (t *Traces) Due(now time.Duration) (settled []Record) {
	kept := t.waiting[:0]
	over := len(t.waiting) - mostTraces
	for i, w := range t.waiting {
		tenant, ok := t.callers.of[w.Trace]
		if !ok && i >= over && now < w.until {
			kept = append(kept, w)
			continue
		}
		w.Tenant = tenant
		settled = append(settled, w.Record)
	}
	t.waiting = kept
	return settled
}

// remembered are the last mostTraces keys with their values.
type remembered struct {
	of    map[string]string
	order []string // a ring
	next  int
}

func (m *remembered) put(key, value string) {
	if m.of == nil {
		m.of = map[string]string{}
	}
	if _, ok := m.of[key]; !ok {
		if len(m.order) < mostTraces {
			m.order = append(m.order, key)
		} else {
			delete(m.of, m.order[m.next])
			m.order[m.next], m.next = key, (m.next+1)%mostTraces
		}
	}
	m.of[key] = value
}
