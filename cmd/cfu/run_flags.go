package main

import (
	"context"
	"os"
	"slices"

	"cfubench/internal/subcommand"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
	"cfubench/results/sweep"

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

// runFlags are the flags of cfu run: a configuration, and what complete has to
// parse for it.
type runFlags struct {
	sweep.Config
	derivation          derivationFlags
	set                 *pflag.FlagSet
	bodyText, sweepFile string
	access              accessFlags
	file                sweep.File      // of --sweep
	ofFile              map[string]bool // the flags that it sets
	params              []string
	dryRun              bool
}

// bindRun is `cfu run`.
func bindRun(fs *pflag.FlagSet) subcommand.Action {
	f := newRunFlags(fs)
	return func(ctx context.Context, env subcommand.Environment, _ []string) error {
		if err := f.complete(env); err != nil {
			return f.file.Place(err, func(flag string) bool { return f.ofFile[flag] })
		}
		if f.dryRun {
			plan, err := sweep.Describe(ctx, f.Config)
			if err != nil {
				return err
			}
			env.WarnAll(plan.Warnings)
			return plan.WriteText(env.Stdout)
		}
		return f.run(ctx, env)
	}
}

// complete parses what flags hold as text, and refuses what is wrong or does not
// go together before anything is started.
func (f *runFlags) complete(env subcommand.Environment) error {
	if err := f.configure(); err != nil {
		return err
	}
	f.Getenv, f.Secrets = env.Getenv, env.Secrets
	access, err := f.access.read(f.set, env)
	if err != nil {
		return err
	}
	f.APIKey, f.Headers = access.APIKey, access.Headers
	if err := f.SetExtraBody(f.bodyText); err != nil {
		return err
	}
	for _, flag := range []string{"find-rate-from", "find-rate-requests", "slo-share"} {
		if !f.FindRate && f.set.Changed(flag) {
			return subcommand.Usagef("--find-rate-from, --find-rate-requests and --slo-share need --find-rate")
		}
	}
	if err := f.Check(); err != nil {
		return err
	}
	return f.derivation.Check()
}

// configure takes the flags and configurations of --sweep, and those of --param. A
// flag of the command line goes before the file's.
func (f *runFlags) configure() error {
	file := &f.file
	f.ofFile = map[string]bool{}
	if f.sweepFile != "" {
		text, err := os.ReadFile(f.sweepFile)
		if err != nil {
			return subcommand.Usagef("--sweep: %w", err)
		}
		if *file, err = sweep.ParseFile(f.sweepFile, text); err != nil {
			return subcommand.UsageError{Err: err}
		}
		for _, s := range file.Flags {
			switch flag := f.set.Lookup(s.Name); {
			case flag == nil || s.Name == "sweep":
				return subcommand.Usagef("%s:%d: %s: cfu run has no such flag, and it is none of params, zip, exclude and configurations", f.sweepFile, s.Line, s.Name)
			case flag.Changed:
				continue
			}
			set := func() error { return subcommand.Set(f.set, s.Name, s.Values[0]) }
			if s.List {
				set = func() error { return subcommand.SetList(f.set, s.Name, s.Values) }
			}
			if err := set(); err != nil {
				return subcommand.Usagef("%s:%d: %s: %w", f.sweepFile, s.Line, s.Name, err)
			}
			f.ofFile[s.Name] = true
		}
	}
	ofFile, replaced := len(file.Grid.Params), map[string]bool{}
	for _, text := range f.params {
		p, err := sweep.ParseParam(text)
		if err != nil {
			return subcommand.Usagef("--param %w", err)
		}
		if i := slices.IndexFunc(file.Grid.Params[:ofFile], func(q sweep.Param) bool { return q.Name == p.Name }); i >= 0 && !replaced[p.Name] {
			file.Grid.Params[i], replaced[p.Name] = p, true
			continue
		}
		file.Grid.Params = append(file.Grid.Params, p)
	}
	var err error
	if f.Configurations, err = file.Expand(f.EngineCmd); err != nil {
		return subcommand.UsageError{Err: err}
	}
	return nil
}

// newRunFlags declares the flags on fs, in the sections of the help.
func newRunFlags(fs *pflag.FlagSet) *runFlags {
	f := &runFlags{set: fs, Config: sweep.Defaults()}
	subcommand.Section(fs, "the server under test", f.bindServer)
	subcommand.Section(fs, "what is sent", f.bindTrace)
	subcommand.Section(fs, "how it is sent", f.bindLoad)
	subcommand.Section(fs, "when a request or a cell ends", f.bindLimits)
	subcommand.Section(fs, "what is metered", f.bindMeters)
	subcommand.Section(fs, "what is written", f.bindOutput)
	subcommand.Section(fs, "the client and its host", f.bindClient)
	subcommand.Section(fs, "an objective, and the rate that meets it", f.bindSearch)
	subcommand.Section(fs, "several clients", f.bindShards)
	return f
}

func (f *runFlags) bindServer(fs *pflag.FlagSet) {
	fs.StringVar(&f.Endpoint, "endpoint", f.Endpoint, "Measure the server that runs at `URL` (with or without /v1).")
	fs.StringVar(&f.EngineCmd, "engine-cmd", f.EngineCmd, "Launch the engine with `CMD`, which serves one batch size; {batch}, {port} and {cpus} are replaced. 'llama.cpp:FILE', 'vllm:MODEL' and 'sglang:MODEL' stand for those servers' own commands.")
	fs.StringArrayVar(&f.params, "param", nil, "Measure with each of the values of `NAME=V1,V2` in place of {NAME} in --engine-cmd; repeated, in every combination. A value with commas stands in quotes, or is JSON.")
	fs.StringVar(&f.sweepFile, "sweep", "", "Read flags and configurations from the YAML `FILE` (docs/sweep.md); flags on the command line override it.")
	fs.DurationVar(&f.ReadyTimeout, "ready-timeout", f.ReadyTimeout, "Wait up to `D` for an engine to become healthy.")
	fs.StringVar(&f.Model, "model", f.Model, "Ask for the model `NAME` (default: the endpoint's only one).")
	fs.StringVar(&f.API, "api", f.API, "Use the `API` chat, completions, responses or embeddings.")
	fs.StringVar(&f.TokensField, "tokens-field", f.TokensField, "Send the length of an answer as `NAME`: max_tokens or max_completion_tokens.")
	fs.StringVar(&f.bodyText, "extra-body", "", "Merge the object `JSON` into every request's body.")
	fs.BoolVar(&f.IgnoreEOS, "ignore-eos", f.IgnoreEOS, "Ignore end-of-sequence: generate exactly the trace's output length (ignore_eos).")
	fs.BoolVar(&f.MinTokens, "min-tokens", f.MinTokens, "Like --ignore-eos, for servers that support min_tokens instead.")
	f.access.bind(fs)
	fs.StringVar(&f.CAFile, "ca-file", f.CAFile, "Trust the certificate authorities in `FILE` (PEM) for the endpoint.")
}

func (f *runFlags) bindTrace(fs *pflag.FlagSet) {
	fs.StringVar(&f.Dataset, "dataset", f.Dataset, "Send the trace `SPEC`: sample, sharegpt:FILE, azure:FILE, burstgpt:FILE, mooncake:FILE or jsonl:FILE.")
	fs.StringVar(&f.Select, "select", f.Select, "Select ShareGPT conversations by `RULE`: first, vllm or sglang, the latter two exactly as those tools do.")
	fs.StringVar(&f.Tokenizer, "tokenizer", f.Tokenizer, "Count tokens for selections with `T`: endpoint, endpoint:URL, words or tiktoken:NAME.")
	fs.IntVar(&f.NumRequests, "num-requests", f.NumRequests, "Send `N` requests in each cell.")
	fs.IntVar(&f.MaxPromptTokens, "max-prompt-tokens", f.MaxPromptTokens, "Skip trace requests with prompts over `N` tokens (0: no limit).")
	fs.IntVar(&f.MaxTokens, "max-tokens", f.MaxTokens, "Cap outputs at `N` tokens (0: no limit).")
	fs.BoolVar(&f.MultiTurn, "multi-turn", f.MultiTurn, "Send whole conversations, each turn after the answer to the one before.")
	fs.IntVar(&f.HashBlock, "hash-block", f.HashBlock, "Take `N` tokens for each hash id of a mooncake trace (0: what the trace's make has).")
	subcommand.Parsed(fs, &f.TimeUnit, "time-unit", "", "Take a mooncake trace's times in `UNIT`: s, ms, us or ns (default: what the trace's make has).", sweep.ParseTimeUnit)
	fs.StringVar(&f.History, "history", f.History, "Build conversation history from `SOURCE`: answers (the server's) or trace (the recorded ones).")
	fs.Int64Var(&f.Seed, "seed", f.Seed, "Draw selection and schedule with seed `S`.")
}

func (f *runFlags) bindLoad(fs *pflag.FlagSet) {
	subcommand.WholeNumbers(fs, &f.Batch, "batch", "Measure these batch `SIZES`, one engine launch each (default 1 with --engine-cmd).")
	subcommand.WholeNumbers(fs, &f.Concurrency, "concurrency", "Closed loop: keep these `NUMBERS` of requests in flight (default 1 without --rate).")
	fs.StringSliceVar(&f.Rate, "rate", f.Rate, "Open loop: send requests at these `RATES` per second; inf sends everything at once.")
	fs.StringVar(&f.Arrival, "arrival", f.Arrival, "Open loop: use the arrival process `PROCESS`: poisson, gamma, constant, linear:TO:OVER or exponential:TO:OVER (from --rate to TO over a time), or trace[:SCALE][:loop] (the trace's own times, stretched).")
	fs.Float64Var(&f.Burstiness, "burstiness", f.Burstiness, "Shape `K` of gamma arrivals: 1 is Poisson, below 1 is burstier.")
	fs.DurationVar(&f.Think, "think", f.Think, "Pause for `D` between an answer and its worker's or conversation's next request.")
	fs.IntVar(&f.Repeat, "repeat", f.Repeat, "Measure every cell `N` times.")
	fs.StringVar(&f.Order, "order", f.Order, "Measure repeats in `ORDER`: grouped on one launch of the server, interleaved or random with a launch for each.")
	fs.DurationVar(&f.Budget, "budget", f.Budget, "Start no cell that would likely end after `D` (0: no limit).")
	fs.IntVar(&f.Warmup, "warmup", f.Warmup, "Send `N` warm-up requests after each engine start, none of them in the measured set.")
}

func (f *runFlags) bindLimits(fs *pflag.FlagSet) {
	fs.DurationVar(&f.Timeout, "timeout", f.Timeout, "Time out a request after `D`.")
	fs.IntVar(&f.MaxInFlight, "max-in-flight", f.MaxInFlight, "Open loop: keep `N` requests in flight at most; the rest wait and are late (0: no limit).")
	fs.IntVar(&f.MaxErrors, "max-errors", f.MaxErrors, "Stop a cell after `N` failed requests (0: never).")
	fs.DurationVar(&f.MinDuration, "min-duration", f.MinDuration, "Keep sending, from the start of the trace again, until `D` has passed too.")
	fs.DurationVar(&f.MaxDuration, "max-duration", f.MaxDuration, "Stop sending after `D` (0: never).")
	fs.DurationVar(&f.Drain, "drain", f.Drain, "Wait up to `D` for requests in flight after an interrupt.")
}

func (f *runFlags) bindMeters(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.Meter, "meter", f.Meter, "Read these `METERS`: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL, redfish:URL, ptd:HOST, or none (for shards whose meter is elsewhere); repeatable.")
	fs.DurationVar(&f.Idle, "idle", f.Idle, "Meter idle baselines of `D` before and after each cell, and of the bare one before the first engine is launched (0: none).")
	fs.StringVar(&f.GPUs, "gpus", f.GPUs, "Sum these `GPUS`: engine (those that its processes use), all, or a list of numbers, UUIDs, PCI addresses or MIG UUIDs.")
	subcommand.InOneText(fs, "gpus")
	bindSensors(fs, &f.Config.Config)
}

