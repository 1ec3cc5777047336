package attribution_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
	"cfubench/meter"
)

// everyConvention but steady, which prices the saturated state alone.
func everyConvention(t *rapid.T) []attribution.Convention {
	return slices.DeleteFunc(conventions(t), func(c attribution.Convention) bool { return c.Name() == "steady" })
}

// TestWhoComputesNothingPaysNothing: a request that the server refused is a
// null player: it gets nothing by any convention, and nobody else's share
// changes for it.
func TestWhoComputesNothingPaysNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 8)
		without := s
		refused := drawRequest(t, 100)
		refused.Failed, refused.Refused = true, true
		refused.FirstToken, refused.LastToken, refused.Tokens, refused.TokenCounts = -1, -1, nil, nil
		s.reqs = append(slices.Clone(s.reqs), refused)
		for _, c := range everyConvention(t) {
			got, want := attribute(t, c, s), attribute(t, c, without)
			n := len(without.reqs)
			if row := got.Shares[n]; row.Energy != 0 || row.Hi != 0 || !slices.Contains(row.Flags, attribution.FlagRefused) && refused.Sent >= 0 {
				t.Fatalf("%s: a refused request has %v (at most %v) with flags %v, want nothing and %s", c.Name(), row.Energy, row.Hi, row.Flags, attribution.FlagRefused)
			}
			for i := range n {
				if got.Shares[i].Energy != want.Shares[i].Energy {
					t.Fatalf("%s: request %d has %v beside a refused one, want %v as without it", c.Name(), i, got.Shares[i].Energy, want.Shares[i].Energy)
				}
			}
		}
	})
}

// TestCachedTokensAreNoPrefill: what a cache held costs the same as if the
// prompt had been that much shorter, by every convention with a prompt term.
func TestCachedTokensAreNoPrefill(t *testing.T) {
	curve := steadyPower(100*meter.Watt, time.Second)
	long, short := req(0, 100, 200, 500), req(1, 150, 400, 900)
	long.PromptTokens, long.OutputTokens = 900, 30
	short.PromptTokens, short.OutputTokens = 100, 30
	cached := long
	cached.CachedTokens, long.PromptTokens = 700, 200
	token := attribution.Token{Prompt: 1, Output: 4}
	for _, c := range []attribution.Convention{token, attribution.Phase{PrefillWeight: 0.5}} {
		of := func(r attribution.Request) attribution.Result {
			out, err := attribution.Attribute(c, []attribution.Request{r, short}, curve, meter.Window{End: time.Second}, attribution.Idle{})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got, want := of(cached).Shares[0].Energy, of(long).Shares[0].Energy; got != want {
			t.Errorf("%s: 900 prompt tokens of which 700 were cached cost %v, want the %v of 200", c.Name(), got, want)
		}
	}
	loads := batchsim.Standard()
	whole, half := loads[2], loads[2]
	half.Jobs = slices.Clone(half.Jobs)
	for i := range half.Jobs {
		half.Jobs[i].Cached = half.Jobs[i].Prompt * 3 / 4
	}
	for _, l := range []batchsim.Load{whole, half} {
		s := serve(l, 1, 20*ms, 0)
		r := s.attribute(t, attribution.Steps{})
		if got, want := r.Costs.Prompt.Value, l.Engine.Physics.PromptJ; math.Abs(got/want-1) > 0.03 {
			t.Errorf("a prompt token of %d cached: got %.4f J, want %.4f", l.Jobs[0].Cached, got, want)
		}
		if d := distance(r, s.fair); d > 0.02 {
			t.Errorf("%d tokens of the first prompt cached: step is %.3f from the fair shares, want 0.02 at most", l.Jobs[0].Cached, d)
		}
	}
}

// TestStepFallsBackInOrder takes runs from long to so short that they tell
// nothing of their own.
func TestStepFallsBackInOrder(t *testing.T) {
	long := serve(batchsim.Standard()[1], 1, 100*ms, 0)
	costs := long.attribute(t, attribution.Steps{}).Costs
	brief := batchsim.Standard()[5]
	brief.Jobs = brief.Jobs[:4]
	for i := range brief.Jobs {
		brief.Jobs[i].Output = 50
	}
	short := serve(brief, 1, 100*ms, 0)
	given := *costs
	given.Domain = ""
	unstamped := long
	unstamped.reqs = slices.Clone(long.reqs)
	for i := range unstamped.reqs {
		unstamped.reqs[i].Tokens = nil
	}
	whole := long
	whole.reqs = slices.Clone(long.reqs)
	for i := range whole.reqs {
		whole.reqs[i].FirstToken, whole.reqs[i].Tokens, whole.reqs[i].TokenCounts = whole.reqs[i].Done, []time.Duration{whole.reqs[i].Done}, []int32{int32(whole.reqs[i].OutputTokens)}
	}
	// Two cells too short by themselves are enough together.
	other := serve(brief, 2, 100*ms, 0)
	divider, err := attribution.NewDivider(attribution.ColumnsOf(other.reqs), other.trace.Window())
	if err != nil {
		t.Fatal(err)
	}
	part, err := divider.StepCosts(other.curve, attribution.Idle{Loaded: simIdle, Known: true}, attribution.RoleBoth)
	if err != nil || part == nil || part.Intervals == 0 || part.Intervals >= 8 {
		t.Fatalf("got costs %v and error %v of a short cell, want those of a few intervals", part, err)
	}
	for _, row := range []struct {
		name       string
		s          served
		convention attribution.Steps
		source     string
		flag, note string
	}{
		{"a long run tells its own costs", long, attribution.Steps{}, attribution.SourceFit, "", "fitted over"},
		{"a short one has those of the run's other cells", short, attribution.Steps{Cells: []*attribution.StepCosts{costs}, Prior: []*attribution.StepCosts{&given}}, attribution.SourceCells, attribution.FlagStepCells, "this run's cells"},
		{"also where none of them is long enough alone", short, attribution.Steps{Cells: []*attribution.StepCosts{part, part, part, part}}, attribution.SourceCells, attribution.FlagStepCells, "this run's cells"},
		{"then those that were given", short, attribution.Steps{Prior: []*attribution.StepCosts{&given}}, attribution.SourcePrior, attribution.FlagStepPrior, "as given"},
		{"then phase", short, attribution.Steps{}, "", attribution.FlagStepUnknown, "too few"},
		{"without stamps, phase", unstamped, attribution.Steps{Prior: []*attribution.StepCosts{&given}}, "", attribution.FlagStepUnknown, "not known"},
		{"answers in one piece tell no steps", whole, attribution.Steps{}, "", attribution.FlagStepUnknown, "one piece"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := row.s.attribute(t, row.convention)
			if r.Refused != "" {
				t.Fatalf("refused: %s", r.Refused)
			}
			source := ""
			if r.Costs != nil {
				source = r.Costs.Source
			}
			if source != row.source || !strings.Contains(strings.Join(r.Notes, "; "), row.note) {
				t.Errorf("got costs from %q and notes %q, want %q and %q", source, r.Notes, row.source, row.note)
			}
			if flags := r.Shares[0].Flags; row.flag != "" && !slices.Contains(flags, row.flag) || row.flag == "" && slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "step") }) {
				t.Errorf("got flags %v, want %q", flags, row.flag)
			}
		})
	}
}

