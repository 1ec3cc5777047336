package replay

import (
	"testing"

	"cfubench/attribution/shapley"
)

// TestReplaysUntilTheStandardErrorIsSmall: without a bound the repeats are enough;
// with one, a group is replayed until it is met or as often as is allowed.
func TestReplaysUntilTheStandardErrorIsSmall(t *testing.T) {
	scattered := []float64{9, 11, 10, 12, 8}
	for _, row := range []struct {
		what    string
		bound   float64
		replays int
		enough  bool
	}{
		{"no bound", 0, 1, true},
		{"one replay shows no scatter", 0.5, 1, false},
		{"two that scatter by 14 % have an error of 10 %", 0.11, 2, true},
		{"which is too much", 0.05, 2, false},
		{"five of 16 % have one of 7 %", 0.05, 5, true}, // of five at most
		{"as many as are allowed", 0.001, 5, true},
		{"one less", 0.001, 4, false},
	} {
		c := Config{StandardError: row.bound, MostRepeats: 5}
		group := shapley.Group{Replays: make([][]shapley.Member, row.replays), Worths: []shapley.Worth{{Subset: 1, Joules: scattered[:row.replays]}}}
		if enough, noise := c.enough(group); enough != row.enough {
			t.Errorf("%s: got enough %v at an error of %.3f, want %v", row.what, enough, noise, row.enough)
		}
	}
}
