package loadgen

import (
	"slices"
	"testing"
	"time"
)

func TestDoubt(t *testing.T) {
	good := Record{Sent: 1, FirstToken: 2, LastToken: 3, Done: 4, PromptTokens: 8, OutputTokens: 2, CachedTokens: 8, ReasoningTokens: Unknown}
	for _, tt := range []struct {
		name   string
		change func(*Record)
		flags  []string
		cached int
	}{
		{"a record that can be is left alone", func(*Record) {}, nil, 8},
		{"one of a request that was never sent too", func(r *Record) { r.Sent, r.FirstToken, r.LastToken = Never, Never, Never }, nil, 8},
		{"more cached than prompt", func(r *Record) { r.CachedTokens = 9 }, []string{FlagImplausible}, Unknown},
		{"cached of an unknown prompt", func(r *Record) { r.PromptTokens = Unknown }, nil, 8},
		{"fewer tokens than none", func(r *Record) { r.OutputTokens = -5 }, []string{FlagImplausible}, 8},
		{"sent after it was done", func(r *Record) { r.Sent = time.Hour }, []string{FlagTimes}, 8},
		{"a last token before the first", func(r *Record) { r.LastToken = 1 }, []string{FlagTimes}, 8},
		{"what is flagged already is flagged once", func(r *Record) { r.Flags, r.LastToken = []string{FlagTimes}, 1 }, []string{FlagTimes}, 8},
	} {
		r := good
		tt.change(&r)
		r.Doubt()
		if !slices.Equal(r.Flags, tt.flags) || r.CachedTokens != tt.cached || r.OutputTokens < 0 && r.OutputTokens != Unknown {
			t.Errorf("%s: got %v, %d cached, %d output tokens, want %v and %d", tt.name, r.Flags, r.CachedTokens, r.OutputTokens, tt.flags, tt.cached)
		}
	}
}
