package loadgen

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cfubench/datasets"
)

func TestSessions(t *testing.T) {
	req := func(conversation string, turn int) datasets.Request {
		return datasets.Request{Conversation: conversation, Turn: turn}
	}
	for _, tt := range []struct {
		name string
		reqs []datasets.Request
		want [][]int
	}{
		{"single turns", []datasets.Request{req("a", 0), req("b", 0)}, [][]int{{0}, {1}}},
		{"turns of a conversation belong together, in the order of the first", []datasets.Request{req("a", 0), req("b", 0), req("a", 1), req("b", 2), req("a", 2)}, [][]int{{0, 2, 4}, {1, 3}}},
		{"a conversation drawn twice is held twice", []datasets.Request{req("a", 0), req("a", 0), req("a", 1)}, [][]int{{0}, {1, 2}}},
		{"requests without a conversation stand alone", []datasets.Request{req("", 0), req("", 1)}, [][]int{{0}, {1}}},
	} {
		var got [][]int
		for _, s := range sessions(tt.reqs) {
			got = append(got, s.turns)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Every request of a trace is in exactly one session, in order within it.
func TestSessionsPartitionTheTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		reqs := make([]datasets.Request, n)
		for i := range reqs {
			reqs[i].Conversation = rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "conversation")
			reqs[i].Turn = rapid.IntRange(0, 4).Draw(t, "turn")
		}
		seen := make([]bool, n)
		for _, s := range sessions(reqs) {
			for i, at := range s.turns {
				if seen[at] {
					t.Fatalf("request %d is in two sessions", at)
				}
				seen[at] = true
				if i > 0 && (at <= s.turns[i-1] || reqs[at].Turn <= reqs[s.turns[i-1]].Turn) {
					t.Fatalf("session %v is not in order", s.turns)
				}
			}
		}
		if slices.Contains(seen, false) {
			t.Fatalf("requests left out: %v", seen)
		}
	})
}
