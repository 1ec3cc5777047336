package loadgen

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// LoadGen's own table of the least number of queries, with one over the bound
// and 99 % confidence.
func TestMinQueriesIsLoadGens(t *testing.T) {
	for p, want := range map[float64]int{0.5: 11, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636} {
		if got := MinQueries(p, 0.99, 1); got != want {
			t.Errorf("p%v: got %d, want %d", 100*p, got, want)
		}
	}
}

// Decide passes from MinQueries on and not before; it never does both.
func TestDecideAgreesWithMinQueries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0.3, 0.995).Draw(t, "p")
		over := rapid.IntRange(0, 40).Draw(t, "over")
		n := MinQueries(p, 0.99, over)
		if got := Decide(p, 0.99, n, over); got != Passes {
			t.Fatalf("p %v, %d over of %d: got %v, want passes", p, over, n, got)
		}
		if got := Decide(p, 0.99, n-1, over); n > over+1 && got == Passes {
			t.Fatalf("p %v, %d over of %d: got %v, want it not to pass yet", p, over, n-1, got)
		}
	})
	if got := Decide(0.99, 0.99, 3, 3); got != Fails {
		t.Errorf("3 of 3 over at p99: got %v, want fails", got)
	}
	if got := Decide(0.99, 0.99, 0, 0); got != Undecided {
		t.Errorf("nothing seen: got %v, want undecided", got)
	}
}

// A server that just misses the objective, or just keeps it, gets the wrong
// verdict no more often than the confidence allows, over all looks at it: 1 in
// 100, and what 4000 trials scatter by.
func TestTrialErrsNoMoreThanItsConfidence(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const trials = 4000
	for _, p := range []float64{0.5, 0.9, 0.99} {
		o := FindOptions{SLO: SLO{TTFT: 1}, Percentile: p, Requests: 2000}.withDefaults()
		plan := o.plan(1)
		var verdicts [3]int
		for range trials {
			over, verdict := 0, Undecided
			for n := 1; n <= plan.limit() && verdict == Undecided; n++ {
				if random.Float64() >= p {
					over++
				}
				verdict = plan.decide(n, over)
			}
			verdicts[verdict]++
		}
		const most = trials/100 + 19 // three standard deviations
		if verdicts[Passes] > most || verdicts[Fails] > most {
			t.Errorf("exactly %v keep the SLO: %d of %d trials passed, %d failed; want at most %d each", p, verdicts[Passes], trials, verdicts[Fails], most)
		}
	}
}

// No trial passes before a backlog would show, however many requests that takes.
func TestPlanWaitsForABacklog(t *testing.T) {
	for _, tt := range []struct {
		name            string
		slo             SLO
		rate            float64
		passFrom, limit int
	}{
		{"at a low rate the statistics take longer", SLO{TTFT: 500 * time.Millisecond}, 1, 459, 5000},
		{"at a high one the backlog: 15 s for 0.5 s at 5 %", SLO{TTFT: 500 * time.Millisecond}, 100, 1500, 5000},
		{"even beyond the limit of requests", SLO{TTFT: 500 * time.Millisecond}, 1000, 15000, 15000},
		{"the tightest bound shows it first", SLO{TTFT: time.Second, E2E: 500 * time.Millisecond}, 100, 1500, 5000},
		{"time per token has no backlog", SLO{TPOT: 50 * time.Millisecond}, 1000, 459, 5000},
	} {
		plan := FindOptions{SLO: tt.slo, Requests: 5000}.withDefaults().plan(tt.rate)
		if plan.passFrom != tt.passFrom || plan.limit() != tt.limit {
			t.Errorf("%s: got a pass from %d and a limit of %d, want %d and %d", tt.name, plan.passFrom, plan.limit(), tt.passFrom, tt.limit)
		}
	}
}

// Requests count in the order in which they started: the quick ones must not
// pass a rate while the slow ones are still in flight.
func TestTrialWaitsForWhatStartedEarlier(t *testing.T) {
	o := FindOptions{SLO: SLO{TTFT: 1}}.withDefaults()
	got, err := o.trial(context.Background(), 1, o.plan(1), SearchProgress{}, func(_ context.Context, _ float64, _ int, observe func(int, bool) bool) error {
		for i := 20; i < 2000; i++ {
			if !observe(i, true) {
				t.Fatalf("decided after %d requests, while 20 that started earlier are in flight", i-19)
			}
		}
		for i := range 20 {
			observe(i, false)
		}
		return nil
	})
	if err != nil || got.Verdict != "fails" || got.Met != 0 {
		t.Errorf("20 slow requests that miss: got %+v, %v; want a failure by them alone", got, err)
	}
}