// TestFailedRequestsPayForWhatWasComputed cuts requests off in the middle of a
// run: those with tokens pay for them, one whose prompt there was no time to
// compute pays nothing.
func TestFailedRequestsPayForWhatWasComputed(t *testing.T) {
	s := serve(batchsim.Standard()[2], 1, 20*ms, 0)
	before := s.attribute(t, attribution.Steps{})
	cut := 7
	r := &s.reqs[cut]
	half := len(r.Tokens) / 2
	r.Failed, r.OutputTokens = true, half
	r.Tokens, r.TokenCounts = r.Tokens[:half], r.TokenCounts[:half]
	r.LastToken, r.Done = r.Tokens[half-1], r.Tokens[half-1]
	never := s.reqs[0]
	never.ID, never.Failed = int64(len(s.reqs)), true
	never.Sent = s.reqs[20].FirstToken + 20*time.Microsecond
	never.Done = never.Sent + 50*time.Microsecond
	never.FirstToken, never.LastToken, never.Tokens, never.TokenCounts = -1, -1, nil, nil
	s.reqs = append(s.reqs, never)
	after := s.attribute(t, attribution.Steps{})
	if got, whole := after.Shares[cut].Energy, before.Shares[cut].Energy; got <= 0 || got >= whole {
		t.Errorf("half an answer got %v, want something and less than the %v of all of it", got, whole)
	}
	if got := after.Shares[never.ID].Energy; got != 0 {
		t.Errorf("a request that was given up before its prompt could be computed got %v, want nothing", got)
	}
}

