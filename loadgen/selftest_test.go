package loadgen

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// A result counts every token, holds the client's stamps against the
// server's, and can be kept as JSON. How good the figures are depends on the
// host, so nothing here bounds them but what physics does.
func TestSelfTest(t *testing.T) {
	c, err := RunSelfTest(context.Background(), SelfTestOptions{
		Streams: 8, Tokens: 10, Rounds: 2, Rate: 200, ScheduleRequests: 20,
		Bounds: Bounds{TTFTErrorMean: time.Minute, TTFTErrorP99: time.Minute, GapErrorMean: time.Minute, LatenessP99: time.Minute},
	})
	if err != nil {
		t.Fatalf("RunSelfTest: %v", err)
	}
	if c.Requests != 16 || c.Tokens != 160 {
		t.Errorf("got %d requests, %d tokens: want 16, 160", c.Requests, c.Tokens)
	}
	// The clocks are one: no token is seen before it is written, no request
	// arrives before it is due.
	if c.ReceiveLagP50 <= 0 || c.ReceiveLagP99 < c.ReceiveLagP50 || c.TTFTErrorMean <= 0 || c.LatenessP50 < 0 || c.ArrivalP50 < c.LatenessP50 {
		t.Errorf("got lags %v and %v, TTFT error %v, lateness %v, arrival %v: want them positive and in order",
			c.ReceiveLagP50, c.ReceiveLagP99, c.TTFTErrorMean, c.LatenessP50, c.ArrivalP50)
	}
	if c.CPUPerToken <= 0 {
		t.Errorf("CPU time a token: got %v, want some", c.CPUPerToken)
	}
	if !c.Valid || len(c.Reasons) > 0 {
		t.Errorf("with bounds of a minute: got valid %v, reasons %v; want true, none", c.Valid, c.Reasons)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back SelfTest
	if err := json.Unmarshal(b, &back); err != nil || back.TTFTErrorMean != c.TTFTErrorMean || back.Bounds != c.Bounds {
		t.Errorf("back from JSON: got %+v, %v; want %+v", back, err, c)
	}
}

func TestSelfTestIsJudged(t *testing.T) {
	within := SelfTest{Bounds: DefaultBounds(), TTFTErrorMean: 200 * time.Microsecond, TTFTErrorP99: time.Millisecond, LatenessP99: time.Millisecond}
	for _, tt := range []struct {
		name         string
		change       func(*SelfTest)
		lost, failed int
		want         []string
	}{
		{"within its bounds", func(*SelfTest) {}, 0, 0, nil},
		{"a mean TTFT error above its bound", func(c *SelfTest) { c.TTFTErrorMean = 2 * time.Millisecond }, 0, 0, []string{"ttft_error_mean"}},
		{"a tail above its bound", func(c *SelfTest) { c.TTFTErrorP99 = time.Second }, 0, 0, []string{"ttft_error_p99"}},
		{"gaps that seem too short count as well", func(c *SelfTest) { c.GapErrorMean = -time.Millisecond }, 0, 0, []string{"gap_error_mean"}},
		{"a schedule that is not kept", func(c *SelfTest) { c.LatenessP99 = time.Second }, 0, 0, []string{"lateness_p99"}},
		{"events lost", func(*SelfTest) {}, 1, 0, []string{"events_lost"}},
		{"requests failed", func(*SelfTest) {}, 0, 1, []string{"request_errors"}},
		{"a client that waits for its processor is warned of, and judged by its errors", func(c *SelfTest) {
			c.RunQueue = RunQueue{Known: true, Starved: time.Second, Sampled: 5 * time.Second}
		}, 0, 0, nil},
		{"a little waiting", func(c *SelfTest) {
			c.RunQueue = RunQueue{Known: true, Starved: 100 * time.Millisecond, Sampled: 5 * time.Second}
		}, 0, 0, nil},
	} {
		c := within
		tt.change(&c)
		c.judge(tt.lost, tt.failed)
		if !slices.Equal(c.Reasons, tt.want) || c.Valid != (len(tt.want) == 0) || len(c.Warnings) < len(tt.want) {
			t.Errorf("%s: got valid %v, reasons %v, %d warnings; want reasons %v", tt.name, c.Valid, c.Reasons, len(c.Warnings), tt.want)
		}
	}
}

func TestSelfTestRefuses(t *testing.T) {
	for name, o := range map[string]SelfTestOptions{
		"no streams":         {},
		"a negative length":  {Streams: 1, Tokens: -1},
		"a negative rate":    {Streams: 1, Rate: -1},
		"a mock not there":   {Streams: 1, Mock: []string{"/nonexistent/mock"}},
		"a mock that is mum": {Streams: 1, Mock: []string{"true"}},
	} {
		if _, err := RunSelfTest(context.Background(), o); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want an error in one line", name, err)
		}
	}
}
