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

// newRunFlags declares the flags on fs, in the sections of the help.
func newRunFlags(fs *pflag.FlagSet) *runFlags {
	f := &runFlags{set: fs}
	section(fs, "the server under test", f.bindServer)
	section(fs, "what is sent", f.bindTrace)
	section(fs, "how it is sent", f.bindLoad)
	section(fs, "when a request or a cell ends", f.bindLimits)
	section(fs, "what is metered", f.bindMeters)
	section(fs, "what is written", f.bindOutput)
	section(fs, "the client and its host", f.bindClient)
	section(fs, "an objective, and the rate that meets it", f.bindSearch)
	section(fs, "several clients", f.bindShards)
	return f
}

func (f *runFlags) bindServer(fs *pflag.FlagSet) {
	fs.StringVar(&f.endpoint, "endpoint", "", "Measure the server that runs at `URL` (with or without /v1).")
	fs.StringVar(&f.engineCmd, "engine-cmd", "", "Launch the engine with `CMD`, which serves one batch size; {batch}, {port} and {cpus} are replaced. 'llama.cpp:FILE', 'vllm:MODEL' and 'sglang:MODEL' stand for those servers' own commands.")
	fs.DurationVar(&f.ready, "ready-timeout", 5*time.Minute, "Give an engine `D` to become healthy.")
	fs.StringVar(&f.model, "model", "", "Ask for the model `NAME` (default: the endpoint's only one).")
	fs.StringVar(&f.api, "api", "chat", "Use the `API` chat or completions.")
	fs.StringVar(&f.bodyText, "extra-body", "", "Merge the object `JSON` into every request's body.")
	fs.BoolVar(&f.ignoreEOS, "ignore-eos", false, "Make every answer exactly as long as the trace says.")
	fs.BoolVar(&f.minTokens, "min-tokens", false, "Ask for no fewer tokens than the trace says, where a server knows min_tokens and not ignore_eos.")
	fs.StringVar(&f.apiKeyEnv, "api-key-env", "OPENAI_API_KEY", "Take the bearer key from the environment variable `NAME`.")
	fs.StringVar(&f.caFile, "ca-file", "", "Trust the certificate authorities in `FILE` (PEM) for the endpoint.")
}

func (f *runFlags) bindTrace(fs *pflag.FlagSet) {
	fs.StringVar(&f.dataset, "dataset", "sample", "Send the trace `SPEC`: sample, sharegpt:FILE, azure:FILE, burstgpt:FILE, mooncake:FILE or jsonl:FILE.")
	fs.StringVar(&f.selection, "select", "first", "Select ShareGPT conversations by `RULE`: first, vllm or sglang, the latter two exactly as those tools do.")
	fs.StringVar(&f.tokenizer, "tokenizer", "endpoint", "Count tokens for selections with `T`: endpoint, endpoint:URL, words or tiktoken:NAME.")
	fs.IntVar(&f.numRequests, "num-requests", 32, "Send `N` requests in each cell.")
	fs.IntVar(&f.maxPromptTokens, "max-prompt-tokens", 0, "Skip trace requests with prompts over `N` tokens (0: no limit).")
	fs.IntVar(&f.maxTokens, "max-tokens", 0, "Lower output targets over `N` tokens to it, and cap answers that it gives no length (0: no limit).")
	fs.BoolVar(&f.multiTurn, "multi-turn", false, "Send whole conversations, each turn after the answer to the one before.")
	fs.StringVar(&f.history, "history", string(loadgen.HistoryAnswers), "Build the history of later turns from `WHOSE` answers: answers (the server's) or trace.")
	fs.Int64Var(&f.seed, "seed", 1, "Draw selection and schedule with seed `S`.")
}

func (f *runFlags) bindLoad(fs *pflag.FlagSet) {
	fs.IntSliceVar(&f.batches, "batch", nil, "Measure these batch `SIZES`, one engine launch each (default 1 with --engine-cmd).")
	fs.IntSliceVar(&f.concurrency, "concurrency", nil, "Closed loop: keep these `NUMBERS` of requests in flight (default 1 without --rate).")
	fs.StringSliceVar(&f.rateList, "rate", nil, "Open loop: send requests at these `RATES` per second; inf sends everything at once.")
	fs.StringVar(&f.arrival, "arrival", "poisson", "Let open-loop requests arrive by `LAW`: poisson, gamma, constant, linear:TO:OVER or exponential:TO:OVER (from --rate to TO over a time), or trace[:SCALE][:loop] (the trace's own times, stretched).")
	fs.Float64Var(&f.burstiness, "burstiness", 1, "Shape `K` of gamma arrivals: 1 is Poisson, below 1 is burstier.")
	fs.DurationVar(&f.think, "think", 0, "Pause for `D` between an answer and its worker's or conversation's next request.")
	fs.IntVar(&f.repeat, "repeat", 1, "Measure every cell `N` times.")
	fs.IntVar(&f.warmup, "warmup", 2, "Send `N` warm-up requests after each engine start, none of them in the measured set.")
}

