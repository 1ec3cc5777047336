package loadgen

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever a server reports, the events stand for the total together, in order, and
// none for less than nothing; every text has its stamp.
func TestAllotSharesTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, r := new(scanner), &Record{ReasoningTokens: Unknown}
		s.reset()
		at := time.Duration(0)
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			at++
			usage := rapid.IntRange(-1, 40).Draw(t, "usage")
			if rapid.Bool().Draw(t, "text") {
				r.TokenAt, r.TokenCount = append(r.TokenAt, at), append(r.TokenCount, 1)
				s.lengths = append(s.lengths, int32(rapid.IntRange(1, 9).Draw(t, "length")))
				s.thinking, s.usages = append(s.thinking, rapid.Bool().Draw(t, "thinks")), append(s.usages, int32(usage))
			} else {
				s.silent = append(s.silent, silence{at, len(r.TokenAt), usage, rapid.Bool().Draw(t, "end")})
			}
			s.evidence = at
		}
		texts := len(r.TokenAt)
		r.OutputTokens = rapid.IntRange(0, 60).Draw(t, "total")
		if rapid.Bool().Draw(t, "counted") {
			r.ReasoningTokens = rapid.IntRange(0, r.OutputTokens).Draw(t, "reasoning")
		}
		s.allot(r)
		sum := 0
		for i, n := range r.TokenCount {
			if sum += int(n); n < 0 || i > 0 && r.TokenAt[i] <= r.TokenAt[i-1] {
				t.Fatalf("got counts %v at %v", r.TokenCount, r.TokenAt)
			}
		}
		if want := r.OutputTokens; at > 0 && sum != want {
			t.Fatalf("got counts %v, want %d in all", r.TokenCount, want)
		}
		if len(r.TokenAt) < texts || len(r.TokenCount) != len(r.TokenAt) || len(s.thinking) != len(r.TokenAt) {
			t.Fatalf("got %d stamps, %d counts and %d kinds of %d texts", len(r.TokenAt), len(r.TokenCount), len(s.thinking), texts)
		}
	})
}
