package attribution_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
)

// TestShareCache moves the cost of a prefix that one request computed and
// others used.
func TestShareCache(t *testing.T) {
	ask := func(id int64, sent int, prompt, cached int) attribution.Request {
		r := req(id, sent, sent+1, sent+2)
		r.PromptTokens, r.CachedTokens = prompt, cached
		return r
	}
	for _, row := range []struct {
		name string
		reqs []attribution.Request
		want []float32 // prompt tokens moved
	}{
		{"one computes 100 tokens, another uses all of them", []attribution.Request{ask(0, 0, 100, 0), ask(1, 10, 150, 100)}, []float32{-50, 50}},
		{"two use 60 of them", []attribution.Request{ask(0, 0, 100, 0), ask(1, 10, 150, 60), ask(2, 20, 80, 60)}, []float32{-40, 20, 20}},
		{"a second turn fills the cache for a third", []attribution.Request{ask(0, 0, 100, 0), ask(1, 10, 200, 100), ask(2, 20, 300, 200)}, []float32{-200. / 3, 100./3 - 50, 100./3 + 50}},
		{"computed again after the cache lost it", []attribution.Request{ask(0, 0, 100, 0), ask(1, 10, 100, 0), ask(2, 20, 100, 100)}, []float32{0, -50, 50}},
		{"cached before the run", []attribution.Request{ask(0, 0, 100, 80), ask(1, 10, 100, 90)}, []float32{-5, 5}},
		{"two wait together, and the one sent later was computed first", []attribution.Request{ask(0, 0, 150, 100), ask(1, 0, 100, 0), ask(2, 10, 150, 100)}, []float32{100. / 3, -200. / 3, 100. / 3}},
		{"one that came after the first token computed nothing for it", []attribution.Request{ask(0, 0, 150, 100), ask(1, 10, 100, 0)}, []float32{0, 0}},
		{"sent in another order than numbered", []attribution.Request{ask(0, 10, 150, 100), ask(1, 0, 100, 0)}, []float32{50, -50}},
	} {
		c := attribution.ColumnsOf(row.reqs)
		c.ShareCache(turns(len(row.reqs)))
		if diff := cmp.Diff(row.want, c.Moved, cmpopts.EquateApprox(0, 1e-3)); diff != "" {
			t.Errorf("%s: prompt tokens moved (-want +got):\n%s", row.name, diff)
		}
	}
	apart := attribution.ColumnsOf([]attribution.Request{ask(0, 0, 100, 0), ask(1, 10, 100, 100)})
	for what, of := range map[string]int32{"known of nobody": -1, "of one that is none": 1, "of a later one": 7} {
		got := apart.ShareCache([]attribution.Prefix{{Of: -1}, {Of: of, Tokens: 100}})
		if apart.Moved[0] != 0 || apart.Moved[1] != 0 || got != (attribution.SharedCache{Cached: 100}) {
			t.Errorf("a prefix %s: got %v moved and %+v, want nothing shared", what, apart.Moved, got)
		}
	}
}

// turns are the prefixes of requests of which each goes on where the one before
// it ended, or, of prompts that are all the same, is the same.
func turns(n int) []attribution.Prefix {
	out := make([]attribution.Prefix, n)
	for i := range out {
		out[i] = attribution.Prefix{Of: int32(i) - 1, Tokens: math.Inf(1)}
	}
	return out
}

