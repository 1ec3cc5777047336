package attribution_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// scene is a drawn run: requests under a simulated accelerator.
type scene struct {
	truth  *simulated.Truth
	curve  *attribution.Curve
	window meter.Window
	reqs   []attribution.Request
	idle   attribution.Idle
}

const ms = time.Millisecond

// drawScene draws a run of up to n requests, some failed, some unsent, some
// never finished, with and without server times and token counts.
func drawScene(t *rapid.T, n int) scene {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	truth := simulated.Inference(rng, 8*time.Second)
	poll := time.Duration(rapid.IntRange(5, 60).Draw(t, "poll ms")) * ms
	var limit, floor meter.Power
	if rapid.Bool().Draw(t, "limits known") {
		limit, floor = simLimit, simFloor
	}
	trace := simulated.Accelerator(poll).Read(rng, truth, limit, floor)
	c, _ := attribution.NewCurve(trace.Domain, trace.Readings)
	s := scene{truth: truth, curve: c, window: meter.Window{Start: 500 * ms, End: 7 * time.Second}}
	s.idle = attribution.Idle{Loaded: 100 * meter.Watt, Known: rapid.Bool().Draw(t, "idle known")}
	for i := range rapid.IntRange(0, n).Draw(t, "requests") {
		s.reqs = append(s.reqs, drawRequest(t, int64(i)))
	}
	return s
}

func drawRequest(t *rapid.T, id int64) attribution.Request {
	at := func(name string, lo, hi int) time.Duration {
		return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * ms
	}
	r := attribution.Request{ID: id, Sent: at("sent", 0, 6500), ServerPrefill: -1, ServerDecode: -1,
		PromptTokens: rapid.IntRange(-1, 500).Draw(t, "prompt"), OutputTokens: rapid.IntRange(-1, 200).Draw(t, "output")}
	r.FirstToken = r.Sent + at("first", 0, 800)
	r.LastToken = r.FirstToken + at("decode", 0, 1500)
	r.Done = r.LastToken + at("end", 0, 5)
	switch rapid.IntRange(0, 9).Draw(t, "fate") {
	case 0:
		r.Failed, r.FirstToken, r.LastToken = true, -1, -1
	case 1:
		r.Failed, r.Sent, r.FirstToken, r.LastToken, r.Done = true, -1, -1, -1, -1
	case 2:
		r.Failed, r.Done = true, -1
	case 3, 4, 5:
		r.ServerPrefill = at("server prefill", 0, 900)
	case 6:
		r.Failed, r.Refused, r.FirstToken, r.LastToken = true, true, -1, -1
	}
	r.CachedTokens = rapid.IntRange(-1, max(r.PromptTokens, 0)).Draw(t, "cached")
	if r.FirstToken >= 0 && rapid.Bool().Draw(t, "stamped") {
		n := rapid.IntRange(1, 40).Draw(t, "events")
		for k := range n {
			r.Tokens = append(r.Tokens, r.FirstToken+(r.LastToken-r.FirstToken)*time.Duration(k)/time.Duration(max(n-1, 1)))
		}
		if rapid.Bool().Draw(t, "counted") {
			r.TokenCounts = rapid.SliceOfN(rapid.Int32Range(0, 5), n, n).Draw(t, "counts")
		}
	}
	return r
}

// conventions are all that need no saturated window, and steady.
func conventions(t interface{ Fatal(...any) }) []attribution.Convention {
	cs, err := attribution.Parse("step,token,phase,equal,residency,steady,shapley", attribution.Params{Server: &attribution.Server{BatchLimit: 4}, PromptWeight: 1, OutputWeight: 4, ShapleyModel: shapleyModel()})
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func attribute(t interface{ Fatalf(string, ...any) }, c attribution.Convention, s scene) attribution.Result {
	r, err := attribution.Attribute(c, s.reqs, s.curve, s.window, s.idle)
	if err != nil {
		t.Fatalf("attribute by %s: %v", c.Name(), err)
	}
	return r
}

func TestSharesSumToTheCurve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 12)
		for _, c := range conventions(t) {
			r := attribute(t, c, s)
			if r.Refused != "" {
				if c.Name() != "steady" {
					t.Fatalf("%s refused: %s", c.Name(), r.Refused)
				}
				continue
			}
			var sum meter.Energy
			for _, share := range r.Shares {
				sum += share.Energy
			}
			if want := s.curve.Total(s.window); sum != want || r.Counter != want {
				t.Fatalf("%s: shares sum to %d µJ and the result says %d, want the curve's %d", c.Name(), sum, r.Counter, want)
			}
		}
	})
}