// bindSensors declares the flags that say how meters are read: cfu run and cfu
// record share them.
func bindSensors(fs *pflag.FlagSet, c *runfolder.Config) {
	fs.StringVar(&c.Reference, "reference", "", "Keep what a reference meter found, from the `FILE` of 'cfu meters --reference-out', and state its sensors' gain and offset.")
	fs.DurationVar(&c.Poll, "poll", 0, "Read every `D` (default: from the measured update period).")
	fs.Float64Var(&c.CPUWatts, "cpu-watts", host.DefaultCPUWatts(), "Assume `W` watts per busy core in the cputime model.")
	fs.Float64Var(&c.CPUIdleWatts, "cpu-idle-watts", 0, "Add an assumed `W` watts for the idle host to the cputime model.")
	fs.IntVar(&c.ExpectDevices, "expect-devices", 0, "Fail unless `N` GPUs are metered (0: not checked).")
	fs.StringVar(&c.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&c.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the driver's own).")
}

func (f *runFlags) bindOutput(fs *pflag.FlagSet) {
	fs.StringVar(&f.Out, "out", f.Out, "Write the folder `DIR`, which must not hold a run yet.")
	fs.BoolVar(&f.dryRun, "dry-run", false, "Print what would be measured, and measure nothing.")
	fs.BoolVar(&f.Resume, "resume", f.Resume, "Continue the run in --out, which must have the same flags.")
	f.derivation.bind(fs, &f.Config.Config)
	fs.StringVar(&f.Listen, "listen", f.Listen, "Expose live Prometheus metrics at `HOST:PORT`.")
}

func (f *runFlags) bindClient(fs *pflag.FlagSet) {
	fs.StringVar(&f.ClientCPUs, "client-cpus", f.ClientCPUs, "Run the load generator on the CPUs in `LIST`, such as 0-3,8.")
	fs.StringVar(&f.EngineCPUs, "engine-cpus", f.EngineCPUs, "Run the engine on the CPUs in `LIST`; they replace {cpus} in --engine-cmd.")
	subcommand.InOneText(fs, "client-cpus", "engine-cpus")
	fs.BoolVar(&f.Certify, "certify", f.Certify, "Measure the client's timing error and overhead after the sweep.")
}

func (f *runFlags) bindSearch(fs *pflag.FlagSet) {
	fs.Var(&f.SLO, "slo", "Count goodput under `SLO`, such as ttft=500ms,tpot=50ms.")
	subcommand.InOneText(fs, "slo")
	fs.BoolVar(&f.FindRate, "find-rate", f.FindRate, "Search the highest Poisson rate that meets --slo, then measure there.")
	fs.Float64Var(&f.FindRateFrom, "find-rate-from", f.FindRateFrom, "Start --find-rate at `R` requests per second (default: half of what the saturated server completes).")
	fs.IntVar(&f.FindRateRequests, "find-rate-requests", f.FindRateRequests, "Send at most `N` requests per tried rate (more if a backlog builds up slowly). A rate with no decision counts as failed.")
	fs.Float64Var(&f.SLOShare, "slo-share", f.SLOShare, "Require a fraction `P` of the requests to meet --slo.")
}

func (f *runFlags) bindShards(fs *pflag.FlagSet) {
	subcommand.Taken(fs, "shard", "As shard `I/N`, send every N-th request of the schedule, starting with the I-th.", f.SetShard)
	subcommand.Parsed(fs, &f.StartAt, "start-at", "", "Start the first cell's window at `TIME` (RFC 3339), for shards.", sweep.ParseStart)
	fs.StringVar(&f.Rendezvous, "rendezvous", f.Rendezvous, "Synchronise with the other shards through the shared `FOLDER`, and start each cell together.")
}