// TestShareCacheIsTheTreeOfPrompts: what moves is what a cache of single tokens says
// in which each knows who computed it last and who used it since.
func TestShareCacheIsTheTreeOfPrompts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var reqs []attribution.Request
		var prompts []string
		var prefixes []attribution.Prefix
		sent := rapid.Permutation([]int{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110}).Draw(t, "sent")
		for i := range rapid.IntRange(1, 12).Draw(t, "requests") {
			prompt := rapid.StringMatching(`[ab]{1,6}`).Draw(t, "prompt")
			best := attribution.Prefix{Of: -1}
			for j, other := range prompts {
				n := 0
				for n < min(len(prompt), len(other)) && prompt[n] == other[n] {
					n++
				}
				if float64(n) > best.Tokens {
					best = attribution.Prefix{Of: int32(j), Tokens: float64(n)}
				}
			}
			r := req(int64(i), sent[i], sent[i]+1, sent[i]+2)
			r.PromptTokens, r.CachedTokens = len(prompt), rapid.IntRange(0, len(prompt)).Draw(t, "cached")
			reqs, prompts, prefixes = append(reqs, r), append(prompts, prompt), append(prefixes, best)
		}
		want := make([]float64, len(reqs))
		type token struct {
			owner int
			users []int
		}
		settle := func(c token) {
			if c.owner < 0 {
				return
			}
			for _, u := range c.users {
				want[u] += 1 / float64(len(c.users)+1)
				want[c.owner] -= 1 / float64(len(c.users)+1)
			}
		}
		cache := map[string]token{}
		order := make([]int, len(reqs))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return sent[a] - sent[b] })
		for _, i := range order {
			for n := 1; n <= len(prompts[i]); n++ {
				key := prompts[i][:n]
				c, there := cache[key]
				switch {
				case n > reqs[i].CachedTokens:
					settle(c)
					c = token{owner: i}
				case !there:
					c = token{owner: -1}
				default:
					c.users = append(c.users, i)
				}
				cache[key] = c
			}
		}
		for _, c := range cache {
			settle(c)
		}
		c := attribution.ColumnsOf(reqs)
		c.ShareCache(prefixes)
		again := attribution.ColumnsOf(reqs)
		if again.ShareCache(prefixes); !slices.Equal(again.Moved, c.Moved) {
			t.Fatalf("got %v moved, and %v the second time", c.Moved, again.Moved)
		}
		for i := range want {
			got := 0.0
			if c.Moved != nil { // something was cached
				got = float64(c.Moved[i])
			}
			if math.Abs(got-want[i]) > 1e-4 {
				t.Fatalf("request %d of prompts %q: got %g tokens moved, want %g", i, prompts, got, want[i])
			}
		}
	})
}

// drawPrefixes draws what earlier prompts the prompts of n requests begin with.
func drawPrefixes(t *rapid.T, n int) []attribution.Prefix {
	out := make([]attribution.Prefix, n)
	for i := range out {
		out[i] = attribution.Prefix{Of: int32(rapid.IntRange(-1, i).Draw(t, "of")), Tokens: rapid.Float64Range(0, 500).Draw(t, "tokens")}
	}
	return out
}

// TestShareCacheMovesAndMakesNothing: over all requests the tokens moved sum to zero,
// and nobody pays for less than nothing or for more than its prompt.
func TestShareCacheMovesAndMakesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var reqs []attribution.Request
		for i := range rapid.IntRange(1, 12).Draw(t, "requests") {
			r := drawRequest(t, int64(i))
			r.Refused, r.Sent = false, max(r.Sent, 0)
			reqs = append(reqs, r)
		}
		c := attribution.ColumnsOf(reqs)
		came := c.ShareCache(drawPrefixes(t, len(reqs)))
		if came.Known > came.Cached || came.Known > 0 != (came.Users > 0) {
			t.Fatalf("got %+v: more tokens shared than cached, or without a user", came)
		}
		sum := 0.0
		for i, moved := range c.Moved {
			sum += float64(moved)
			prompt, cached := max(reqs[i].PromptTokens, 0), max(reqs[i].CachedTokens, 0)
			if pays := float64(prompt-cached) + float64(moved); pays < -1e-3 || pays > float64(prompt)+1e-3 {
				t.Fatalf("request %d pays for %g of %d prompt tokens, %d cached", i, pays, prompt, cached)
			}
		}
		if math.Abs(sum) > 1e-2 {
			t.Fatalf("%g tokens came out of nothing: %v", sum, c.Moved)
		}
	})
}

// sharing divides s by c, the cost of cached prompts shared.
func sharing(t interface{ Fatal(...any) }, c attribution.Convention, s scene, prefixes []attribution.Prefix) []attribution.Share {
	columns := attribution.ColumnsOf(s.reqs)
	columns.ShareCache(prefixes)
	d, err := attribution.NewDivider(columns, s.window)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.Divide(c, s.curve, s.idle)
	if err != nil {
		t.Fatal(err)
	}
	if a.Refused != "" {
		return nil
	}
	shares := a.Shares(nil, 0, a.Len()+2)
	var sum int64
	for _, share := range shares {
		sum += int64(share.Energy)
	}
	if sum != int64(a.Counter.Energy) {
		t.Fatal(c.Name(), "rows sum to", sum, "want the counter's", int64(a.Counter.Energy))
	}
	return shares
}

