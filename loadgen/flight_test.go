package loadgen

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/datasets"
)

// silentEvery answers, but for each n-th request: of that it sends so much and no more,
// until the client goes.
func silentEvery(n int64, begin string) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body) // else the server does not see the client go
		if count.Add(1)%n > 0 {
			answer(4)(w, req)
			return
		}
		if begin != "" {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, begin)
			w.(http.Flusher).Flush()
		}
		<-req.Context().Done()
	}
}

// A request is told of once it is known to miss the objective, and given up when nothing
// comes of it after the last was started.
func TestMissedBeforeTheEnd(t *testing.T) {
	const token = `data: {"choices":[{"index":0,"delta":{"content":" a"}}]}` + "\n\n"
	for _, tt := range []struct {
		says, begin string
		objective   SLO
		want        bool // it is known
	}{
		{"no first token within its bound", "", SLO{TTFT: 50 * time.Millisecond}, true},
		{"a first token in time, and no bound on the rest", token, SLO{TTFT: 50 * time.Millisecond}, false},
		{"no end within its bound", token, SLO{E2E: 50 * time.Millisecond}, true},
		{"fewer tokens than would be in time", token, SLO{TPOT: 5 * time.Millisecond}, true},
		{"as many tokens as were asked for, and no end", token + token + token + token, SLO{TPOT: 5 * time.Millisecond}, false},
		{"no bound on what is not known yet", "", SLO{TPOT: 5 * time.Millisecond}, false},
	} {
		t.Run(tt.says, func(t *testing.T) {
			t.Parallel()
			c := client(t, Options{BaseURL: serve(t, silentEvery(5, tt.begin)), Timeout: time.Minute})
			var missed []int
			ended := map[int]bool{} // whether it was answered
			late := map[int]bool{}  // on a busy machine: with a first token, and missed by it
			load := Load{
				Schedule: mustParse(t, "constant", 100, 1, 1), GiveUp: true,
				Objective: tt.objective, Missed: func(order int) { missed = append(missed, order) },
			}
			began := time.Now()
			stats, err := Run(t.Context(), c, load, trace(20, 4), since(), func(r Record) {
				ended[r.Order] = r.OK()
				late[r.Order] = tt.objective.TTFT > 0 && r.FirstToken-r.Due > tt.objective.TTFT
				if slices.Contains(missed, r.Order) && r.OK() && tt.objective.Met(r) {
					t.Errorf("request %d was told to miss the objective, and kept it: %+v", r.Order, r)
				}
			})
			if err != nil || stats.Requests != 20 || len(ended) != 20 || stats.Errors != 4 {
				t.Errorf("got %d requests, %d rows, %d errors, %v; want 20, 20, 4 and no error", stats.Requests, len(ended), stats.Errors, err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the run took %v, though nothing came of what was left", took)
			}
			of := 0
			for order, ok := range ended {
				if !ok && !late[order] && slices.Contains(missed, order) {
					of++
				}
			}
			if want := map[bool]int{true: 4}[tt.want]; of != want {
				t.Errorf("got %d of the 4 requests without an end told of (%v), want %d", of, missed, want)
			}
		})
	}
}

// A request of which nothing comes any more is told of where no bound of the objective
// says so: the requests after it count only when it is known what became of it.
func TestMissedByStandingStill(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		says                 string
		objective            SLO
		slowest, first, last time.Duration // Never for no token yet
		now                  time.Duration
		want                 bool
	}{
		{"a first token in time and nothing after it", SLO{TTFT: second}, second, second / 2, 3 * second, 14 * second, true},
		{"the same a moment before", SLO{TTFT: second}, second, second / 2, 3 * second, 12 * second, false},
		{"where the slowest answer took long", SLO{TTFT: second}, 20 * second, second / 2, 3 * second, 40 * second, false},
		{"and after twice that", SLO{TTFT: second}, 20 * second, second / 2, 3 * second, 44 * second, true},
		{"no answer has ended yet", SLO{TTFT: second}, 0, second / 2, 3 * second, 300 * second, false},
		{"no token, and no bound on the first", SLO{TPOT: second}, second, Never, Never, 11 * second, true},
	} {
		var told []int
		r := &run{slowest: tt.slowest, flights: map[*flight]struct{}{}, load: Load{Objective: tt.objective, Missed: func(order int) { told = append(told, order) }}}
		f := r.depart(7, 0, datasets.Request{OutputTokens: datasets.Unknown})
		if tt.first != Never {
			f.first.Store(int64(tt.first))
			f.last.Store(int64(tt.last))
		}
		for range 2 {
			r.tellMissed(tt.now)
		}
		if want := map[bool]int{true: 1}[tt.want]; len(told) != want {
			t.Errorf("%s: told %d times, want %d", tt.says, len(told), want)
		}
	}
}

// A request that is never answered has missed the objective when its bound has passed: a
// trial counts it then, and does not stand still until it times out.
func TestFindRateCountsWhatIsNeverAnswered(t *testing.T) {
	t.Parallel()
	c := client(t, Options{BaseURL: serve(t, silentEvery(10, "")), Timeout: time.Minute})
	slo := SLO{TTFT: 200 * time.Millisecond}
	try := func(ctx context.Context, rate float64, requests int, observe func(int, bool) bool) error {
		enough, over := make(chan struct{}), false
		see := func(order int, met bool) {
			if !over && !observe(order, met) {
				over = true
				close(enough)
			}
		}
		load := Load{
			Schedule: mustParse(t, "poisson", rate, 1, 1), Stop: StopRules{MinRequests: requests, MaxRequests: requests},
			GiveUp: true, Enough: enough, Objective: slo, Missed: func(order int) { see(order, false) },
		}
		_, err := Run(ctx, c, load, trace(50, 4), since(), func(r Record) { see(r.Order, slo.Met(r)) })
		return err
	}
	began := time.Now()
	o := FindOptions{SLO: slo, Percentile: 0.6, Start: 50, Max: 50}
	got, err := FindRate(t.Context(), o, try)
	if err != nil || got.Rate != 50 {
		t.Errorf("got %+v, %v; want 50 requests/s, of which nine in ten keep the objective", got, err)
	}
	if trial := got.Trials[0]; trial.Met == trial.Requests || trial.Met*4 < trial.Requests*3 {
		t.Errorf("got %d of %d requests that kept the objective, want about nine in ten", trial.Met, trial.Requests)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("the search took %v: it waited for what is never answered", took)
	}
}
