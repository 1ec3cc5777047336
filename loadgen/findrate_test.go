package loadgen

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParseSLO(t *testing.T) {
	for in, want := range map[string]SLO{
		"ttft=500ms,tpot=50ms": {TTFT: 500 * time.Millisecond, TPOT: 50 * time.Millisecond},
		"e2e=10s":              {E2E: 10 * time.Second},
		" tpot = 1.5ms ":       {TPOT: 1500 * time.Microsecond},
	} {
		got, err := ParseSLO(in)
		if err != nil || got != want {
			t.Errorf("ParseSLO(%q): got %+v, %v; want %+v", in, got, err, want)
		}
		if again, err := ParseSLO(got.String()); err != nil || again != got {
			t.Errorf("%q back from %q: got %+v, %v", in, got.String(), again, err)
		}
	}
	for _, in := range []string{"", "ttft", "ttft=", "ttft=0s", "ttft=-1s", "ttft=5", "itl=5ms", "ttft=1s,ttft=2s"} {
		if got, err := ParseSLO(in); err == nil {
			t.Errorf("ParseSLO(%q): got %+v, want it refused", in, got)
		}
	}
}

func TestSLOMet(t *testing.T) {
	const ms = time.Millisecond
	slo := SLO{TTFT: 100 * ms, TPOT: 10 * ms, E2E: 1000 * ms}
	good := Record{Due: 50 * ms, Sent: 60 * ms, FirstToken: 150 * ms, LastToken: 250 * ms, Done: 300 * ms, OutputTokens: 11}
	with := func(change func(*Record)) Record {
		r := good
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name string
		r    Record
		want bool
	}{
		{"at all bounds", good, true},
		{"TTFT counts from the due time, not from the send", with(func(r *Record) { r.Due, r.Sent = 40*ms, 149*ms }), false},
		{"TPOT above its bound", with(func(r *Record) { r.LastToken = 261 * ms }), false},
		{"one token has no TPOT", with(func(r *Record) { r.LastToken, r.OutputTokens = 999*ms, 1 }), true},
		{"end to end too long", with(func(r *Record) { r.Done = 1051 * ms }), false},
		{"no token at all", with(func(r *Record) { r.FirstToken = Never }), false},
		{"a failure", with(func(r *Record) { r.Err = "x" }), false},
	} {
		if got := slo.Met(tt.r); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// FindRate finds the knee of a server whose requests keep the SLO with
// certainty below it and mostly do not above it.
func TestFindRateFindsTheKnee(t *testing.T) {
	for _, knee := range []float64{0.3, 1, 37, 5000} {
		random := rand.New(rand.NewPCG(1, 2))
		try := func(_ context.Context, rate float64, requests int, observe func(int, bool) bool) error {
			for i := range requests {
				if !observe(i, rate <= knee || random.Float64() < 0.5) {
					return nil
				}
			}
			return nil
		}
		got, err := FindRate(context.Background(), FindOptions{SLO: SLO{TTFT: 1}, Resolution: 0.02, Trials: 40}, try)
		if err != nil {
			t.Fatal(err)
		}
		if got.Rate > knee || got.Rate < knee/1.02 || got.FailedAt <= knee || len(got.Warnings) > 0 {
			t.Errorf("knee at %v: got %v, failed at %v, warnings %v", knee, got.Rate, got.FailedAt, got.Warnings)
		}
		for _, trial := range got.Trials {
			if trial.Verdict == "passes" && trial.Requests != 657 {
				t.Errorf("rate %v passed after %d requests, want 657: the first look at which p99 with none over can pass", trial.Rate, trial.Requests)
			}
		}
	}
}

func TestFindRateSaysWhatIsOpen(t *testing.T) {
	ctx := context.Background()
	always := func(_ context.Context, _ float64, _ int, observe func(int, bool) bool) error {
		for i := 0; observe(i, true); i++ {
		}
		return nil
	}
	got, err := FindRate(ctx, FindOptions{SLO: SLO{TTFT: 1}, Max: 10}, always)
	if err != nil || got.Rate != 10 || got.FailedAt != 0 || !strings.Contains(strings.Join(got.Warnings, " "), "every rate up to 10") {
		t.Errorf("never fails: got %+v, %v; want 10 and a warning", got, err)
	}
	few := func(_ context.Context, _ float64, _ int, observe func(int, bool) bool) error {
		for i := range 100 {
			observe(i, true)
		}
		return nil
	}
	got, err = FindRate(ctx, FindOptions{SLO: SLO{TTFT: 1}, Trials: 3}, few)
	if err != nil || got.Rate != 0 || got.Trials[0].Verdict != "undecided" || !strings.Contains(got.Warnings[0], "0.25 requests/s: after 100 requests, of which 100 met the SLO, inconclusive at 99 % confidence; counted as failed, as 2 higher rates") || !strings.Contains(got.Warnings[1], "ended after 3 trials") {
		t.Errorf("too few requests: got %+v, %v; want undecided trials, taken as failed, with warnings", got, err)
	}
	queues := func(_ context.Context, rate float64, most int, observe func(int, bool) bool) error {
		for i := 0; i < most && observe(i, rate == 0); i++ {
		}
		return nil
	}
	got, err = FindRate(ctx, FindOptions{SLO: SLO{TTFT: 1}, Start: 8, Min: 2}, queues)
	if err != nil || got.Rate != 0 || got.FailedAt != 2 || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "no rate from 2 requests/s up") {
		t.Errorf("fails but for requests one at a time: got %+v, %v; want trials down to 2 requests/s and a warning", got, err)
	}
	if got.Alone == nil || got.Alone.Verdict != "undecided" || got.Alone.Met != got.Alone.Requests {
		t.Errorf("fails but for requests one at a time: got %+v of these, want all met and no verdict", got.Alone)
	}
	broken := errors.New("down")
	if _, err := FindRate(ctx, FindOptions{SLO: SLO{TTFT: 1}}, func(context.Context, float64, int, func(int, bool) bool) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a trial that breaks: got %v, want %v", err, broken)
	}
	for name, o := range map[string]FindOptions{
		"no SLO":             {},
		"a percentile of 1":  {SLO: SLO{TTFT: 1}, Percentile: 1},
		"a confidence of −1": {SLO: SLO{TTFT: 1}, Confidence: -1},
		"a NaN start":        {SLO: SLO{TTFT: 1}, Start: math.NaN()},
		"start above max":    {SLO: SLO{TTFT: 1}, Start: 5, Max: 2},
	} {
		if _, err := FindRate(ctx, o, always); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// A server that misses the objective without a queue keeps it at no rate: a few requests
// one at a time show it, and lower rates, each of which would take twice as long as the
// one before, are not tried.
func TestFindRateWhereNoRateCan(t *testing.T) {
	for _, tt := range []struct {
		does         string
		share, alone float64 // that must keep the objective, that does without a queue
		rejected     bool
		most         int // requests one at a time
	}{
		{"none keeps it", 0.99, 0, true, 2},
		{"none keeps it, where half of them need not", 0.5, 0, true, 18},
		{"half of them do", 0.99, 0.5, true, 12},
		{"all of them do", 0.99, 1, false, 12},
		{"half of them do where four in five must, which a few requests cannot tell", 0.8, 0.5, true, 90},
		{"nearly as many do as have to", 0.9, 0.88, false, 90},
	} {
		random := rand.New(rand.NewPCG(5, 6))
		try := func(_ context.Context, rate float64, most int, observe func(int, bool) bool) error {
			for i := 0; i < most && observe(i, rate == 0 && random.Float64() < tt.alone); i++ {
			}
			return nil
		}
		got, err := FindRate(t.Context(), FindOptions{SLO: SLO{TTFT: 1}, Percentile: tt.share, Throughput: 8}, try)
		if err != nil || got.Rate != 0 || got.Alone == nil {
			t.Fatalf("%s: got %+v, %v; want no rate, and requests one at a time", tt.does, got, err)
		}
		if got.Alone.Requests > tt.most {
			t.Errorf("%s: got %d requests one at a time, want at most %d", tt.does, got.Alone.Requests, tt.most)
		}
		last := got.Warnings[len(got.Warnings)-1]
		if said := strings.HasPrefix(last, "no rate keeps the SLO: of "); said != tt.rejected || (len(got.Trials) == 1) != tt.rejected {
			t.Errorf("%s: got %d trials and %q, want an end after the first: %v", tt.does, len(got.Trials), last, tt.rejected)
		}
	}
}

// A search that runs out of time takes what has passed, and is no rejection where nothing
// has.
func TestFindRateEndsWithItsTime(t *testing.T) {
	for _, tt := range []struct {
		does string
		time time.Duration // of passing trials
		rate float64
	}{
		{"time for two trials: 657 s, and half of it", 1000 * time.Second, 2},
		{"time for one", 700 * time.Second, 1},
		{"for none", 656 * time.Second, 0},
	} {
		left := tt.time
		try := func(_ context.Context, rate float64, most int, observe func(int, bool) bool) error {
			n := 1
			for n < most && observe(n-1, true) {
				n++
			}
			left -= time.Duration(float64(n) / rate * float64(time.Second))
			return nil
		}
		got, err := FindRate(t.Context(), FindOptions{SLO: SLO{TTFT: 1}, Start: 1, Fits: func(d time.Duration) bool { return d <= left },
			Tell: func(p SearchProgress) {
				if p.Trial.Verdict == Passes.String() && p.Trial.Requests != p.Least {
					t.Errorf("%s: a trial passed after %d requests, and said that it takes %d", tt.does, p.Trial.Requests, p.Least)
				}
			}}, try)
		if got.Rate != tt.rate || errors.Is(err, ErrNoTime) != (tt.rate == 0) {
			t.Errorf("%s: got %+v, %v; want %v requests/s", tt.does, got, err, tt.rate)
		}
		if warned := strings.Contains(strings.Join(got.Warnings, "\n"), "there was no time for it"); warned != (tt.rate > 0) {
			t.Errorf("%s: got the warnings %q", tt.does, got.Warnings)
		}
	}
}

// queue is a server of one request at a time, each for as long, in the order of
// their Poisson arrivals: its wait is known, and so is the rate at which 99 % wait
// less than the SLO.
func queue(service time.Duration, slo time.Duration, seed uint64, spent *float64) TryRate {
	random := rand.New(rand.NewPCG(seed, 7))
	return func(_ context.Context, rate float64, requests int, observe func(int, bool) bool) error {
		at, free := 0.0, 0.0
		for i := range requests {
			if at += random.ExpFloat64() / rate; rate == 0 { // one at a time
				at = free
			}
			free = max(free, at) + service.Seconds()
			if !observe(i, free-at <= slo.Seconds()) {
				break
			}
		}
		*spent += at
		return nil
	}
}

// From half the throughput on, which a short saturated load tells to 30 %, a search
// takes about ten times as long as its rate does to pass, and finds the limit of a
// queue that is known: not a rate that keeps the SLO for less than 99 %, and none
// that is far below.
func TestFindRateTakesTenTimesItsDecision(t *testing.T) {
	const service = 100 * time.Millisecond // 10 requests/s at most
	for _, tt := range []struct {
		does        string
		slo         time.Duration
		limit, near float64 // requests/s that keep it for 99 % of a million, and the share of them that must be found
	}{
		{"a bound of two services is kept at low load alone", 200 * time.Millisecond, 1.36, 0.5},
		{"one of five services at half load", 500 * time.Millisecond, 5.62, 0.85},
		{"one of twenty services nearly at capacity", 2 * time.Second, 8.94, 0.95},
	} {
		for _, known := range []float64{0.7, 1, 1.3} {
			var ratio, rate float64
			const seeds = 20
			for seed := range uint64(seeds) {
				var spent float64
				o := FindOptions{SLO: SLO{TTFT: tt.slo}, Throughput: known / service.Seconds()}
				got, err := FindRate(t.Context(), o, queue(service, tt.slo, seed, &spent))
				if err != nil {
					t.Fatal(err)
				}
				ratio += spent / (float64(o.withDefaults().plan(got.Rate).needed(0)) / got.Rate) / seeds
				rate += got.Rate / seeds
			}
			t.Logf("%s, throughput taken for %v of itself: %.3g requests/s after %.1f times the least", tt.does, known, rate, ratio)
			if ratio > 12 {
				t.Errorf("%s, throughput taken for %v of itself: the search took %.1f times as long as its rate does to pass, want about 10", tt.does, known, ratio)
			}
			if rate > 1.1*tt.limit || rate < tt.near*tt.limit {
				t.Errorf("%s, throughput taken for %v of itself: got %.3g requests/s, want up to %.3g", tt.does, known, rate, tt.limit)
			}
		}
	}
}
