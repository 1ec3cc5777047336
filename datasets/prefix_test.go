package datasets_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cfubench/datasets"
)

// TestPrefixes names the earlier request that a prompt has most in common with.
func TestPrefixes(t *testing.T) {
	long := strings.Repeat("You answer in one word. ", 10) // 240 bytes
	ask := func(system, prompt string) datasets.Request {
		return datasets.Request{System: system, Prompt: prompt}
	}
	none := datasets.Prefix{Of: -1}
	for _, row := range []struct {
		what string
		reqs []datasets.Request
		want []datasets.Prefix
	}{
		{"two with one system turn", []datasets.Request{ask(long, "Why?"), ask(long, "How often")}, []datasets.Prefix{none, {0, 240. / 249}}},
		{"the same in one text", []datasets.Request{ask("", long+"a"), ask("", long+"b")}, []datasets.Prefix{none, {0, 240. / 241}}},
		{"the same prompt again", []datasets.Request{ask("", long), ask("", long)}, []datasets.Prefix{none, {0, 1}}},
		{"one that goes on", []datasets.Request{ask("", long), ask("", long+long)}, []datasets.Prefix{none, {0, 0.5}}},
		{"the nearest of two, whatever the order", []datasets.Request{ask("", long+"xyz"), ask("", long+"abc"), ask("", long+"xyw")}, []datasets.Prefix{none, {0, 240. / 243}, {0, 242. / 243}}},
		{"a few words are no prefix", []datasets.Request{ask("", "What is this?"), ask("", "What is that?")}, []datasets.Prefix{none, none}},
		{"two system turns, of which one goes on", []datasets.Request{ask(long, "a"), ask(long+"Be kind.", "a")}, []datasets.Prefix{none, {0, 240. / 249}}},
		{"another kind of request", []datasets.Request{{Prompt: long}, {Prompt: long, Kind: datasets.KindEmbeddings}}, []datasets.Prefix{none, none}},
	} {
		var at []int
		for i := range row.reqs {
			at = append(at, i)
		}
		got := datasets.Prefixes(row.reqs, at)
		for i, want := range row.want {
			if got[i].Of != want.Of || math.Abs(float64(got[i].Share-want.Share)) > 1e-6 {
				t.Errorf("%s: request %d has its prefix of %d, %.4f of it; want %d, %.4f", row.what, i, got[i].Of, got[i].Share, want.Of, want.Share)
			}
		}
	}
}

// TestPrefixesAreTheLongest against the comparison of every pair.
func TestPrefixesAreTheLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := strings.Repeat("x", 32)
		var reqs []datasets.Request
		var at []int
		for i := range rapid.IntRange(1, 30).Draw(t, "requests") {
			reqs = append(reqs, datasets.Request{
				System: rapid.SampledFrom([]string{"", base, base + "ab"}).Draw(t, "system"),
				Prompt: base + rapid.StringMatching(`[ab]{0,6}`).Draw(t, "prompt"),
			})
			if rapid.Bool().Draw(t, "begins a conversation") {
				at = append(at, i)
			}
		}
		got := datasets.Prefixes(reqs, at)
		for k, i := range at {
			longest := 0
			for _, j := range at[:k] {
				longest = max(longest, inCommon(reqs[i], reqs[j]))
			}
			size := len(reqs[i].System) + len(reqs[i].Prompt)
			if want := float64(longest) / float64(size); math.Abs(float64(got[k].Share)-want) > 1e-6 {
				t.Fatalf("request %d shares %g of its text, want %g", i, got[k].Share, want)
			}
			if of := int(got[k].Of); of >= i || of >= 0 && inCommon(reqs[i], reqs[of]) != longest || of < 0 && longest > 0 {
				t.Fatalf("request %d has its prefix of %d, which shares %d bytes less than another", i, of, longest)
			}
		}
	})
}

// inCommon is what two texts begin with, byte by byte.
func inCommon(a, b datasets.Request) int {
	same := func(a, b string) (n int) {
		for n < min(len(a), len(b)) && a[n] == b[n] {
			n++
		}
		return n
	}
	n := same(a.System, b.System)
	if a.System == b.System {
		n += same(a.Prompt, b.Prompt)
	}
	if n < 32 {
		return 0
	}
	return n
}
