package loadgen

import (
	"encoding"
	"fmt"
	"strings"
	"time"
)

// SLO is a service-level objective for one request: bounds on its time to
// first token, time per output token and end-to-end latency, 0 for none. The
// first and the last count from the due time, so that a queue in the client
// cannot hide a queue at the server.
//
// It is a flag's value and marshals as the text that it is given by.
type SLO struct{ TTFT, TPOT, E2E time.Duration }

var (
	_ encoding.TextMarshaler   = SLO{}
	_ encoding.TextUnmarshaler = (*SLO)(nil)
)

// ParseSLO reads "ttft=500ms,tpot=50ms,e2e=10s", each at most once, one at
// least.
func ParseSLO(s string) (SLO, error) {
	var slo SLO
	err := slo.Set(s)
	return slo, err
}

// Set implements pflag.Value: it reads what ParseSLO does.
func (s *SLO) Set(text string) error {
	parsed, err := parseSLO(text)
	if err == nil {
		*s = parsed
	}
	return err
}

// Type implements pflag.Value.
func (*SLO) Type() string { return "objective" }

// MarshalText is String: "" for none.
func (s SLO) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *SLO) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = SLO{}
		return nil
	}
	return s.Set(string(text))
}

// IsZero reports whether there is no bound.
func (s SLO) IsZero() bool { return s == SLO{} }

func parseSLO(s string) (SLO, error) {
	var slo SLO
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		var bound *time.Duration
		switch strings.TrimSpace(name) {
		case "ttft":
			bound = &slo.TTFT
		case "tpot":
			bound = &slo.TPOT
		case "e2e":
			bound = &slo.E2E
		default:
			return SLO{}, fmt.Errorf("slo %q: want ttft, tpot or e2e with a bound, such as ttft=500ms,tpot=50ms", part)
		}
		d, err := time.ParseDuration(strings.TrimSpace(value))
		if err != nil || d <= 0 {
			return SLO{}, fmt.Errorf("slo %q: want a duration above 0, such as 500ms", part)
		}
		if *bound != 0 {
			return SLO{}, fmt.Errorf("slo %q: given twice", part)
		}
		*bound = d
	}
	return slo, nil
}

// String is the form that ParseSLO reads.
func (s SLO) String() string {
	var parts []string
	for _, b := range []struct {
		name  string
		bound time.Duration
	}{{"ttft", s.TTFT}, {"tpot", s.TPOT}, {"e2e", s.E2E}} {
		if b.bound > 0 {
			parts = append(parts, b.name+"="+b.bound.String())
		}
	}
	return strings.Join(parts, ",")
}

// Met reports whether a request kept the objective. A failed one did not, nor one
// of which it cannot be told.
func (s SLO) Met(r Record) bool {
	return r.OK() && s.Kept(r.Due, r.Sent, r.FirstToken, r.LastToken, r.Done, r.Streamed())
}

// Kept is Met of a completed request by its times and its number of streamed
// tokens, Never and Unknown where there is none.
func (s SLO) Kept(due, sent, first, last, done time.Duration, tokens int) bool {
	if s.TTFT > 0 && (first == Never || first-due > s.TTFT) {
		return false
	}
	if s.TPOT > 0 && tokens != 1 && tokens != 0 {
		tpot, ok := TimePerToken(sent, first, last, tokens)
		if !ok || tpot > s.TPOT {
			return false
		}
	}
	return s.E2E == 0 || done != Never && done-due <= s.E2E
}

// TPOT is the time per output token after the first: last minus first token
// over the tokens less one. It is unknown for fewer than two tokens, and where
// they came together.
func (r Record) TPOT() (time.Duration, bool) {
	return TimePerToken(r.Sent, r.FirstToken, r.LastToken, r.Streamed())
}

// Tokens that came faster than leastGap each, 20,000 a second in one stream, were
// not decoded at that pace, but sent from a buffer. So were, of an answer of
// shortAnswer tokens and more, those that came faster than quickGap and together
// took less than a waitShare-th of the wait for the first of them.
const (
	leastGap    = 50 * time.Microsecond
	quickGap    = 500 * time.Microsecond
	shortAnswer = 16
	waitShare   = 20
)

// TimePerToken is TPOT by a request's times, Never where there is none, and its
// number of streamed tokens.
func TimePerToken(sent, first, last time.Duration, tokens int) (time.Duration, bool) {
	if tokens < 2 || first == Never || last <= first {
		return 0, false
	}
	gap := (last - first) / time.Duration(tokens-1)
	if gap < leastGap || tokens >= shortAnswer && gap < quickGap && sent != Never && waitShare*(last-first) < first-sent {
		return 0, false
	}
	return gap, true
}
