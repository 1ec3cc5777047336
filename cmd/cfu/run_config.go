package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter/host"

	"github.com/spf13/pflag"
)

// runConfig is `cfu run`'s flags, parsed and checked.
type runConfig struct {
	endpoint, engineCmd string
	model, api          string
	dataset, selection  string
	tokenizer           string
	numRequests         int
	maxPromptTokens     int
	multiTurn           bool
	history             string
	seed                int64
	batches             []int
	concurrency         []int
	rates               []float64 // +Inf: everything at once
	arrival             string
	burstiness          float64
	traceTimes          bool // --arrival trace
	think               time.Duration
	repeat, warmup      int
	maxTokens           int
	ignoreEOS           bool
	timeout, ready      time.Duration
	maxInFlight         int
	maxErrors           int
	drain               time.Duration
	minDuration         time.Duration
	maxDuration         time.Duration
	meters              []string
	cpuWatts            float64
	expectDevices       int
	idle                time.Duration
	sysfs, nvmlLibrary  string
	poll                time.Duration
	out                 string
	resume              bool
	extraBody           map[string]any
	apiKeyEnv, caFile   string
	derivation          derivationFlags
	clientCPUs          string
	engineCPUs          string
	certify             bool
	listen              string
	findRate            bool
	rateFrom            float64
	rateRequests        int
	slo                 string
	sloShare            float64
	shardIndex          int // 1-based; 0 without --shard
	shardCount          int
	startAt             time.Time
	rendezvous          string
}

