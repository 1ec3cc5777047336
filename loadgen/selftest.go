package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"cfubench/datasets"
	"cfubench/internal/stats"
	"cfubench/loadgen/mock"
)

// SelfTestOptions says at what load the client is tested.
type SelfTestOptions struct {
	// Streams is the number of streams open at a time, TokensPerSecond the
	// pace of each (default 50).
	Streams         int
	TokensPerSecond float64
	// Tokens is the length of an answer (default 64), Rounds the number of
	// requests for each stream (default 4).
	Tokens, Rounds int
	// Rate is that of the constant schedule whose lateness is measured, in
	// requests/s (default 50), and ScheduleRequests its length (default 100).
	Rate             float64
	ScheduleRequests int
	// Bounds, if zero, are DefaultBounds.
	Bounds Bounds
	// Mock is the command line of the mock server; by default this binary with
	// the argument certify-mock.
	Mock []string
}

// selfTestTTFT is the mock's time to first token: streams start together and
// must not be writing yet while others are being opened.
const selfTestTTFT = 100 * time.Millisecond

// RunSelfTest measures the client on this host against a mock server in a process
// of its own, on another processor if there is one. It takes about
// Rounds · (0.1 s + Tokens/TokensPerSecond) and ScheduleRequests/Rate.
func RunSelfTest(ctx context.Context, o SelfTestOptions) (SelfTest, error) {
	if err := o.Check(); err != nil {
		return SelfTest{}, fmt.Errorf("self-test: %w", err)
	}
	o, err := o.withDefaults()
	if err != nil {
		return SelfTest{}, err
	}
	apart, restore := separate()
	defer restore()
	server, err := startMock(ctx, o.Mock, apart.mock)
	if err != nil {
		return SelfTest{}, fmt.Errorf("start the mock server: %w", err)
	}
	defer server.stop()
	now, err := mock.SystemClock()
	if err != nil {
		return SelfTest{}, err
	}
	c, err := NewClient(Options{BaseURL: server.url, Model: "mock", Connections: o.Streams})
	if err != nil {
		return SelfTest{}, err
	}
	defer c.Close()
	result := SelfTest{
		Streams: o.Streams, TokensPerSecond: o.TokensPerSecond, Rate: o.Rate,
		SeparateCPUs: server.apart, Bounds: o.Bounds,
	}
	if !result.SeparateCPUs {
		result.Warnings = append(result.Warnings, "client and mock share the processors, so the errors hold the mock's work too")
	}
	lost, failed, err := result.streams(ctx, o, c, server, now)
	if err != nil {
		return SelfTest{}, err
	}
	late, err := result.schedule(ctx, o, c, server, now)
	if err != nil {
		return SelfTest{}, err
	}
	result.judge(lost, failed+late)
	return result, nil
}

// Check refuses options that mean nothing.
func (o SelfTestOptions) Check() error {
	switch {
	case o.Streams < 1:
		return fmt.Errorf("%d streams: want 1 or more", o.Streams)
	case o.Tokens < 0 || o.Rounds < 0 || o.ScheduleRequests < 0:
		return errors.New("tokens, rounds and requests: want 1 or more")
	case !(o.TokensPerSecond >= 0 && o.Rate >= 0) || math.IsInf(o.TokensPerSecond+o.Rate, 0):
		return errors.New("rates: want finite ones above 0")
	}
	return nil
}

// withDefaults fills in what is zero.
func (o SelfTestOptions) withDefaults() (SelfTestOptions, error) {
	for _, d := range []struct {
		value *int
		def   int
	}{{&o.Tokens, 64}, {&o.Rounds, 4}, {&o.ScheduleRequests, 100}} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	for _, d := range []*float64{&o.TokensPerSecond, &o.Rate} {
		if *d == 0 {
			*d = 50
		}
	}
	if o.Bounds == (Bounds{}) {
		o.Bounds = DefaultBounds()
	}
	if len(o.Mock) == 0 {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find this binary: %w", err)
		}
		o.Mock = []string{self, mock.Argument}
	}
	return o, nil
}

