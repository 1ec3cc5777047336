package engine

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// told is a scrape at a second, of a server with these totals and nothing else.
func totalsAt(second int, running, prompt, output, finished float64) Sample {
	s := unknownSample()
	s.Before, s.After = time.Duration(second)*time.Second, time.Duration(second)*time.Second
	s.Running, s.PromptTokens, s.OutputTokens, s.Finished = running, prompt, output, finished
	return s
}

func TestProgress(t *testing.T) {
	n := math.NaN()
	counts := func(prompt, output, requests float64) Counts { return Counts{prompt, n, output, requests, n} }
	failed := unknownSample()
	failed.Err = "connection refused"
	for _, tt := range []struct {
		name    string
		samples []Sample
		want    Stretch // the last that is told
	}{
		{"the first scrape has nothing before it", []Sample{totalsAt(7, 1, 5, 5, 5)},
			Stretch{From: 7 * time.Second, To: 7 * time.Second, Break: First}},
		{"totals count by what they advance", []Sample{totalsAt(1, 1, 100, 10, 1), totalsAt(2, 2, 130, 14, 2)},
			Stretch{From: time.Second, To: 2 * time.Second, Counts: counts(30, 4, 1)}},
		{"a total that comes with the first request counts from zero", []Sample{totalsAt(1, 0, n, n, n), totalsAt(2, 1, 30, n, n), totalsAt(3, 0, 30, 8, 1)},
			Stretch{From: 2 * time.Second, To: 3 * time.Second, Counts: counts(0, 8, 1)}},
		{"a scrape that fails is bridged", []Sample{totalsAt(1, 1, 100, 10, 1), failed, totalsAt(3, 1, 150, 20, 1)},
			Stretch{From: time.Second, To: 3 * time.Second, Counts: counts(50, 10, 0)}},
		{"a longer outage is not counted", []Sample{totalsAt(1, 1, 100, 10, 1), failed, totalsAt(20, 1, 150, 20, 1)},
			Stretch{From: time.Second, To: 20 * time.Second, Break: Outage}},
		{"a total that falls is a restart", []Sample{totalsAt(1, 1, 100, 10, 1), totalsAt(2, 1, 5, 20, 1)},
			Stretch{From: time.Second, To: 2 * time.Second, Break: Restart}},
		{"so is one that vanishes", []Sample{totalsAt(1, 1, 100, 10, 1), totalsAt(2, 0, n, n, n)},
			Stretch{From: time.Second, To: 2 * time.Second, Break: Restart}},
		{"after a restart totals count anew", []Sample{totalsAt(1, 1, 100, 10, 1), totalsAt(2, 0, n, n, n), totalsAt(3, 1, 8, 1, 0)},
			Stretch{From: 2 * time.Second, To: 3 * time.Second, Counts: counts(8, 1, 0)}},
		{"nothing runs and nothing advances: idle", []Sample{totalsAt(1, 0, 100, 10, 1), totalsAt(2, 0, 100, 10, 1)},
			Stretch{From: time.Second, To: 2 * time.Second, Counts: counts(0, 0, 0), Idle: true}},
		{"a request that came and went between two scrapes is work", []Sample{totalsAt(1, 0, 100, 10, 1), totalsAt(2, 0, 110, 11, 2)},
			Stretch{From: time.Second, To: 2 * time.Second, Counts: counts(10, 1, 1)}},
		{"a server that does not tell what runs is never called idle", []Sample{totalsAt(1, n, 100, 10, 1), totalsAt(2, n, 100, 10, 1)},
			Stretch{From: time.Second, To: 2 * time.Second, Counts: counts(0, 0, 0)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Progress{Patience: 10 * time.Second}
			var got Stretch
			for _, s := range tt.samples {
				if one, ok := p.Add(s); ok {
					got = one
				}
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("stretch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProgressNeverInvents restarts a server at any moments: what is counted is never
// more than what it served, and all of it where it did not restart.
func TestProgressNeverInvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Progress{Patience: 10 * time.Second}
		served, counted, since, restarts := 0.0, 0.0, 0.0, 0
		p.Add(totalsAt(0, 0, 0, 0, 0))
		for second := 1; second < 60; second++ {
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				since, restarts = 0, restarts+1
			}
			n := float64(rapid.IntRange(0, 50).Draw(t, "tokens"))
			served, since = served+n, since+n
			if one, ok := p.Add(totalsAt(second, 1, since, since, since)); ok && one.Break == Unbroken {
				counted += one.OutputTokens
			}
		}
		if counted > served || restarts == 0 && counted != served {
			t.Fatalf("%v tokens were served, %v counted, after %d restarts", served, counted, restarts)
		}
	})
}