// parseRun turns arguments into a checked configuration. pflag.ErrHelp means
// that the usage text was asked for; it is in the second result.
func parseRun(args []string) (runConfig, string, error) {
	var (
		c         runConfig
		batches   []int
		rates     []string
		extraBody string
		shard     string
		startAt   string
	)
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.endpoint, "endpoint", "", "Base `URL` of a server that already runs (with or without /v1).")
	fs.StringVar(&c.engineCmd, "engine-cmd", "", "Command that serves one batch size; {batch}, {port} and {cpus} are replaced. 'llama.cpp:FILE', 'vllm:MODEL' and 'sglang:MODEL' stand for those servers' own commands.")
	fs.StringVar(&c.model, "model", "", "Model `NAME` to ask for (default: the endpoint's only one).")
	fs.StringVar(&c.api, "api", "chat", "API to use: chat or completions.")
	fs.StringVar(&c.dataset, "dataset", "sample", "Trace: sample, sharegpt:FILE, azure:FILE, burstgpt:FILE, mooncake:FILE or jsonl:FILE.")
	fs.StringVar(&c.selection, "select", "first", "Selection of ShareGPT conversations: first, vllm or sglang, the latter two exactly as those tools do.")
	fs.StringVar(&c.tokenizer, "tokenizer", "endpoint", "What counts tokens for selections: endpoint, endpoint:URL, words or tiktoken:NAME.")
	fs.IntVar(&c.numRequests, "num-requests", 32, "Requests in each cell.")
	fs.IntVar(&c.maxPromptTokens, "max-prompt-tokens", 0, "Skip trace requests with longer prompts (0: no limit).")
	fs.BoolVar(&c.multiTurn, "multi-turn", false, "Send whole conversations, each turn after the answer to the one before.")
	fs.StringVar(&c.history, "history", string(loadgen.HistoryAnswers), "Whose answers build the history of later turns: answers (the server's) or trace.")
	fs.Int64Var(&c.seed, "seed", 1, "Seed of selection and schedule.")
	fs.IntSliceVar(&batches, "batch", nil, "Batch sizes, one engine launch each (default 1 with --engine-cmd).")
	fs.IntSliceVar(&c.concurrency, "concurrency", nil, "Closed loop: requests kept in flight (default 1 without --rate).")
	fs.StringSliceVar(&rates, "rate", nil, "Open loop: requests per second; inf sends everything at once.")
	fs.StringVar(&c.arrival, "arrival", "poisson", "Law of open-loop arrivals: poisson, gamma, constant, linear:TO:OVER or exponential:TO:OVER (from --rate to TO over a time), or trace[:SCALE][:loop] (the trace's own times, stretched).")
	fs.Float64Var(&c.burstiness, "burstiness", 1, "Shape of gamma arrivals: 1 is Poisson, below 1 is burstier.")
	fs.DurationVar(&c.think, "think", 0, "Pause between an answer and its worker's or conversation's next request.")
	fs.IntVar(&c.repeat, "repeat", 1, "Repeats of every cell.")
	fs.IntVar(&c.warmup, "warmup", 2, "Warm-up requests after each engine start, none of them in the measured set.")
	fs.IntVar(&c.maxTokens, "max-tokens", 0, "Lower longer output targets of the trace to this, and cap answers that it gives no length (0: no limit).")
	fs.BoolVar(&c.ignoreEOS, "ignore-eos", false, "Make every answer exactly as long as the trace says.")
	fs.DurationVar(&c.timeout, "timeout", 10*time.Minute, "Deadline of one request.")
	fs.DurationVar(&c.ready, "ready-timeout", 5*time.Minute, "How long an engine may take to become healthy.")
	fs.IntVar(&c.maxInFlight, "max-in-flight", 0, "Open loop: requests in flight at most; the rest wait and are late (0: no limit).")
	fs.IntVar(&c.maxErrors, "max-errors", 0, "Stop a cell after this many failed requests (0: never).")
	fs.DurationVar(&c.drain, "drain", 2*time.Second, "How long requests in flight may still take after an interrupt.")
	fs.DurationVar(&c.minDuration, "min-duration", 0, "Keep sending, from the start of the trace again, until this much time has passed too.")
	fs.DurationVar(&c.maxDuration, "max-duration", 0, "Stop sending after this time (0: never).")
	fs.StringSliceVar(&c.meters, "meter", []string{"auto"}, "Meters: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL, redfish:URL, or none (for shards whose meter is elsewhere); repeatable.")
	fs.Float64Var(&c.cpuWatts, "cpu-watts", host.DefaultCPUWatts(), "Watts of one busy core, for the cputime model.")
	fs.IntVar(&c.expectDevices, "expect-devices", 0, "Number of GPUs that must be metered (0: not checked).")
	fs.DurationVar(&c.idle, "idle", 2*time.Second, "Length of the idle baselines before and after each cell (0: none).")
	fs.StringVar(&c.sysfs, "sysfs", "/sys", "Root below which powercap, hwmon and drm are read.")
	fs.StringVar(&c.nvmlLibrary, "nvml-library", "", "NVML library `FILE` (default: the driver's own).")
	fs.DurationVar(&c.poll, "poll", 0, "Sampling period (default: from the measured update period).")
	fs.StringVar(&c.out, "out", "", "Folder to write; must not hold a run yet.")
	fs.BoolVar(&c.resume, "resume", false, "Go on with the run in --out that was made with the same flags.")
	fs.StringVar(&extraBody, "extra-body", "", "`JSON` object merged into every request's body.")
	fs.StringVar(&c.apiKeyEnv, "api-key-env", "OPENAI_API_KEY", "Environment variable that holds the bearer key.")
	fs.StringVar(&c.caFile, "ca-file", "", "PEM file of certificate authorities to trust for the endpoint.")
	c.derivation.bind(fs)
	fs.StringVar(&c.clientCPUs, "client-cpus", "", "CPUs to pin the load generator to, as in '0' or '0-3,8'.")
	fs.StringVar(&c.engineCPUs, "engine-cpus", "", "CPUs that replace {cpus} in --engine-cmd.")
	fs.BoolVar(&c.certify, "certify", true, "Measure the client's own timing error and cost after the sweep.")
	fs.StringVar(&c.listen, "listen", "", "`ADDR` on which to expose live Prometheus metrics, as in 127.0.0.1:9100.")
	fs.BoolVar(&c.findRate, "find-rate", false, "Search the highest Poisson rate that meets --slo, then measure there.")
	fs.Float64Var(&c.rateFrom, "find-rate-from", 1, "First rate that --find-rate tries, in requests per second.")
	fs.IntVar(&c.rateRequests, "find-rate-requests", 5000, "Requests at most at each rate that --find-rate tries: a rate that they do not decide counts as failed.")
	fs.StringVar(&c.slo, "slo", "", "Service-level objective, as in ttft=500ms,tpot=50ms.")
	fs.Float64Var(&c.sloShare, "slo-share", 0.99, "Share of requests that must keep --slo for a rate to be found.")
	fs.StringVar(&shard, "shard", "", "`I/N`: send every N-th request of the schedule, starting with the I-th.")
	fs.StringVar(&startAt, "start-at", "", "Common start of the first cell's window (RFC 3339), for shards.")
	fs.StringVar(&c.rendezvous, "rendezvous", "", "`FOLDER` that all shards see: they meet there and start each cell together.")
	usage := "usage: cfu run (--endpoint URL | --engine-cmd CMD) --out DIR [flags]\n\nDrives an endpoint, meters it and writes raw and derived tables to DIR.\n\n" + fs.FlagUsages()
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return c, usage, err
		}
		return c, usage, usageError{err}
	}
	if fs.NArg() > 0 {
		return c, usage, usagef("unexpected argument %q: flags start with --", fs.Arg(0))
	}

	switch {
	case c.endpoint == "" && c.engineCmd == "":
		return c, usage, usagef("give --endpoint URL or --engine-cmd CMD")
	case c.endpoint != "" && c.engineCmd != "":
		return c, usage, usagef("--endpoint and --engine-cmd exclude each other")
	case c.out == "":
		return c, usage, usagef("give --out DIR")
	}
	if c.endpoint != "" {
		u, err := url.Parse(c.endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return c, usage, usagef("--endpoint %q: want http://HOST:PORT or https://…", c.endpoint)
		}
		if len(batches) > 1 {
			return c, usage, usagef("--batch %v: a running endpoint has one batch limit; give at most one value, as a label, or use --engine-cmd", batches)
		}
	}
	if c.engineCmd != "" {
		line, err := engine.CommandFor(c.engineCmd)
		if err != nil {
			return c, usage, usagef("--engine-cmd: %w", err)
		}
		if !strings.Contains(line, "{batch}") {
			return c, usage, usagef("--engine-cmd has no {batch}: put it where the command takes the batch size")
		}
		if !strings.Contains(line, "{port}") {
			return c, usage, usagef("--engine-cmd has no {port}: cfu picks a free port for each server and must pass it on")
		}
	}
	c.batches = batches
	if c.engineCmd != "" && len(batches) == 0 {
		c.batches = []int{1}
	}
	for _, b := range c.batches {
		if b < 1 {
			return c, usage, usagef("--batch %d: a batch size is at least 1", b)
		}
	}
	if c.endpoint != "" && len(c.batches) == 0 {
		c.batches = []int{0}
	}

	for _, r := range rates {
		v, err := strconv.ParseFloat(r, 64)
		if err != nil || !(v > 0) {
			return c, usage, usagef("--rate %q: want requests per second above 0, or inf", r)
		}
		c.rates = append(c.rates, v)
	}
	c.traceTimes = c.arrival == "trace" || strings.HasPrefix(c.arrival, "trace:")
	if c.traceTimes && len(rates) > 0 {
		return c, usage, usagef("--arrival %s takes its times from the trace: leave out --rate", c.arrival)
	}
	for _, r := range append(c.rates, 1) { // a placeholder rate checks the law itself
		if _, err := loadgen.ParseArrival(c.arrival, r, c.seed, c.burstiness, []time.Duration{0}); err != nil {
			return c, usage, usagef("--%w", err)
		}
	}
	if !(c.burstiness > 0) || math.IsInf(c.burstiness, 0) {
		return c, usage, usagef("--burstiness %v: want a number above 0", c.burstiness)
	}
	open := len(c.rates) > 0 || c.traceTimes
	if len(c.concurrency) == 0 && !open && !c.findRate {
		c.concurrency = []int{1}
	}
	for _, n := range c.concurrency {
		if n < 1 {
			return c, usage, usagef("--concurrency %d: want at least 1", n)
		}
	}
	// A load or batch size given twice would be two cells of one name.
	seen := map[string]bool{}
	for _, p := range c.loadPoints() {
		if seen[p.name()] {
			return c, usage, usagef("the load %s is given twice: --repeat measures each cell again", p.name())
		}
		seen[p.name()] = true
	}
	for i, b := range c.batches {
		if slices.Contains(c.batches[:i], b) {
			return c, usage, usagef("--batch %d is given twice: --repeat measures each cell again", b)
		}
	}
	for _, v := range []struct {
		flag string
		n    int
		min  int
	}{
		{"num-requests", c.numRequests, 1}, {"repeat", c.repeat, 1}, {"warmup", c.warmup, 0},
		{"max-tokens", c.maxTokens, 0}, {"max-in-flight", c.maxInFlight, 0}, {"max-errors", c.maxErrors, 0},
		{"max-prompt-tokens", c.maxPromptTokens, 0},
		{"expect-devices", c.expectDevices, 0}, {"find-rate-requests", c.rateRequests, 1},
	} {
		if v.n < v.min {
			return c, usage, usagef("--%s %d: want at least %d", v.flag, v.n, v.min)
		}
	}
	for _, v := range []struct {
		flag string
		d    time.Duration
	}{
		{"timeout", c.timeout}, {"ready-timeout", c.ready}, {"idle", c.idle}, {"poll", c.poll},
		{"think", c.think}, {"drain", c.drain}, {"min-duration", c.minDuration}, {"max-duration", c.maxDuration},
	} {
		if v.d < 0 {
			return c, usage, usagef("--%s %v: want no negative time", v.flag, v.d)
		}
	}
	for _, r := range c.rates {
		if math.IsInf(r, 1) && c.minDuration > 0 {
			return c, usage, usagef("--rate inf and --min-duration exclude each other: all requests are sent at once")
		}
	}
	if c.timeout == 0 || c.ready == 0 {
		return c, usage, usagef("--timeout and --ready-timeout must be above 0")
	}
	if !(c.cpuWatts > 0) || math.IsInf(c.cpuWatts, 0) {
		return c, usage, usagef("--cpu-watts %v: want a number above 0", c.cpuWatts)
	}
	if c.api != "chat" && c.api != "completions" {
		return c, usage, usagef("--api %q: want chat or completions", c.api)
	}
	if h := loadgen.History(c.history); h != loadgen.HistoryAnswers && h != loadgen.HistoryTrace {
		return c, usage, usagef("--history %q: want %s or %s", c.history, loadgen.HistoryAnswers, loadgen.HistoryTrace)
	}
	if !slices.Contains([]string{"first", "vllm", "sglang"}, c.selection) {
		return c, usage, usagef("--select %q: want first, vllm or sglang", c.selection)
	}
	if extraBody != "" {
		if err := json.Unmarshal([]byte(extraBody), &c.extraBody); err != nil {
			return c, usage, usagef("--extra-body: want a JSON object: %v", err)
		}
	}
	if c.findRate && c.slo == "" {
		return c, usage, usagef("--find-rate needs --slo, as in --slo ttft=500ms,tpot=50ms")
	}
	if c.slo != "" {
		if _, err := loadgen.ParseSLO(c.slo); err != nil {
			return c, usage, usagef("--slo: %v", err)
		}
	}
	if !(c.rateFrom > 0) || math.IsInf(c.rateFrom, 0) {
		return c, usage, usagef("--find-rate-from %v: want requests per second above 0", c.rateFrom)
	}
	if !(c.sloShare > 0 && c.sloShare < 1) {
		return c, usage, usagef("--slo-share %v: want a share between 0 and 1, as in 0.99", c.sloShare)
	}
	if !c.findRate && (fs.Changed("find-rate-from") || fs.Changed("find-rate-requests") || fs.Changed("slo-share")) {
		return c, usage, usagef("--find-rate-from, --find-rate-requests and --slo-share need --find-rate")
	}
	if c.findRate && c.arrival != "poisson" {
		return c, usage, usagef("--find-rate searches with Poisson arrivals: leave out --arrival %s", c.arrival)
	}
	if c.findRate && shard != "" {
		return c, usage, usagef("--find-rate looks for the rate of one client: leave out --shard")
	}
	if c.findRate && (open || len(c.concurrency) > 0) {
		return c, usage, usagef("--find-rate looks for the rate itself: leave out --rate, --concurrency and --arrival trace")
	}
	if shard != "" {
		i, n, ok := strings.Cut(shard, "/")
		var err1, err2 error
		c.shardIndex, err1 = strconv.Atoi(i)
		c.shardCount, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || c.shardIndex < 1 || c.shardIndex > c.shardCount {
			return c, usage, usagef("--shard %q: want I/N with 1 <= I <= N", shard)
		}
		if c.engineCmd != "" {
			return c, usage, usagef("--shard needs --endpoint: the shards share one server")
		}
	}
	if c.rendezvous != "" && c.shardCount == 0 {
		return c, usage, usagef("--rendezvous needs --shard I/N")
	}
	if startAt != "" {
		t, err := time.Parse(time.RFC3339Nano, startAt)
		if err != nil {
			return c, usage, usagef("--start-at %q: want RFC 3339, as in 2026-01-31T12:00:00Z", startAt)
		}
		c.startAt = t
	}
	for _, m := range c.meters {
		if m == noMeter {
			if len(c.meters) > 1 {
				return c, usage, usagef("--meter none excludes other meters")
			}
			continue
		}
		if err := host.CheckSpec(m); err != nil {
			return c, usage, usagef("--meter: %w", err)
		}
	}
	if err := c.derivation.check(); err != nil {
		return c, usage, err
	}
	if c.out = filepath.Clean(c.out); c.out == "/" {
		return c, usage, usagef("--out /: give a folder of its own")
	}
	return c, usage, nil
}