func TestSharesAreInOrderAndWithinTheirBrackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 12)
		for _, c := range conventions(t) {
			r := attribute(t, c, s)
			for i, share := range r.Shares {
				want := int64(i)
				switch i {
				case len(s.reqs):
					want = attribution.IdleRow
				case len(s.reqs) + 1:
					want = attribution.UnattributedRow
				}
				if share.Request != want {
					t.Fatalf("%s: row %d is of request %d, want %d", c.Name(), i, share.Request, want)
				}
				if share.Lo > share.Energy || share.Hi < share.Energy {
					t.Fatalf("%s: request %d has %d µJ outside [%d, %d]", c.Name(), share.Request, share.Energy, share.Lo, share.Hi)
				}
				if share.Request == attribution.UnattributedRow {
					continue
				}
				if share.Energy < 0 || share.Prefill < 0 || share.Decode < 0 || share.Idle < 0 || share.Lo < 0 {
					t.Fatalf("%s: request %d has a negative energy: %+v", c.Name(), share.Request, share)
				}
				if share.Idle > share.Energy || share.Prefill+share.Decode > share.Energy {
					t.Fatalf("%s: request %d has parts beyond the whole: %+v", c.Name(), share.Request, share)
				}
			}
		}
	})
}

// TestSharesHoldTheTruth holds the rows of residency and of equal against the
// true energy split by the same rules.
func TestSharesHoldTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 8)
		residency, equal := make([]float64, len(s.reqs)+1), make([]float64, len(s.reqs)+1)
		present := make(map[int]bool)
		var busy, idle float64
		for at := s.window.Start; at < s.window.End; at += ms {
			e := s.truth.Energy(at+ms) - s.truth.Energy(at)
			var flight []int
			for i, q := range s.reqs {
				if !q.Refused && q.Sent >= 0 && q.Sent <= at && (q.Done < 0 || q.Done > at) {
					flight = append(flight, i)
					present[i] = true
				}
			}
			for _, i := range flight {
				residency[i] += e / float64(len(flight))
			}
			if len(flight) == 0 {
				idle += e
			} else {
				busy += e
			}
		}
		for i := range present {
			equal[i] = busy / float64(len(present))
		}
		residency[len(s.reqs)], equal[len(s.reqs)] = idle, idle
		for _, by := range []struct {
			convention attribution.Convention
			truth      []float64
		}{{attribution.Residency{}, residency}, {attribution.Equal{}, equal}} {
			r := attribute(t, by.convention, s)
			for i, want := range by.truth {
				got := r.Shares[i]
				if float64(got.Lo) > want+1 || float64(got.Hi) < want-1 {
					t.Fatalf("%s, request %d: got [%d, %d] µJ (estimate %d), want it to hold the true %.0f", by.convention.Name(), got.Request, got.Lo, got.Hi, got.Energy, want)
				}
			}
		}
	})
}

func TestOrderOfRequestsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 10)
		shuffled := s
		shuffled.reqs = rapid.Permutation(s.reqs).Draw(t, "order")
		for _, c := range conventions(t) {
			if diff := cmp.Diff(attribute(t, c, s), attribute(t, c, shuffled), cmpopts.IgnoreUnexported(attribution.StepCosts{}), cmpopts.EquateNaNs()); diff != "" {
				t.Fatalf("%s depends on the order of its input (-in order +shuffled):\n%s", c.Name(), diff)
			}
		}
	})
}

