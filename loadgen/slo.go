package loadgen

import (
	"fmt"
	"strings"
	"time"
)

// SLO is a service-level objective for one request: bounds on its time to
// first token, time per output token and end-to-end latency, 0 for none. The
// first and the last count from the due time, so that a queue in the client
// cannot hide a queue at the server.
type SLO struct {
	TTFT time.Duration `json:"ttft_ns,omitempty"`
	TPOT time.Duration `json:"tpot_ns,omitempty"`
	E2E  time.Duration `json:"e2e_ns,omitempty"`
}

// ParseSLO reads "ttft=500ms,tpot=50ms,e2e=10s", each at most once, one at
// least.
func ParseSLO(s string) (SLO, error) {
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

// Met reports whether a request kept the objective. A failed one did not.
func (s SLO) Met(r Record) bool {
	if !r.OK() {
		return false
	}
	if s.TTFT > 0 && (r.FirstToken == Never || r.FirstToken-r.Due > s.TTFT) {
		return false
	}
	if tpot, ok := r.TPOT(); s.TPOT > 0 && ok && tpot > s.TPOT {
		return false
	}
	return s.E2E == 0 || r.Done-r.Due <= s.E2E
}

// TPOT is the time per output token after the first: last minus first token
// over the tokens less one. It is undefined for fewer than two tokens.
func (r Record) TPOT() (time.Duration, bool) {
	if r.OutputTokens < 2 || r.FirstToken == Never {
		return 0, false
	}
	return (r.LastToken - r.FirstToken) / time.Duration(r.OutputTokens-1), true
}
