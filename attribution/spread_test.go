package attribution_test

import (
	"testing"

	"cfubench/attribution"
	"cfubench/meter"
)

// by is a result whose requests have the given energies, in J, give or take
// half a joule.
func by(convention string, joules ...float64) attribution.Result {
	r := attribution.Result{Convention: convention, Domain: "gpu0"}
	for i, j := range joules {
		e := meter.Energy(j * 1e6)
		r.Shares = append(r.Shares, attribution.Share{Request: int64(i), Convention: convention, Domain: "gpu0", Energy: e, Lo: e - meter.Joule/2, Hi: e + meter.Joule/2})
	}
	r.Shares = append(r.Shares, attribution.Share{Request: attribution.IdleRow}, attribution.Share{Request: attribution.UnattributedRow})
	return r
}

func TestSpread(t *testing.T) {
	for _, row := range []struct {
		name                       string
		results                    []attribution.Result
		pairs, decided, convention int64
		max                        float64
	}{
		{"agreement beyond the brackets decides", []attribution.Result{by("a", 10, 20), by("b", 12, 18)}, 1, 1, 0, 2.0 / 11},
		{"the convention decides who used more", []attribution.Result{by("a", 10, 20), by("b", 20, 10)}, 1, 0, 1, 10.0 / 15},
		{"agreement within the brackets decides nothing", []attribution.Result{by("a", 10, 10.6), by("b", 10, 10.8)}, 1, 0, 0, 0.2 / 10.7},
		{"equals are not told apart", []attribution.Result{by("equal", 10, 10), by("b", 5, 15)}, 1, 0, 0, 5.0 / 7.5},
		{"three requests are three pairs", []attribution.Result{by("a", 10, 20, 30), by("b", 10, 30, 20)}, 3, 2, 1, 10.0 / 25},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := attribution.Spread(row.results)
			if len(got) != 1 {
				t.Fatalf("got %d domains, want 1", len(got))
			}
			s := got[0].Domain()
			if s.Pairs != row.pairs || s.Decided != row.decided || s.Convention != row.convention {
				t.Errorf("got %d pairs, %d decided and %d by the convention, want %d, %d and %d", s.Pairs, s.Decided, s.Convention, row.pairs, row.decided, row.convention)
			}
			if d := s.Max - row.max; d > 1e-6 || d < -1e-6 {
				t.Errorf("largest spread: got %g, want %g", s.Max, row.max)
			}
		})
	}
}

func TestSpreadNeedsTwoConventions(t *testing.T) {
	refused := by("steady")
	refused.Refused = "no saturated window"
	if got := attribution.Spread([]attribution.Result{by("a", 1, 2), refused}); len(got) != 0 {
		t.Errorf("got %v of one convention and a refusal, want nothing", got)
	}
	got := attribution.Spread([]attribution.Result{by("a", 1, 2), by("b", 1, 4)})
	if q := got[0].Requests()[1]; q.ByLo != "a" || q.ByHi != "b" || q.Hi != 4*meter.Joule {
		t.Errorf("request 1: got %+v, want 2 J by a and 4 J by b", q)
	}
}
