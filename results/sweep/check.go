package sweep

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/loadgen"
	"cfubench/loadgen/endpoint"
	"cfubench/results/runfolder"
	"cfubench/results/sensors"
)

// usagef refuses a configuration that cannot be run.
func usagef(format string, args ...any) error { return runfolder.Refuse(format, args...) }

// Check refuses what is wrong or does not go together before anything is started,
// and completes the configuration: batch sizes, a load, normal forms. Its errors
// are of type runfolder.ConfigError.
func (c *Config) Check() error {
	for _, part := range []func() error{
		c.checkServer, c.checkConfigurations, c.checkBatches, c.checkNumbers, c.checkLoad, c.checkRequests, c.checkSearch,
		c.checkNames, c.checkShard, c.checkMeters,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	c.learn()
	return c.checkSecrets()
}

// checkServer checks what is to be measured and where to write.
func (c *Config) checkServer() error {
	switch {
	case c.Endpoint == "" && c.EngineCmd == "" && len(c.Configurations) == 0:
		return usagef("give --endpoint URL or --engine-cmd CMD")
	case c.Endpoint != "" && c.EngineCmd != "":
		return usagef("--endpoint and --engine-cmd exclude each other")
	case c.Out == "":
		return usagef("give --out DIR")
	}
	if c.Out = filepath.Clean(c.Out); c.Out == "/" {
		return usagef("--out /: give a folder of its own")
	}
	if c.Endpoint != "" {
		if _, err := endpoint.Parse(c.Endpoint); err != nil {
			return usagef("--endpoint: %w", err)
		}
		return nil
	}
	if len(c.Configurations) > 0 {
		return nil // each has its own, and checkConfigurations looks at it
	}
	return checkEngineCmd(c.EngineCmd)
}

// checkBatches checks the batch sizes; without any, a launched engine gets 1,
// and an endpoint's is unknown, 0.
func (c *Config) checkBatches() error {
	if c.Endpoint != "" && len(c.Batch) > 1 {
		return usagef("--batch %v: a running endpoint has one batch limit; give at most one value, as a label, or use --engine-cmd", c.Batch)
	}
	for i, b := range c.Batch {
		if b < 1 {
			return usagef("--batch %d: a batch size is at least 1", b)
		}
		if slices.Contains(c.Batch[:i], b) {
			return usagef("--batch %d is given twice: --repeat measures each cell again", b)
		}
	}
	if len(c.Batch) == 0 {
		c.Batch = []int{1}
		if c.Endpoint != "" {
			c.Batch = []int{0}
		}
	}
	return nil
}

// checkNumbers checks every number and time that has a range of its own.
func (c *Config) checkNumbers() error {
	for _, v := range []struct {
		flag   string
		n, min int
	}{
		{"num-requests", c.NumRequests, 1}, {"repeat", c.Repeat, 1}, {"warmup", c.Warmup, 0},
		{"max-tokens", c.MaxTokens, 0}, {"max-in-flight", c.MaxInFlight, 0}, {"max-errors", c.MaxErrors, 0},
		{"max-prompt-tokens", c.MaxPromptTokens, 0},
		{"expect-devices", c.ExpectDevices, 0}, {"find-rate-requests", c.FindRateRequests, 1},
	} {
		if v.n < v.min {
			return usagef("--%s %d: want at least %d", v.flag, v.n, v.min)
		}
	}
	for _, v := range []struct {
		flag string
		d    time.Duration
	}{
		{"timeout", c.Timeout}, {"ready-timeout", c.ReadyTimeout}, {"idle", c.Idle}, {"poll", c.Poll},
		{"budget", c.Budget}, {"think", c.Think}, {"drain", c.Drain}, {"min-duration", c.MinDuration}, {"max-duration", c.MaxDuration},
	} {
		if v.d < 0 {
			return usagef("--%s %v: want no negative time", v.flag, v.d)
		}
	}
	if c.Timeout == 0 || c.ReadyTimeout == 0 {
		return usagef("--timeout and --ready-timeout must be above 0")
	}
	if !(c.Burstiness > 0) || math.IsInf(c.Burstiness, 0) {
		return usagef("--burstiness %v: want a number above 0", c.Burstiness)
	}
	if !(c.FindRateFrom >= 0) || math.IsInf(c.FindRateFrom, 0) {
		return usagef("--find-rate-from %v: want a number of 0 or more", c.FindRateFrom)
	}
	if !(c.SLOShare > 0 && c.SLOShare < 1) {
		return usagef("--slo-share %v: want a share between 0 and 1, as in 0.99", c.SLOShare)
	}
	return nil
}

// checkLoad checks the load points: closed loops and schedules.
func (c *Config) checkLoad() error {
	rates := []float64{1} // a placeholder checks the law itself
	for i, text := range c.Rate {
		v, ok := parseRate(text)
		if !ok {
			return usagef("--rate %q: want requests per second above 0, or inf", text)
		}
		if math.IsInf(v, 1) && c.MinDuration > 0 {
			return usagef("--rate inf and --min-duration exclude each other: all requests are sent at once")
		}
		c.Rate[i] = formatRate(v)
		rates = append(rates, v)
	}
	if c.traceTimes() && len(c.Rate) > 0 {
		return usagef("--arrival %s takes its times from the trace: leave out --rate", c.Arrival)
	}
	for _, r := range rates {
		if _, err := loadgen.ParseArrival(c.Arrival, r, c.Seed, c.Burstiness, []time.Duration{0}); err != nil {
			return usagef("--%w", err)
		}
	}
	for _, n := range c.Concurrency {
		if n < 1 {
			return usagef("--concurrency %d: want at least 1", n)
		}
	}
	if c.Order != "" && c.Order != runfolder.OrderGrouped && c.Order != runfolder.OrderInterleaved && c.Order != runfolder.OrderRandom {
		return usagef("--order %q: want %s, %s or %s", c.Order, runfolder.OrderGrouped, runfolder.OrderInterleaved, runfolder.OrderRandom)
	}
	if len(c.loads()) == 0 && !c.FindRate {
		c.Concurrency = []int{1}
	}
	// A load given twice would be two cells of one name.
	seen := map[string]bool{}
	for _, l := range c.loads() {
		if seen[l.String()] {
			return usagef("the load %s is given twice: --repeat measures each cell again", l)
		}
		seen[l.String()] = true
	}
	return nil
}

// checkRequests checks what the requests are and how they are sent.
func (c *Config) checkRequests() error {
	switch {
	case !slices.Contains(loadgen.APIs(), c.API):
		return usagef("--api %q: want %s", c.API, strings.Join(loadgen.APIs(), ", "))
	case c.TokensField != "" && c.TokensField != "max_tokens" && c.TokensField != "max_completion_tokens":
		return usagef("--tokens-field %q: want max_tokens or max_completion_tokens", c.TokensField)
	case c.TokensField == "max_completion_tokens" && c.API != loadgen.APIChat && c.API != loadgen.APICompletions:
		return usagef("--tokens-field is for --api chat and completions")
	case c.API == loadgen.APIEmbeddings && (c.IgnoreEOS || c.MinTokens || c.MultiTurn):
		return usagef("--api embeddings has no answers: leave out --ignore-eos, --min-tokens and --multi-turn")
	}
	if h := loadgen.History(c.History); h != loadgen.HistoryAnswers && h != loadgen.HistoryTrace {
		return usagef("--history %q: want %s or %s", c.History, loadgen.HistoryAnswers, loadgen.HistoryTrace)
	}
	if !slices.Contains([]string{"first", "vllm", "sglang"}, c.Select) {
		return usagef("--select %q: want first, vllm or sglang", c.Select)
	}
	return nil
}

// checkSearch checks the objective and the search for the rate that keeps it.
func (c *Config) checkSearch() error {
	if !c.FindRate {
		return nil
	}
	switch {
	case c.SLO.IsZero():
		return usagef("--find-rate needs --slo, as in --slo ttft=500ms,tpot=50ms")
	case c.Arrival != "poisson":
		return usagef("--find-rate searches with Poisson arrivals: leave out --arrival %s", c.Arrival)
	case c.ShardCount > 0:
		return usagef("--find-rate looks for the rate of one client: leave out --shard")
	case len(c.loads()) > 0:
		return usagef("--find-rate looks for the rate itself: leave out --rate and --concurrency")
	}
	return nil
}

// checkShard checks this client's part of a run made by several.
func (c *Config) checkShard() error {
	if c.ShardCount > 0 {
		if c.ShardIndex < 1 || c.ShardIndex > c.ShardCount {
			return usagef("--shard %d/%d: want I/N with 1 <= I <= N", c.ShardIndex, c.ShardCount)
		}
		if c.EngineCmd != "" {
			return usagef("--shard needs --endpoint: the shards share one server")
		}
		c.Shard = fmt.Sprintf("%d/%d", c.ShardIndex, c.ShardCount)
	}
	if c.Rendezvous != "" && c.ShardCount == 0 {
		return usagef("--rendezvous needs --shard I/N")
	}
	return nil
}

// checkMeters checks which meters are read, and how.
func (c *Config) checkMeters() error {
	if len(c.Meter) == 0 {
		return usagef("--meter is empty: want a meter, auto or none")
	}
	metered := c.Config
	if slices.Contains(c.Meter, noMeter) {
		if len(c.Meter) > 1 {
			return usagef("--meter none excludes other meters")
		}
		metered.Meter = nil
	}
	return sensors.CheckAny(metered)
}
