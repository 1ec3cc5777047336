package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// runConfig is what `cfu run` was told to do, parsed and checked.
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
	minTokens           bool
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
		"ignore_eos": c.ignoreEOS, "min_tokens": c.minTokens, "timeout_ns": c.timeout.Nanoseconds(), "max_in_flight": c.maxInFlight,
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
