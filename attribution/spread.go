package attribution

import (
	"slices"

	"cfubench/meter"
)

// RequestSpread is how far conventions disagree on one request in one domain.
type RequestSpread struct {
	Request int64
	Domain  string
	// Lo and Hi are the least and most energy that a convention gives it, by
	// ByLo and ByHi.
	Lo, Hi     meter.Energy
	ByLo, ByHi string
}

// DomainSpread is how far conventions disagree in one domain.
type DomainSpread struct {
	Domain      string
	Conventions []string
	Requests    []RequestSpread // in the order of request
	// Median and Max are over requests, of Hi−Lo relative to their middle.
	Median, Max float64
	// Pairs is the number of pairs of requests; Decided that of pairs which
	// every convention ranks the same way, with brackets that do not overlap;
	// Convention that of pairs whose order depends on the convention. The rest
	// cannot be told apart in some convention.
	Pairs, Decided, Convention int64
}

// Spread compares results of different conventions, domain by domain. Refused
// results are left out; a domain with a single convention has no spread and is
// not listed.
func Spread(results []Result) []DomainSpread {
	byDomain := make(map[string][]Result)
	var domains []string
	for _, r := range results {
		if r.Refused != "" {
			continue
		}
		if byDomain[r.Domain] == nil {
			domains = append(domains, r.Domain)
		}
		byDomain[r.Domain] = append(byDomain[r.Domain], r)
	}
	var out []DomainSpread
	for _, d := range domains {
		if rs := byDomain[d]; len(rs) > 1 {
			out = append(out, spreadOf(d, rs))
		}
	}
	return out
}

func spreadOf(domain string, results []Result) DomainSpread {
	s := DomainSpread{Domain: domain}
	for _, r := range results {
		s.Conventions = append(s.Conventions, r.Convention)
	}
	var relative []float64
	for i, first := range results[0].Shares {
		if first.Request < 0 {
			continue
		}
		q := RequestSpread{Request: first.Request, Domain: domain, Lo: first.Energy, Hi: first.Energy, ByLo: results[0].Convention, ByHi: results[0].Convention}
		for _, r := range results[1:] {
			e := r.Shares[i].Energy
			if e < q.Lo {
				q.Lo, q.ByLo = e, r.Convention
			}
			if e > q.Hi {
				q.Hi, q.ByHi = e, r.Convention
			}
		}
		s.Requests = append(s.Requests, q)
		if q.Hi > 0 {
			relative = append(relative, float64(q.Hi-q.Lo)/(float64(q.Hi+q.Lo)/2))
		}
	}
	if len(relative) > 0 {
		slices.Sort(relative)
		s.Median, s.Max = relative[len(relative)/2], relative[len(relative)-1]
	}
	s.rank(results)
	return s
}

// maxRanked bounds the pairs that are compared: with more requests, evenly
// spaced ones stand for all.
const maxRanked = 1000

// rank counts pairs of requests by whether the conventions agree on which used
// more.
func (s *DomainSpread) rank(results []Result) {
	n := len(s.Requests)
	step := max((n+maxRanked-1)/maxRanked, 1)
	for i := 0; i < n; i += step {
		for j := i + step; j < n; j += step {
			s.Pairs++
			more, less, sure := 0, 0, true
			for _, r := range results {
				a, b := r.Shares[i], r.Shares[j]
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
				s.Convention++
			case sure:
				s.Decided++
			}
		}
	}
}
