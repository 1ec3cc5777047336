package attribution

import (
	"slices"

	"cfubench/meter"
)

// RequestSpread is how far conventions disagree on one request.
type RequestSpread struct {
	Request int64
	// Lo and Hi are the least and most energy that a convention gives it, by
	// ByLo and ByHi.
	Lo, Hi     meter.Energy
	ByLo, ByHi string
}

// DomainSpread is how far conventions disagree in one domain.
type DomainSpread struct {
	Domain      string
	Conventions []string
	// Median and Max are over requests, of RelativeSpread.
	Median, Max float64
	// Pairs is the number of pairs of requests; Decided that of pairs which
	// every convention ranks the same way, with brackets that do not overlap;
	// Convention that of pairs whose order depends on the convention. The rest
	// cannot be told apart in some convention. Of more than a thousand requests
	// evenly spaced ones stand for all.
	Pairs, Decided, Convention int64
}

// RelativeSpread is how far the least and the most energy that conventions give
// a request lie apart, relative to their middle: 0 where they agree, 2 at most.
func RelativeSpread[T meter.Energy | float64](lo, hi T) float64 {
	if lo+hi == 0 {
		return 0
	}
	return 2 * float64(hi-lo) / float64(hi+lo)
}

// Spread compares results of different conventions, domain by domain. Refused
// results are left out; a domain with a single convention has no spread and is
// not listed.
func Spread(results []Result) []*Spreader {
	var out []*Spreader
	for _, r := range results {
		if r.Refused != "" {
			continue
		}
		i := slices.IndexFunc(out, func(s *Spreader) bool { return s.domain == r.Domain })
		if i < 0 {
			i = len(out)
			out = append(out, NewSpreader(r.Domain))
		}
		requests := r.Shares[:len(r.Shares)-2]
		out[i].add(r.Convention, len(requests), func(k int) (int64, Row) {
			s := requests[k]
			return s.Request, Row{Energy: s.Energy, Lo: s.Lo, Hi: s.Hi}
		})
	}
	return slices.DeleteFunc(out, func(s *Spreader) bool { return len(s.conventions) < 2 })
}

// Spreader gathers the allocations of one domain by different conventions and
// says how far they disagree. It keeps 26 bytes a request.
type Spreader struct {
	domain      string
	conventions []string
	ids         []int64
	lo, hi      []meter.Energy
	byLo, byHi  []uint8
	// ranked are the rows of the requests whose order is compared, by convention.
	ranked [][]Row
}

// NewSpreader returns a spreader for a domain.
func NewSpreader(domain string) *Spreader { return &Spreader{domain: domain} }

// Add takes one more convention's allocation of the same requests. A refused
// one counts for nothing.
func (s *Spreader) Add(a *Allocation) {
	if a.Refused == "" {
		s.add(a.Convention, a.Len(), func(i int) (int64, Row) { return a.requests.id(i), a.Request(i) })
	}
}

// maxRanked bounds the requests whose order is compared pair by pair.
const maxRanked = 1000

func (s *Spreader) add(convention string, n int, row func(i int) (int64, Row)) {
	by := uint8(len(s.conventions))
	if by == 0 {
		s.ids, s.lo, s.hi = make([]int64, n), make([]meter.Energy, n), make([]meter.Energy, n)
		s.byLo, s.byHi = make([]uint8, n), make([]uint8, n)
	}
	s.conventions = append(s.conventions, convention)
	step := max((n+maxRanked-1)/maxRanked, 1)
	var ranked []Row
	for i := range n {
		id, r := row(i)
		if by == 0 {
			s.ids[i], s.lo[i], s.hi[i] = id, r.Energy, r.Energy
		}
		if r.Energy < s.lo[i] {
			s.lo[i], s.byLo[i] = r.Energy, by
		}
		if r.Energy > s.hi[i] {
			s.hi[i], s.byHi[i] = r.Energy, by
		}
		if i%step == 0 {
			ranked = append(ranked, r)
		}
	}
	s.ranked = append(s.ranked, ranked)
}

// Requests returns the spread of each request, in the order of the columns.
func (s *Spreader) Requests() []RequestSpread {
	out := make([]RequestSpread, len(s.ids))
	for i := range out {
		out[i] = s.Request(i)
	}
	return out
}

// Request returns the spread of request i of the columns.
func (s *Spreader) Request(i int) RequestSpread {
	return RequestSpread{s.ids[i], s.lo[i], s.hi[i], s.conventions[s.byLo[i]], s.conventions[s.byHi[i]]}
}

// Domain sums up the domain.
func (s *Spreader) Domain() DomainSpread {
	d := DomainSpread{Domain: s.domain, Conventions: s.conventions}
	var relative []float64
	for i := range s.lo {
		if s.hi[i] > 0 {
			relative = append(relative, RelativeSpread(s.lo[i], s.hi[i]))
		}
	}
	if len(relative) > 0 {
		slices.Sort(relative)
		d.Median, d.Max = relative[len(relative)/2], relative[len(relative)-1]
	}
	if len(s.conventions) > 1 {
		s.rank(&d)
	}
	return d
}

// rank counts pairs of requests by whether the conventions agree on which used
// more.
func (s *Spreader) rank(d *DomainSpread) {
	for i := range s.ranked[0] {
		for j := i + 1; j < len(s.ranked[0]); j++ {
			d.Pairs++
			more, less, sure := 0, 0, true
			for _, rows := range s.ranked {
				a, b := rows[i], rows[j]
				switch {
				case a.Energy > b.Energy:
					more++
					sure = sure && a.Lo > b.Hi
				case a.Energy < b.Energy:
					less++
					sure = sure && b.Lo > a.Hi
				default:
					sure = false
				}
			}
			switch {
			case more > 0 && less > 0:
				d.Convention++
			case sure:
				d.Decided++
			}
		}
	}
}