func TestLoneRequestGetsEverythingAboveIdle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 0)
		r := drawRequest(t, 7)
		r.Failed, r.Refused, r.Sent = false, false, max(r.Sent, s.window.Start)
		r.Done = max(r.Done, r.Sent+300*ms)
		s.reqs = []attribution.Request{r}
		s.idle.Known = true
		for _, c := range conventions(t) {
			if c.Name() == "steady" {
				continue // by definition not: it prices the saturated state only
			}
			got := attribute(t, c, s)
			alone := s.curve.Energy(meter.Window{Start: r.Sent, End: min(r.Done, s.window.End)})
			if d := got.Shares[0].Energy - alone.Energy; d < -1 || d > 1 {
				t.Fatalf("%s: a request alone got %d µJ, want all of the %d µJ used while it was in flight", c.Name(), got.Shares[0].Energy, alone.Energy)
			}
			for _, rest := range got.Shares[1:] {
				if above := rest.Energy - rest.Idle; rest.Request == attribution.IdleRow && above != 0 {
					t.Fatalf("%s: %d µJ above idle are in the idle row", c.Name(), above)
				}
			}
		}
	})
}

func TestResidencyAddsUpOverSplitWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 10)
		for i := range s.reqs {
			// A request without an end is as long as its window, so its rate
			// is another in each half.
			s.reqs[i].Done = max(s.reqs[i].Done, s.reqs[i].Sent)
		}
		cut := time.Duration(rapid.IntRange(600, 6900).Draw(t, "cut ms")) * ms
		first, second := s, s
		first.window.End, second.window.Start = cut, cut
		for _, c := range []attribution.Convention{attribution.Residency{}, attribution.Phase{PrefillWeight: 0.5}} {
			whole, a, b := attribute(t, c, s), attribute(t, c, first), attribute(t, c, second)
			if whole.Counter != a.Counter+b.Counter {
				t.Fatalf("counter differences %d + %d, want %d", a.Counter, b.Counter, whole.Counter)
			}
			for i, share := range whole.Shares {
				// Each of the three is rounded to a quantum by itself.
				if d := a.Shares[i].Energy + b.Shares[i].Energy - share.Energy; math.Abs(float64(d)) > 4 {
					t.Fatalf("%s: request %d has %d + %d µJ in two halves, want %d", c.Name(), share.Request, a.Shares[i].Energy, b.Shares[i].Energy, share.Energy)
				}
			}
		}
	})
}

func TestWindowAcrossAResetIsRefused(t *testing.T) {
	d := meter.Domain{Name: "gpu0", Kind: meter.KindCounter, UpdatePeriod: 10 * ms}
	var readings []meter.Reading
	for i := range 100 {
		r := meter.Reading{Before: time.Duration(i) * 10 * ms, After: time.Duration(i)*10*ms + 1, HasEnergy: true, Status: meter.StatusOK, Energy: meter.Energy(i) * meter.Joule}
		if i >= 50 {
			r.Energy -= 50 * meter.Joule
		}
		if i == 50 {
			r.Status = meter.StatusReset
		}
		readings = append(readings, r)
	}
	c, warnings := attribution.NewCurve(d, readings)
	if len(warnings) != 1 || warnings[0].Code != "reset" {
		t.Errorf("got warnings %v, want one reset", warnings)
	}
	across := meter.Window{Start: 200 * ms, End: 800 * ms}
	if e := c.Energy(across); e.HasEnergy || !slices.Contains(e.Flags, attribution.FlagInvalidReset) {
		t.Errorf("energy across a reset: got %+v, want none with flag %s", e, attribution.FlagInvalidReset)
	}
	r, err := attribution.Attribute(attribution.Equal{}, nil, c, across, attribution.Idle{})
	if err != nil || r.Refused == "" || len(r.Shares) != 0 {
		t.Errorf("attribution across a reset: got %+v and error %v, want a refusal", r, err)
	}
	if e := c.Energy(meter.Window{Start: 600 * ms, End: 800 * ms}); e.Energy != 20*meter.Joule {
		t.Errorf("energy after the reset: got %v, want 20 J", e.Energy)
	}
}

func shapleyModel() *attribution.ShapleyModel {
	return &attribution.ShapleyModel{Coefficients: []float64{0.01, 4, 3, 8, 0}}
}