// TestASharedCacheKeepsTheRules: whoever pays for cached prompts, rows sum to the
// counter, the order of the input does not matter, a request that computed
// nothing pays nothing, and conventions that divide instants or periods charge
// as ever.
func TestASharedCacheKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, 8)
		refused := drawRequest(t, 100)
		refused.Failed, refused.Refused = true, true
		refused.FirstToken, refused.LastToken, refused.Tokens, refused.TokenCounts = -1, -1, nil, nil
		s.reqs = append(slices.Clone(s.reqs), refused)
		prefixes := drawPrefixes(t, len(s.reqs))
		for _, c := range everyConvention(t) {
			got := sharing(t, c, s, prefixes)
			if got == nil {
				continue
			}
			if last := got[len(s.reqs)-1]; last.Energy != 0 {
				t.Fatalf("%s: a refused request pays %v for a cache, want nothing", c.Name(), last.Energy)
			}
			backwards := s // columns are in the order of numbers, whatever that of the input
			backwards.reqs = slices.Clone(s.reqs)
			slices.Reverse(backwards.reqs)
			for i, share := range sharing(t, c, backwards, prefixes) {
				if share.Energy != got[i].Energy {
					t.Fatalf("%s: request %d pays %v, and %v if requests come in another order", c.Name(), share.Request, got[i].Energy, share.Energy)
				}
			}
			if name := c.Name(); name == "step" || name == "token" {
				continue
			}
			for i, share := range attribute(t, c, s).Shares {
				if share.Energy != got[i].Energy {
					t.Fatalf("%s: request %d pays %v with a shared cache, want the same %v", c.Name(), i, got[i].Energy, share.Energy)
				}
			}
		}
	})
}

// TestStepSharesAPrefix: of two requests with the same long prompt the first
// computes it and the second finds it cached. Alone the owner pays for it, with a
// shared cache each pays for half.
func TestStepSharesAPrefix(t *testing.T) {
	l := batchsim.Standard()[2]
	l.Jobs = slices.Clone(l.Jobs)
	const owner, user, prefix = 0, 40, 1800
	l.Jobs[user] = batchsim.Job{Prompt: prefix, Cached: prefix - 1, Output: l.Jobs[owner].Output}
	s := serve(l, 1, 20*ms, 0)
	prefixes := make([]attribution.Prefix, len(s.reqs))
	for i := range prefixes {
		prefixes[i].Of = -1
	}
	prefixes[user] = attribution.Prefix{Of: owner, Tokens: prefix}
	alone := s.attribute(t, attribution.Steps{})
	shared := sharing(t, attribution.Steps{}, scene{curve: s.curve, window: s.trace.Window(), idle: attribution.Idle{Loaded: simIdle, Known: true}, reqs: s.reqs}, prefixes)
	half := (prefix - 1) * l.Engine.Physics.PromptJ / 2
	for _, row := range []struct {
		who   int
		moves float64
	}{{owner, -half}, {user, half}} {
		// Of busy energy the idle power's part goes by the same shares.
		moved := shared[row.who].Energy - shared[row.who].Idle - alone.Shares[row.who].Energy + alone.Shares[row.who].Idle
		if got := moved.Joules() / row.moves; math.Abs(got-1) > 0.05 {
			t.Errorf("request %d: %v moved, want about %.1f J", row.who, moved, row.moves)
		}
		if !slices.Contains(shared[row.who].Flags, attribution.FlagCacheShared) {
			t.Errorf("request %d has the flags %v, want %s among them", row.who, shared[row.who].Flags, attribution.FlagCacheShared)
		}
	}
	if got := shared[1].Energy - alone.Shares[1].Energy; got > 2 || got < -2 {
		t.Errorf("a request that has nothing to do with the prefix pays %v more, want nothing", got)
	}
}