// noMeter is the --meter of a shard that leaves metering to another.
const noMeter = "none"

// record is what run.json keeps of the configuration: every flag that changes
// what is measured or derived, and no secret. The body fields' values are kept,
// for they change what the server does.
func (c runConfig) record() map[string]any {
	rates := make([]string, len(c.rates))
	for i, r := range c.rates {
		rates[i] = strconv.FormatFloat(r, 'g', -1, 64)
	}
	m := map[string]any{
		"endpoint": redactURL(c.endpoint), "engine_cmd": c.engineCmd, "model": c.model, "api": c.api,
		"dataset": c.dataset, "select": c.selection, "tokenizer": c.tokenizer, "num_requests": c.numRequests,
		"max_prompt_tokens": c.maxPromptTokens, "multi_turn": c.multiTurn,
		"history": c.history, "seed": c.seed, "batch": c.batches, "concurrency": c.concurrency, "rate": rates,
		"arrival": c.arrival, "burstiness": c.burstiness,
		"think_ns": c.think.Nanoseconds(), "repeat": c.repeat, "warmup": c.warmup, "max_tokens": c.maxTokens,
		"ignore_eos": c.ignoreEOS, "timeout_ns": c.timeout.Nanoseconds(), "max_in_flight": c.maxInFlight,
		"max_errors": c.maxErrors, "min_duration_ns": c.minDuration.Nanoseconds(), "max_duration_ns": c.maxDuration.Nanoseconds(),
		"meter": redactURLs(c.meters), "cpu_watts": c.cpuWatts, "idle_ns": c.idle.Nanoseconds(), "sysfs": c.sysfs,
		"nvml_library": c.nvmlLibrary, "poll_ns": c.poll.Nanoseconds(), "convention": c.derivation.conventions, "weights": c.derivation.weights,
		"calibration": c.derivation.calibration, "inventory": c.derivation.inventory, "client_cpus": c.clientCPUs, "engine_cpus": c.engineCPUs,
		"expect_devices": c.expectDevices, "find_rate": c.findRate, "find_rate_from": c.rateFrom, "find_rate_requests": c.rateRequests, "slo": c.slo, "slo_share": c.sloShare,
	}
	if c.extraBody != nil {
		m["extra_body"] = c.extraBody
	}
	if c.shardCount > 0 {
		m["shard"] = fmt.Sprintf("%d/%d", c.shardIndex, c.shardCount)
	}
	return m
}

// hash is the configuration's key for --resume: encoding/json writes map keys
// in sorted order, so the same flags give the same text.
func (c runConfig) hash() string {
	b, err := json.Marshal(c.record())
	if err != nil {
		return "" // unreachable: the map holds only what JSON can write
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// redactURL takes user and password out of a URL.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	u.User = nil
	return u.String()
}

func redactURLs(specs []string) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		kind, rest, ok := strings.Cut(s, ":")
		if ok && strings.Contains(rest, "://") {
			s = kind + ":" + redactURL(rest)
		}
		out[i] = s
	}
	return out
}
