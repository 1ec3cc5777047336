package attribution_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
)

// TestSharesByHand holds each convention to shares worked out by hand: 100 W
// from 0 to 1 s, nothing in flight before 100 ms and after 900 ms.
func TestSharesByHand(t *testing.T) {
	curve := steadyPower(100*meter.Watt, time.Second)
	a, b := req(0, 100, 200, 500), req(1, 300, 400, 900)
	a.PromptTokens, a.OutputTokens = 100, 30
	b.PromptTokens, b.OutputTokens = 300, 10
	for _, row := range []struct {
		name       string
		convention attribution.Convention
		want       [2]float64 // J
		prefill    [2]float64
	}{
		{"equal halves the 80 J of the busy time", attribution.Equal{}, [2]float64{40, 40}, [2]float64{0, 0}},
		{"token: 130 and 310 of 440 tokens", attribution.Token{Prompt: 1, Output: 1}, [2]float64{80 * 130 / 440., 80 * 310 / 440.}, [2]float64{80 * 100 / 440., 80 * 300 / 440.}},
		{"token with output tokens alone: 30 to 10", attribution.Token{Output: 1}, [2]float64{60, 20}, [2]float64{0, 0}},
		{"residency: alone 200 ms, shared 200 ms, alone 400 ms", attribution.Residency{}, [2]float64{20 + 10, 10 + 40}, [2]float64{10, 5}},
		// Decode of a makes 0.1 tokens/ms, prefill of b does 3/ms at half an
		// output token each; decode of b makes 0.02 tokens/ms.
		{"phase at half an output token a prompt token", attribution.Phase{PrefillWeight: 0.5},
			[2]float64{20 + 10*0.1/1.6 + 10*0.1/0.12, 10*1.5/1.6 + 10*0.02/0.12 + 40}, [2]float64{10, 10 * 1.5 / 1.6}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := attribution.Attribute(row.convention, []attribution.Request{a, b}, curve, meter.Window{End: time.Second},
				attribution.Idle{Loaded: 10 * meter.Watt, Known: true})
			if err != nil {
				t.Fatal(err)
			}
			total := 0.0
			for i, want := range row.want {
				s := r.Shares[i]
				if math.Abs(s.Energy.Joules()-want) > 0.06 {
					t.Errorf("request %d: got %v, want %.3f J", i, s.Energy, want)
				}
				if math.Abs(s.Prefill.Joules()-row.prefill[i]) > 0.06 {
					t.Errorf("request %d: got %v in prefill, want %.3f J", i, s.Prefill, row.prefill[i])
				}
				// Power is constant, so a tenth of every share is idle power.
				if math.Abs(s.Idle.Joules()-want/10) > 0.06 {
					t.Errorf("request %d: got %v of idle power, want %.3f J", i, s.Idle, want/10)
				}
				total += s.Energy.Joules()
			}
			if idle := r.Shares[2]; math.Abs(idle.Energy.Joules()-20) > 0.06 {
				t.Errorf("idle row: got %v, want the 20 J of 200 ms without a request", idle.Energy)
			}
		})
	}
}

// TestPhaseFindsThePrefillWeight runs a server whose every prompt token costs
// 0.2 J and every output token 0.5 J, over 20 W of idle power.
func TestPhaseFindsThePrefillWeight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	var reqs []attribution.Request
	power := make([]meter.Power, 20_000)
	for i := range power {
		power[i] = 20 * meter.Watt
	}
	spend := func(from, to int, joules float64) {
		for at := from; at < to; at++ {
			power[at] += meter.Power(joules / float64(to-from) * 1e9)
		}
	}
	for i := range 60 {
		sent := 100 + rng.IntN(15_000)
		first := sent + 50 + rng.IntN(400)
		done := first + 200 + rng.IntN(2000)
		r := req(int64(i), sent, first, done)
		r.PromptTokens, r.OutputTokens = 50+rng.IntN(500), 5+rng.IntN(100)
		spend(sent, first, 0.2*float64(r.PromptTokens))
		spend(first, done, 0.5*float64(r.OutputTokens))
		reqs = append(reqs, r)
	}
	curve := varyingPower(20*time.Second, func(at time.Duration) meter.Power { return power[max(min(int(at/ms), len(power)-1), 0)] })
	r, err := attribution.Attribute(attribution.Phase{}, reqs, curve, meter.Window{End: 19 * time.Second}, attribution.Idle{Loaded: 20 * meter.Watt, Known: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) != 1 {
		t.Fatalf("got notes %q, want one on the fit", r.Notes)
	}
	m := regexp.MustCompile(`^prefill weight ([0-9.]+) `).FindStringSubmatch(r.Notes[0])
	if m == nil {
		t.Fatalf("got note %q, want the fitted prefill weight", r.Notes[0])
	}
	if got, _ := strconv.ParseFloat(m[1], 64); math.Abs(got-0.4) > 0.01 {
		t.Errorf("prefill weight: got %g, want 0.4 (%s)", got, r.Notes[0])
	}
	// With the weight found, each request gets what it spent, above idle.
	for i, q := range reqs {
		s := r.Shares[i]
		want := 0.2*float64(q.PromptTokens) + 0.5*float64(q.OutputTokens)
		if got := (s.Energy - s.Idle).Joules(); math.Abs(got-want) > 0.12*want+1 {
			t.Errorf("request %d above idle: got %.2f J, want about the %.2f J it spent", i, got, want)
		}
	}
}