// TestEmbeddingsHaveNoDecode: without an answer there is a prompt's term alone.
func TestEmbeddingsHaveNoDecode(t *testing.T) {
	l := batchsim.Standard()[2]
	l.Jobs = slices.Clone(l.Jobs)
	for i := range l.Jobs {
		l.Jobs[i].Output = 1 // of the engine: what a pooled vector takes
	}
	s := serve(l, 1, 20*ms, 0)
	for i := range s.reqs {
		r := &s.reqs[i]
		r.OutputTokens, r.FirstToken, r.LastToken, r.Tokens, r.TokenCounts = -1, -1, -1, nil, nil
	}
	// Something has to say that ends are steps: one stream among the rest.
	s.reqs[0].Tokens = []time.Duration{s.reqs[0].Done}
	r := s.attribute(t, attribution.Steps{})
	if r.Costs == nil {
		t.Fatalf("got no costs: %v", r.Notes)
	}
	if got := r.Costs.Decode.Value; got != 0 {
		t.Errorf("a decoded token: got %g J, want none", got)
	}
	if d := distance(r, s.fair); d > 0.05 {
		t.Errorf("step is %.3f from the fair shares, want 0.05 at most", d)
	}
}

// TestTokensInAnyOrder streams the same stamps in the order of numbers, of
// ends, and backwards.
func TestTokensInAnyOrder(t *testing.T) {
	s := serve(batchsim.Standard()[1], 1, 100*ms, 4*ms)
	idle := attribution.Idle{Loaded: simIdle, Known: true}
	var want []attribution.Row
	for _, row := range []struct {
		name  string
		order func(a, b attribution.Request) int
	}{
		{"by number", func(a, b attribution.Request) int { return int(a.ID - b.ID) }},
		{"by end", func(a, b attribution.Request) int { return int(a.Done - b.Done) }},
		{"backwards", func(a, b attribution.Request) int { return int(b.ID - a.ID) }},
	} {
		c := attribution.ColumnsOf(s.reqs)
		c.Tokens = func(yield func(int64, []time.Duration, []int32) bool) error {
			for _, r := range slices.SortedFunc(slices.Values(s.reqs), row.order) {
				if !yield(r.ID, r.Tokens, r.TokenCounts) {
					break
				}
			}
			return nil
		}
		d, err := attribution.NewDivider(c, s.trace.Window())
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.Divide(attribution.Steps{}, s.curve, idle)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Len() {
			got := a.Request(i)
			if row.name == "by number" {
				want = append(want, got)
			} else if d := float64(got.Energy-want[i].Energy) / float64(want[i].Energy); math.Abs(d) > 1e-4 {
				t.Fatalf("%s, request %d: got %v, want the %v of the order of numbers", row.name, i, got.Energy, want[i].Energy)
			}
		}
	}
}

// TestStepSaysHowFarItIsKnown: the fit's interval of a share holds the fair one
// for nearly all requests, and is no wider than needed to be of use.
func TestStepSaysHowFarItIsKnown(t *testing.T) {
	held, all, width := 0, 0, 0.0
	for seed := uint64(300); seed < 330; seed++ {
		s := serve(batchsim.Drawn(seed), seed, 100*ms, 0)
		r := s.attribute(t, attribution.Steps{})
		busy, fair := 0.0, 0.0
		for i := range s.fair {
			busy += r.Shares[i].Energy.Joules()
			fair += s.fair[i]
		}
		for i := range s.fair {
			got, fit := r.Shares[i].Energy.Joules(), r.Shares[i].Fit.Joules()
			if want := s.fair[i] / fair * busy; math.Abs(got-want) <= fit {
				held++
			}
			all++
			width += fit / got
		}
	}
	t.Logf("%d of %d requests' intervals hold the fair share; half a width is %.1f %% of a share on average", held, all, 100*width/float64(all))
	if float64(held) < 0.9*float64(all) || width > 0.1*float64(all) {
		t.Errorf("%d of %d intervals hold the fair share at %.1f %% of it, want 90 %% and 10 %%", held, all, 100*width/float64(all))
	}
}

func TestParsePrior(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{`{"step_j":{"value":1.5}}`, ""},
		{`[{"domain":"gpu0","step_j":{"value":1.5,"lo":1,"hi":2}},{"output_token_j":{"value":0.1}}]`, ""},
		{`{}`, "zero"},
		{`[]`, "no costs"},
		{`[null]`, "null"},
		{`{"step_j":{"value":-1}}`, "want joules of zero or more"},
		{`{"step_j":{"value":1,"lo":3,"hi":2}}`, "want joules of zero or more"},
		{`not json`, "invalid"},
	} {
		_, err := attribution.ParsePrior([]byte(row.text))
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("parse %s: got error %v, want one that says %q", row.text, err, row.want)
		}
	}
}
