package main

import (
	"encoding/json"
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
)

// check refuses what is wrong or does not go together before anything is
// started, and completes the configuration with what it parses.
func (f *runFlags) check() error {
	for _, part := range []func() error{
		f.checkServer, f.checkBatches, f.checkNumbers, f.checkLoad, f.checkRequests, f.checkSearch,
		f.checkShard, f.checkMeters, f.derivation.check,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// checkServer checks what is to be measured and where to write.
func (f *runFlags) checkServer() error {
	switch {
	case f.endpoint == "" && f.engineCmd == "":
		return usagef("give --endpoint URL or --engine-cmd CMD")
	case f.endpoint != "" && f.engineCmd != "":
		return usagef("--endpoint and --engine-cmd exclude each other")
	case f.out == "":
		return usagef("give --out DIR")
	}
	if f.out = filepath.Clean(f.out); f.out == "/" {
		return usagef("--out /: give a folder of its own")
	}
	if f.endpoint != "" {
		u, err := url.Parse(f.endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return usagef("--endpoint %q: want http://HOST:PORT or https://…", f.endpoint)
		}
		return nil
	}
	line, err := engine.CommandFor(f.engineCmd)
	switch {
	case err != nil:
		return usagef("--engine-cmd: %w", err)
	case !strings.Contains(line, "{batch}"):
		return usagef("--engine-cmd has no {batch}: put it where the command takes the batch size")
	case !strings.Contains(line, "{port}"):
		return usagef("--engine-cmd has no {port}: cfu picks a free port for each server and must pass it on")
	}
	return nil
}

// checkBatches checks the batch sizes; without any, a launched engine gets 1,
// and an endpoint's is unknown, 0.
func (f *runFlags) checkBatches() error {
	if f.endpoint != "" && len(f.batches) > 1 {
		return usagef("--batch %v: a running endpoint has one batch limit; give at most one value, as a label, or use --engine-cmd", f.batches)
	}
	for i, b := range f.batches {
		if b < 1 {
			return usagef("--batch %d: a batch size is at least 1", b)
		}
		if slices.Contains(f.batches[:i], b) {
			return usagef("--batch %d is given twice: --repeat measures each cell again", b)
		}
	}
	if len(f.batches) == 0 {
		f.batches = []int{1}
		if f.endpoint != "" {
			f.batches = []int{0}
		}
	}
	return nil
}

// checkNumbers checks every number and time that has a range of its own.
func (f *runFlags) checkNumbers() error {
	for _, v := range []struct {
		flag   string
		n, min int
	}{
		{"num-requests", f.numRequests, 1}, {"repeat", f.repeat, 1}, {"warmup", f.warmup, 0},
		{"max-tokens", f.maxTokens, 0}, {"max-in-flight", f.maxInFlight, 0}, {"max-errors", f.maxErrors, 0},
		{"max-prompt-tokens", f.maxPromptTokens, 0},
		{"expect-devices", f.expectDevices, 0}, {"find-rate-requests", f.rateRequests, 1},
	} {
		if v.n < v.min {
			return usagef("--%s %d: want at least %d", v.flag, v.n, v.min)
		}
	}
	for _, v := range []struct {
		flag string
		d    time.Duration
	}{
		{"timeout", f.timeout}, {"ready-timeout", f.ready}, {"idle", f.idle}, {"poll", f.poll},
		{"think", f.think}, {"drain", f.drain}, {"min-duration", f.minDuration}, {"max-duration", f.maxDuration},
	} {
		if v.d < 0 {
			return usagef("--%s %v: want no negative time", v.flag, v.d)
		}
	}
	if f.timeout == 0 || f.ready == 0 {
		return usagef("--timeout and --ready-timeout must be above 0")
	}
	for _, v := range []struct {
		flag string
		x    float64
	}{
		{"burstiness", f.burstiness}, {"cpu-watts", f.cpuWatts}, {"find-rate-from", f.rateFrom},
	} {
		if !(v.x > 0) || math.IsInf(v.x, 0) {
			return usagef("--%s %v: want a number above 0", v.flag, v.x)
		}
	}
	if !(f.sloShare > 0 && f.sloShare < 1) {
		return usagef("--slo-share %v: want a share between 0 and 1, as in 0.99", f.sloShare)
	}
	return nil
}

// checkLoad checks the load points: closed loops and schedules.
func (f *runFlags) checkLoad() error {
	for _, r := range f.rateList {
		v, err := strconv.ParseFloat(r, 64)
		if err != nil || !(v > 0) {
			return usagef("--rate %q: want requests per second above 0, or inf", r)
		}
		if math.IsInf(v, 1) && f.minDuration > 0 {
			return usagef("--rate inf and --min-duration exclude each other: all requests are sent at once")
		}
		f.rates = append(f.rates, v)
	}
	f.traceTimes = f.arrival == "trace" || strings.HasPrefix(f.arrival, "trace:")
	if f.traceTimes && len(f.rates) > 0 {
		return usagef("--arrival %s takes its times from the trace: leave out --rate", f.arrival)
	}
	for _, r := range append(f.rates, 1) { // a placeholder rate checks the law itself
		if _, err := loadgen.ParseArrival(f.arrival, r, f.seed, f.burstiness, []time.Duration{0}); err != nil {
			return usagef("--%w", err)
		}
	}
	for _, n := range f.concurrency {
		if n < 1 {
			return usagef("--concurrency %d: want at least 1", n)
		}
	}
	if len(f.loadPoints()) == 0 && !f.findRate {
		f.concurrency = []int{1}
	}
	// A load given twice would be two cells of one name.
	seen := map[string]bool{}
	for _, p := range f.loadPoints() {
		if seen[p.name()] {
			return usagef("the load %s is given twice: --repeat measures each cell again", p.name())
		}
		seen[p.name()] = true
	}
	return nil
}

// checkRequests checks what the requests are and how they are sent.
func (f *runFlags) checkRequests() error {
	if f.api != "chat" && f.api != "completions" {
		return usagef("--api %q: want chat or completions", f.api)
	}
	if h := loadgen.History(f.history); h != loadgen.HistoryAnswers && h != loadgen.HistoryTrace {
		return usagef("--history %q: want %s or %s", f.history, loadgen.HistoryAnswers, loadgen.HistoryTrace)
	}
	if !slices.Contains([]string{"first", "vllm", "sglang"}, f.selection) {
		return usagef("--select %q: want first, vllm or sglang", f.selection)
	}
	if f.bodyText == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(f.bodyText), &f.extraBody); err != nil {
		return usagef("--extra-body: want a JSON object: %v", err)
	}
	return nil
}

// checkSearch checks the objective and the search for the rate that keeps it.
func (f *runFlags) checkSearch() error {
	if f.slo != "" {
		if _, err := loadgen.ParseSLO(f.slo); err != nil {
			return usagef("--slo: %v", err)
		}
	}
	if !f.findRate {
		for _, flag := range []string{"find-rate-from", "find-rate-requests", "slo-share"} {
			if f.set.Changed(flag) {
				return usagef("--find-rate-from, --find-rate-requests and --slo-share need --find-rate")
			}
		}
		return nil
	}
	switch {
	case f.slo == "":
		return usagef("--find-rate needs --slo, as in --slo ttft=500ms,tpot=50ms")
	case f.arrival != "poisson":
		return usagef("--find-rate searches with Poisson arrivals: leave out --arrival %s", f.arrival)
	case f.shardText != "":
		return usagef("--find-rate looks for the rate of one client: leave out --shard")
	case len(f.loadPoints()) > 0:
		return usagef("--find-rate looks for the rate itself: leave out --rate and --concurrency")
	}
	return nil
}

// checkShard checks this client's part of a run made by several.
func (f *runFlags) checkShard() error {
	if f.shardText != "" {
		i, n, ok := strings.Cut(f.shardText, "/")
		var err1, err2 error
		f.shardIndex, err1 = strconv.Atoi(i)
		f.shardCount, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || f.shardIndex < 1 || f.shardIndex > f.shardCount {
			return usagef("--shard %q: want I/N with 1 <= I <= N", f.shardText)
		}
		if f.engineCmd != "" {
			return usagef("--shard needs --endpoint: the shards share one server")
		}
	}
	if f.rendezvous != "" && f.shardCount == 0 {
		return usagef("--rendezvous needs --shard I/N")
	}
	if f.startText != "" {
		t, err := time.Parse(time.RFC3339Nano, f.startText)
		if err != nil {
			return usagef("--start-at %q: want RFC 3339, as in 2026-01-31T12:00:00Z", f.startText)
		}
		f.startAt = t
	}
	return nil
}

// checkMeters checks the names of the meters.
func (f *runFlags) checkMeters() error {
	for _, m := range f.meters {
		if m == noMeter {
			if len(f.meters) > 1 {
				return usagef("--meter none excludes other meters")
			}
			continue
		}
		if err := host.CheckSpec(m); err != nil {
			return usagef("--meter: %w", err)
		}
	}
	return nil
}