// streams fills the part on streaming and returns how many answers lost events
// and how many requests failed.
func (c *SelfTest) streams(ctx context.Context, o SelfTestOptions, client *Client, server *mockProcess, now func() time.Duration) (lost, failed int, err error) {
	pace := mock.Pace{TTFT: selfTestTTFT, Gap: time.Duration(float64(time.Second) / o.TokensPerSecond)}
	if err := server.pace(ctx, pace); err != nil {
		return 0, 0, err
	}
	if err := client.Warm(ctx, o.Streams); err != nil {
		return 0, 0, err
	}
	before := processCPU()
	records, stats, err := selfTestRun(ctx, client, Load{Concurrency: o.Streams}, o.Streams*o.Rounds, o.Tokens, now)
	if err != nil {
		return 0, 0, err
	}
	cpu := processCPU() - before
	truth, err := server.stamps(ctx)
	if err != nil {
		return 0, 0, err
	}
	var ttft, gaps, lags []time.Duration
	for _, r := range records {
		t, ok := truth[r.Request]
		switch {
		case !r.OK():
			failed++
			continue
		case !ok || len(t.Wrote) != len(r.TokenAt):
			lost++
			continue
		}
		c.Tokens += len(r.TokenAt)
		ttft = append(ttft, (r.FirstToken-r.Sent)-(t.Wrote[0]-t.Arrived))
		for i, at := range r.TokenAt {
			lags = append(lags, at-t.Wrote[i])
			if i > 0 {
				gaps = append(gaps, (at-r.TokenAt[i-1])-(t.Wrote[i]-t.Wrote[i-1]))
			}
		}
	}
	c.Requests = stats.Requests
	c.RunQueue = stats.RunQueue
	if c.KernelStamps = stats.KernelStamped == stats.Requests; !c.KernelStamps {
		c.Warnings = append(c.Warnings, fmt.Sprintf("the kernel stamped the tokens of %d of %d requests: the errors of the others include the client's own wait", stats.KernelStamped, stats.Requests))
	}
	c.TTFTErrorMean, c.TTFTErrorP99 = mean(ttft), quantile(ttft, 0.99)
	c.GapErrorMean = mean(gaps)
	for i, g := range gaps {
		gaps[i] = max(g, -g)
	}
	c.GapErrorP99 = quantile(gaps, 0.99)
	c.ReceiveLagP50, c.ReceiveLagP99 = quantile(lags, 0.5), quantile(lags, 0.99)
	if c.Tokens > 0 {
		c.CPUPerToken = cpu / time.Duration(c.Tokens)
	}
	return lost, failed, nil
}

// schedule fills the part on the open loop and returns how many requests failed.
func (c *SelfTest) schedule(ctx context.Context, o SelfTestOptions, client *Client, server *mockProcess, now func() time.Duration) (failed int, err error) {
	if err := server.pace(ctx, mock.Pace{}); err != nil {
		return 0, err
	}
	records, _, err := selfTestRun(ctx, client, Load{Schedule: constant{o.Rate}}, o.ScheduleRequests, 1, now)
	if err != nil {
		return 0, err
	}
	truth, err := server.stamps(ctx)
	if err != nil {
		return 0, err
	}
	var late, arrival []time.Duration
	for _, r := range records {
		if !r.OK() {
			failed++
			continue
		}
		late = append(late, r.Lateness())
		if t, ok := truth[r.Request]; ok {
			arrival = append(arrival, t.Arrived-r.Due)
		}
	}
	c.LatenessP50, c.LatenessP99 = quantile(late, 0.5), quantile(late, 0.99)
	c.ArrivalP50, c.ArrivalP99 = quantile(arrival, 0.5), quantile(arrival, 0.99)
	return failed, nil
}

// selfTestRun runs n requests whose prompts end in their numbers.
func selfTestRun(ctx context.Context, c *Client, load Load, n, tokens int, now func() time.Duration) ([]Record, Stats, error) {
	reqs := make([]datasets.Request, n)
	for i := range reqs {
		reqs[i] = datasets.Request{Index: i, Prompt: fmt.Sprint("certify ", i), OutputTokens: tokens, At: -1}
	}
	records := make([]Record, 0, n)
	stats, err := Run(ctx, c, load, reqs, now, func(r Record) { records = append(records, r) })
	return records, stats, err
}

// mean of ds, 0 for none.
func mean(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(len(ds))
}

// quantile is the least of ds that at least the share p of them does not
// exceed, 0 for none. It sorts ds.
func quantile(ds []time.Duration, p float64) time.Duration {
	slices.Sort(ds)
	return stats.Rank(ds, p)
}