func (f *runFlags) bindLimits(fs *pflag.FlagSet) {
	fs.DurationVar(&f.timeout, "timeout", 10*time.Minute, "Give a request `D`.")
	fs.IntVar(&f.maxInFlight, "max-in-flight", 0, "Open loop: keep `N` requests in flight at most; the rest wait and are late (0: no limit).")
	fs.IntVar(&f.maxErrors, "max-errors", 0, "Stop a cell after `N` failed requests (0: never).")
	fs.DurationVar(&f.minDuration, "min-duration", 0, "Keep sending, from the start of the trace again, until `D` has passed too.")
	fs.DurationVar(&f.maxDuration, "max-duration", 0, "Stop sending after `D` (0: never).")
	fs.DurationVar(&f.drain, "drain", 2*time.Second, "Give requests in flight `D` after an interrupt.")
}

func (f *runFlags) bindMeters(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.meters, "meter", []string{"auto"}, "Read these `METERS`: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL, redfish:URL, or none (for shards whose meter is elsewhere); repeatable.")
	fs.DurationVar(&f.idle, "idle", 2*time.Second, "Meter idle baselines of `D` before and after each cell, and of the bare one before the first engine is launched (0: none).")
	fs.DurationVar(&f.poll, "poll", 0, "Read every `D` (default: from the measured update period).")
	fs.Float64Var(&f.cpuWatts, "cpu-watts", host.DefaultCPUWatts(), "Take `W` watts per busy core in the cputime model.")
	fs.IntVar(&f.expectDevices, "expect-devices", 0, "Fail unless `N` GPUs are metered (0: not checked).")
	fs.StringVar(&f.sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&f.nvmlLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the driver's own).")
}

func (f *runFlags) bindOutput(fs *pflag.FlagSet) {
	fs.StringVar(&f.out, "out", "", "Write the folder `DIR`, which must not hold a run yet.")
	fs.BoolVar(&f.resume, "resume", false, "Go on with the run in --out that was made with the same flags.")
	f.derivation.bind(fs)
	fs.StringVar(&f.listen, "listen", "", "Expose live Prometheus metrics at `HOST:PORT`.")
}

func (f *runFlags) bindClient(fs *pflag.FlagSet) {
	fs.StringVar(&f.clientCPUs, "client-cpus", "", "Keep the load generator on the processors in `LIST`, such as 0-3,8.")
	fs.StringVar(&f.engineCPUs, "engine-cpus", "", "Put the processors in `LIST` for {cpus} in --engine-cmd.")
	fs.BoolVar(&f.certify, "certify", true, "Measure the client's own timing error and cost after the sweep.")
}

func (f *runFlags) bindSearch(fs *pflag.FlagSet) {
	fs.StringVar(&f.slo, "slo", "", "Count goodput under `SLO`, such as ttft=500ms,tpot=50ms.")
	fs.BoolVar(&f.findRate, "find-rate", false, "Search the highest Poisson rate that meets --slo, then measure there.")
	fs.Float64Var(&f.rateFrom, "find-rate-from", 1, "Let --find-rate try `R` requests per second first.")
	fs.IntVar(&f.rateRequests, "find-rate-requests", 5000, "Send `N` requests at most at each rate that --find-rate tries, more where a backlog takes longer to show: a rate that they do not decide counts as failed.")
	fs.Float64Var(&f.sloShare, "slo-share", 0.99, "Find the rate at which a share `P` of the requests keeps --slo.")
}

func (f *runFlags) bindShards(fs *pflag.FlagSet) {
	fs.StringVar(&f.shardText, "shard", "", "As shard `I/N`, send every N-th request of the schedule, starting with the I-th.")
	fs.StringVar(&f.startText, "start-at", "", "Start the first cell's window at `TIME` (RFC 3339), for shards.")
	fs.StringVar(&f.rendezvous, "rendezvous", "", "Meet the other shards in `FOLDER`, which all see, and start each cell together.")
}
