package main

import (
	"context"
	"time"

	"cfubench/loadgen"
	"cfubench/meter/host"

	"github.com/spf13/pflag"
)

const runHelp = `Drives an endpoint, meters it and writes raw and derived tables to DIR.

usage: cfu run (--endpoint URL | --engine-cmd CMD) --out DIR [flags]

examples:
  cfu run --endpoint http://localhost:8000 --concurrency 1,8,64 --out out/
  cfu run --engine-cmd vllm:MODEL --batch 8,32,128 --rate 1,8,inf --out out/
  cfu run --endpoint http://localhost:8000 --find-rate --slo ttft=500ms,tpot=50ms --out out/

flags:
`

// runFlags are the flags of cfu run: a configuration, and what check has to
// parse to complete it.
type runFlags struct {
	runConfig
	set                            *pflag.FlagSet
	rateList                       []string
	bodyText, shardText, startText string
}

// bindRun is `cfu run`.
func bindRun(fs *pflag.FlagSet) action {
	f := newRunFlags(fs)
	return func(ctx context.Context, env environment, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return f.runConfig.run(ctx, env)
	}
}

// newRunFlags declares the flags on fs.
func newRunFlags(fs *pflag.FlagSet) *runFlags {
	f := &runFlags{set: fs}
	fs.StringVar(&f.endpoint, "endpoint", "", "Base `URL` of a server that already runs (with or without /v1).")
	fs.StringVar(&f.engineCmd, "engine-cmd", "", "Command that serves one batch size; {batch}, {port} and {cpus} are replaced. 'llama.cpp:FILE', 'vllm:MODEL' and 'sglang:MODEL' stand for those servers' own commands.")
	fs.StringVar(&f.model, "model", "", "Model `NAME` to ask for (default: the endpoint's only one).")
	fs.StringVar(&f.api, "api", "chat", "API to use: chat or completions.")
	fs.StringVar(&f.dataset, "dataset", "sample", "Trace: sample, sharegpt:FILE, azure:FILE, burstgpt:FILE, mooncake:FILE or jsonl:FILE.")
	fs.StringVar(&f.selection, "select", "first", "Selection of ShareGPT conversations: first, vllm or sglang, the latter two exactly as those tools do.")
	fs.StringVar(&f.tokenizer, "tokenizer", "endpoint", "What counts tokens for selections: endpoint, endpoint:URL, words or tiktoken:NAME.")
	fs.IntVar(&f.numRequests, "num-requests", 32, "Requests in each cell.")
	fs.IntVar(&f.maxPromptTokens, "max-prompt-tokens", 0, "Skip trace requests with longer prompts (0: no limit).")
	fs.BoolVar(&f.multiTurn, "multi-turn", false, "Send whole conversations, each turn after the answer to the one before.")
	fs.StringVar(&f.history, "history", string(loadgen.HistoryAnswers), "Whose answers build the history of later turns: answers (the server's) or trace.")
	fs.Int64Var(&f.seed, "seed", 1, "Seed of selection and schedule.")
	fs.IntSliceVar(&f.batches, "batch", nil, "Batch sizes, one engine launch each (default 1 with --engine-cmd).")
	fs.IntSliceVar(&f.concurrency, "concurrency", nil, "Closed loop: requests kept in flight (default 1 without --rate).")
	fs.StringSliceVar(&f.rateList, "rate", nil, "Open loop: requests per second; inf sends everything at once.")
	fs.StringVar(&f.arrival, "arrival", "poisson", "Law of open-loop arrivals: poisson, gamma, constant, linear:TO:OVER or exponential:TO:OVER (from --rate to TO over a time), or trace[:SCALE][:loop] (the trace's own times, stretched).")
	fs.Float64Var(&f.burstiness, "burstiness", 1, "Shape of gamma arrivals: 1 is Poisson, below 1 is burstier.")
	fs.DurationVar(&f.think, "think", 0, "Pause between an answer and its worker's or conversation's next request.")
	fs.IntVar(&f.repeat, "repeat", 1, "Repeats of every cell.")
	fs.IntVar(&f.warmup, "warmup", 2, "Warm-up requests after each engine start, none of them in the measured set.")
	fs.IntVar(&f.maxTokens, "max-tokens", 0, "Lower longer output targets of the trace to this, and cap answers that it gives no length (0: no limit).")
	fs.BoolVar(&f.ignoreEOS, "ignore-eos", false, "Make every answer exactly as long as the trace says.")
	fs.BoolVar(&f.minTokens, "min-tokens", false, "Ask for no fewer tokens than the trace says, where a server knows min_tokens and not ignore_eos.")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Minute, "Deadline of one request.")
	fs.DurationVar(&f.ready, "ready-timeout", 5*time.Minute, "How long an engine may take to become healthy.")
	fs.IntVar(&f.maxInFlight, "max-in-flight", 0, "Open loop: requests in flight at most; the rest wait and are late (0: no limit).")
	fs.IntVar(&f.maxErrors, "max-errors", 0, "Stop a cell after this many failed requests (0: never).")
	fs.DurationVar(&f.drain, "drain", 2*time.Second, "How long requests in flight may still take after an interrupt.")
	fs.DurationVar(&f.minDuration, "min-duration", 0, "Keep sending, from the start of the trace again, until this much time has passed too.")
	fs.DurationVar(&f.maxDuration, "max-duration", 0, "Stop sending after this time (0: never).")
	fs.StringSliceVar(&f.meters, "meter", []string{"auto"}, "Meters: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL, redfish:URL, or none (for shards whose meter is elsewhere); repeatable.")
	fs.Float64Var(&f.cpuWatts, "cpu-watts", host.DefaultCPUWatts(), "Watts of one busy core, for the cputime model.")
	fs.IntVar(&f.expectDevices, "expect-devices", 0, "Number of GPUs that must be metered (0: not checked).")
	fs.DurationVar(&f.idle, "idle", 2*time.Second, "Length of the idle baselines before and after each cell, and of the bare one before the first engine is launched (0: none).")
	fs.StringVar(&f.sysfs, "sysfs", "/sys", "Root below which powercap, hwmon and drm are read.")
	fs.StringVar(&f.nvmlLibrary, "nvml-library", "", "NVML library `FILE` (default: the driver's own).")
	fs.DurationVar(&f.poll, "poll", 0, "Sampling period (default: from the measured update period).")
	fs.StringVar(&f.out, "out", "", "Folder to write; must not hold a run yet.")
	fs.BoolVar(&f.resume, "resume", false, "Go on with the run in --out that was made with the same flags.")
	fs.StringVar(&f.bodyText, "extra-body", "", "`JSON` object merged into every request's body.")
	fs.StringVar(&f.apiKeyEnv, "api-key-env", "OPENAI_API_KEY", "Environment variable that holds the bearer key.")
	fs.StringVar(&f.caFile, "ca-file", "", "PEM file of certificate authorities to trust for the endpoint.")
	f.derivation.bind(fs)
	fs.StringVar(&f.clientCPUs, "client-cpus", "", "CPUs to pin the load generator to, as in '0' or '0-3,8'.")
	fs.StringVar(&f.engineCPUs, "engine-cpus", "", "CPUs that replace {cpus} in --engine-cmd.")
	fs.BoolVar(&f.certify, "certify", true, "Measure the client's own timing error and cost after the sweep.")
	fs.StringVar(&f.listen, "listen", "", "`ADDR` on which to expose live Prometheus metrics, as in 127.0.0.1:9100.")
	fs.BoolVar(&f.findRate, "find-rate", false, "Search the highest Poisson rate that meets --slo, then measure there.")
	fs.Float64Var(&f.rateFrom, "find-rate-from", 1, "First rate that --find-rate tries, in requests per second.")
	fs.IntVar(&f.rateRequests, "find-rate-requests", 5000, "Requests at most at each rate that --find-rate tries, more where a backlog takes longer to show: a rate that they do not decide counts as failed.")
	fs.StringVar(&f.slo, "slo", "", "Service-level objective, as in ttft=500ms,tpot=50ms.")
	fs.Float64Var(&f.sloShare, "slo-share", 0.99, "Share of requests that must keep --slo for a rate to be found.")
	fs.StringVar(&f.shardText, "shard", "", "`I/N`: send every N-th request of the schedule, starting with the I-th.")
	fs.StringVar(&f.startText, "start-at", "", "Common start of the first cell's window (RFC 3339), for shards.")
	fs.StringVar(&f.rendezvous, "rendezvous", "", "`FOLDER` that all shards see: they meet there and start each cell together.")
	return f
}