func TestPhaseSaysWhenItCannotFit(t *testing.T) {
	counted := req(0, 100, 200, 900)
	uncounted := counted
	uncounted.PromptTokens, uncounted.OutputTokens = -1, -1
	for _, row := range []struct {
		name  string
		reqs  []attribution.Request
		until time.Duration
		want  string
	}{
		{"no request, no work", nil, time.Second, "too few"},
		{"a few milliseconds", []attribution.Request{counted}, 120 * ms, "too few"},
		{"no token was counted", []attribution.Request{uncounted}, time.Second, "too few"},
		{"only prefill in the window", []attribution.Request{req(0, 100, 950, 980)}, 940 * ms, "missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := attribution.Attribute(attribution.Phase{}, row.reqs, steadyPower(100*meter.Watt, time.Second), meter.Window{End: row.until}, attribution.Idle{})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], row.want) || !strings.HasPrefix(r.Notes[0], "prefill weight not fitted") {
				t.Errorf("got notes %q, want one that says %q", r.Notes, row.want)
			}
		})
	}
}

// closedLoop is n requests over a server of two slots, both always taken.
func closedLoop(n int) []attribution.Request {
	var reqs []attribution.Request
	for i := range n {
		start := 100 + (i/2)*200
		r := req(int64(i), start, start+50, start+200)
		r.OutputTokens = 10 + 20*(i%2)
		reqs = append(reqs, r)
	}
	return reqs
}

func TestSteady(t *testing.T) {
	curve := steadyPower(100*meter.Watt, 3*time.Second)
	w := meter.Window{End: 3 * time.Second}
	t.Run("joules per output token of the saturated window, times output tokens", func(t *testing.T) {
		r, err := attribution.Attribute(attribution.Steady{BatchLimit: 2}, closedLoop(20), curve, w, attribution.Idle{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Refused != "" {
			t.Fatalf("refused: %s", r.Refused)
		}
		// From the second first token (150 ms) to the 17th end (1900 ms): the
		// decode of nine pairs but for the last: 9 × 40 tokens. 175 J.
		perToken := 175.0 / 360
		for i, s := range r.Shares[:20] {
			want := perToken * float64(10+20*(i%2))
			if math.Abs(s.Energy.Joules()-want) > 0.02 {
				t.Errorf("request %d: got %v, want %.3f J", i, s.Energy, want)
			}
			if s.Prefill != 0 {
				t.Errorf("request %d: got %v in prefill, want none: prompts are free", i, s.Prefill)
			}
		}
	})
	for _, row := range []struct {
		name  string
		limit int
		reqs  []attribution.Request
		want  string
	}{
		{"no batch limit is known", 0, closedLoop(20), "batch limit is unknown"},
		{"fewer requests than fill a batch", 8, closedLoop(4), "too few"},
		{"the batch was never full", 8, closedLoop(40), "no saturated window"},
		{"all but the last ended before the first started", 2, []attribution.Request{req(0, 0, -1, 10), req(1, 0, -1, 10), req(2, 20, 40, 60), req(3, 20, 45, 60)}, "no saturated window"},
		{"nothing was generated", 2, func() []attribution.Request {
			reqs := closedLoop(20)
			for i := range reqs {
				reqs[i].OutputTokens = 0
			}
			return reqs
		}(), "no output token"},
	} {
		t.Run("refused: "+row.name, func(t *testing.T) {
			r, err := attribution.Attribute(attribution.Steady{BatchLimit: row.limit}, row.reqs, curve, w, attribution.Idle{})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.Refused, row.want) || len(r.Shares) != 0 {
				t.Errorf("got refusal %q and %d shares, want %q and none", r.Refused, len(r.Shares), row.want)
			}
		})
	}
}

func TestFailedRequestsKeepTheirEnergy(t *testing.T) {
	curve := steadyPower(100*meter.Watt, time.Second)
	cut, refused, unsent := req(0, 100, 200, 500), req(1, 100, -1, 150), req(2, -1, -1, -1)
	cut.Failed, refused.Failed, unsent.Failed = true, true, true
	refused.PromptTokens, refused.OutputTokens = -1, -1
	reqs := []attribution.Request{cut, refused, unsent, req(3, 100, 200, 500)}
	for _, c := range conventions(t) {
		if c.Name() == "steady" {
			continue
		}
		r, err := attribution.Attribute(c, reqs, curve, meter.Window{End: time.Second}, attribution.Idle{})
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range r.Shares[:3] {
			if !slices.Contains(s.Flags, attribution.FlagFailed) {
				t.Errorf("%s: request %d has flags %v, want %s", c.Name(), i, s.Flags, attribution.FlagFailed)
			}
		}
		if r.Shares[0].Energy <= 0 {
			t.Errorf("%s: a request cut in the middle got %v, want its part", c.Name(), r.Shares[0].Energy)
		}
		if s := r.Shares[2]; s.Energy != 0 || !slices.Contains(s.Flags, attribution.FlagNotSent) {
			t.Errorf("%s: a request that was never sent got %v with flags %v, want nothing and %s", c.Name(), s.Energy, s.Flags, attribution.FlagNotSent)
		}
	}
}

func TestParseRefusesWhatItCannotMean(t *testing.T) {
	for _, row := range []struct{ list, want string }{
		{"", "no convention named"},
		{"token,frobnicate", `unknown convention "frobnicate"`},
		{"token, token", "named twice"},
		{"shapley", "needs a Shapley model"},
	} {
		if _, err := attribution.Parse(row.list, attribution.Params{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("parse %q: got error %v, want one that says %q", row.list, err, row.want)
		}
	}
	cs, err := attribution.Parse(" equal, token ,residency", attribution.Params{})
	if err != nil || len(cs) != 3 || cs[1].Name() != "token" {
		t.Errorf("parse three names: got %v and error %v", cs, err)
	}
}
