package loadgen

import (
	"fmt"
	"time"
)

// SelfTest is the client's own error on this host: what it reported of a
// mock server's answers compared with when the server, in another process on
// the same clock, did what. Times are nanoseconds in JSON.
type SelfTest struct {
	Streams         int     `json:"streams"`
	TokensPerSecond float64 `json:"tokens_per_second"` // of each stream
	Rate            float64 `json:"rate"`              // requests/s of the schedule part
	Requests        int     `json:"requests"`
	Tokens          int     `json:"tokens"`

	// TTFTError is the client's TTFT less the server's, from arrival to write.
	TTFTErrorMean time.Duration `json:"ttft_error_mean_ns"`
	TTFTErrorP99  time.Duration `json:"ttft_error_p99_ns"`
	// GapError is a gap between tokens as the client saw it less the same as
	// the server made it; P99 is of its absolute value.
	GapErrorMean time.Duration `json:"gap_error_mean_ns"`
	GapErrorP99  time.Duration `json:"gap_error_p99_ns"`
	// ReceiveLag is from the server's write of a token to the client's stamp.
	ReceiveLagP50 time.Duration `json:"receive_lag_p50_ns"`
	ReceiveLagP99 time.Duration `json:"receive_lag_p99_ns"`
	// Lateness is from a constant schedule's due times to the send, Arrival to
	// the arrival at the server.
	LatenessP50 time.Duration `json:"lateness_p50_ns"`
	LatenessP99 time.Duration `json:"lateness_p99_ns"`
	ArrivalP50  time.Duration `json:"arrival_p50_ns"`
	ArrivalP99  time.Duration `json:"arrival_p99_ns"`
	// CPUPerToken is the client process's CPU time in the streaming part
	// over its tokens.
	CPUPerToken time.Duration `json:"cpu_per_token_ns"`
	RunQueue    RunQueue      `json:"run_queue"`
	// KernelStamps says that every token's time is the kernel's; otherwise the
	// errors hold the client's own wait.
	KernelStamps bool `json:"kernel_stamps"`
	// SeparateCPUs says that client and mock had different processors.
	SeparateCPUs bool `json:"separate_cpus"`

	Bounds Bounds `json:"bounds"`
	// Valid is false if a bound was exceeded; Reasons says which, as codes:
	// "ttft_error_mean", "ttft_error_p99", "gap_error_mean", "lateness_p99",
	// "events_lost", "request_errors".
	Valid    bool     `json:"valid"`
	Reasons  []string `json:"reasons,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Bounds are the errors up to which a client's figures are taken at their word.
type Bounds struct {
	TTFTErrorMean time.Duration `json:"ttft_error_mean_ns"`
	TTFTErrorP99  time.Duration `json:"ttft_error_p99_ns"`
	GapErrorMean  time.Duration `json:"gap_error_mean_ns"` // of either sign
	LatenessP99   time.Duration `json:"lateness_p99_ns"`
}

// DefaultBounds are one hundredth of the times that serving SLOs speak of: of
// a TTFT of 100 ms (and its tail of 500 ms), a gap of 10 ms, a wait of 1 s.
func DefaultBounds() Bounds {
	return Bounds{
		TTFTErrorMean: time.Millisecond,
		TTFTErrorP99:  5 * time.Millisecond,
		GapErrorMean:  100 * time.Microsecond,
		LatenessP99:   DefaultLateBound,
	}
}

// judge compares the result with its bounds.
func (c *SelfTest) judge(lost, failed int) {
	doubt := func(code, format string, args ...any) {
		c.Reasons = append(c.Reasons, code)
		c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
	}
	if failed > 0 {
		doubt("request_errors", "%d requests to the mock failed", failed)
	}
	if lost > 0 {
		doubt("events_lost", "%d answers have another number of events than the mock wrote", lost)
	}
	for _, b := range []struct {
		code       string
		got, bound time.Duration
	}{
		{"ttft_error_mean", c.TTFTErrorMean, c.Bounds.TTFTErrorMean},
		{"ttft_error_p99", c.TTFTErrorP99, c.Bounds.TTFTErrorP99},
		{"gap_error_mean", max(c.GapErrorMean, -c.GapErrorMean), c.Bounds.GapErrorMean},
		{"lateness_p99", c.LatenessP99, c.Bounds.LatenessP99},
	} {
		if b.got > b.bound {
			doubt(b.code, "%s is %v, its bound %v: the client is too slow or too busy for this load", b.code, b.got, b.bound)
		}
	}
	if c.RunQueue.Known && c.RunQueue.Sampled > 0 && c.RunQueue.Starved > c.RunQueue.Sampled/10 {
		// No reason of its own: the errors above are measured, with the wait in them.
		c.Warnings = append(c.Warnings, fmt.Sprintf("the client waited for a processor in %v of %v", c.RunQueue.Starved.Round(time.Millisecond), c.RunQueue.Sampled.Round(time.Millisecond)))
	}
	c.Valid = len(c.Reasons) == 0
}
