package main

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"cfubench/attribution/lca"
	"cfubench/internal/folder"
	"cfubench/internal/screen"
	"cfubench/internal/subcommand"
	"cfubench/loadgen/engine"
	"cfubench/results/watch"
)

const watchHelp = `Meters a server in production, beside it and without any load of its own: the meters
of cfu run and the server's own totals give joules per output token and per request,
prefill and decode apart where the totals tell them, the share of idle energy, and
carbon at a grid that you state. They are Prometheus metrics (--listen) and a run
folder for each hour in OUT, which cfu attribute, amortize and report read.

The server must publish vLLM's, SGLang's, llama.cpp's or TensorRT-LLM's metrics. Time
in which it restarts or does not answer is told and in no figure. cfu watch runs
until it gets INT or TERM.

usage: cfu watch --endpoint URL --out OUT [flags]

examples:
  cfu watch --endpoint http://127.0.0.1:8000 --out /var/lib/cfu/watch --listen 127.0.0.1:9190
  cfu watch --endpoint http://127.0.0.1:8000 --out watch/ --grid ecologits-deu --keep 90d
  cfu watch --endpoint http://127.0.0.1:8000 --out watch/ --otlp-listen 127.0.0.1:4318
  cfu amortize watch/2026-11-28T18 --inventory olmo2-7b

flags:
`

// watchFlags are the flags of cfu watch.
type watchFlags struct {
	watch.Config
	access accessFlags
	set    *pflag.FlagSet
	caFile string
}

// bindWatch is `cfu watch`.
func bindWatch(fs *pflag.FlagSet) subcommand.Action {
	f := &watchFlags{set: fs}
	subcommand.Section(fs, "the server", func(fs *pflag.FlagSet) {
		fs.StringVar(&f.Endpoint, "endpoint", "", "Watch the server at `URL`.")
		fs.StringVar(&f.Model, "model", "", "Call the model `NAME` in the metrics (default: as the server does).")
		fs.DurationVar(&f.Interval, "interval", time.Second, "Read its metrics every `D`.")
		f.access.bind(fs)
		fs.StringVar(&f.caFile, "ca-file", "", "Trust the certificate authorities in `FILE` (PEM) for the endpoint.")
	})
	subcommand.Section(fs, "what is metered", func(fs *pflag.FlagSet) {
		fs.StringSliceVar(&f.Meter, "meter", []string{"auto"}, "Read these `METERS`: auto, nvml, rapl, cputime, amdgpu, hwmon, agent:URL, scrape:URL or redfish:URL; repeatable.")
		fs.StringVar(&f.GPUs, "gpus", "engine", "Sum these `GPUS`: engine (those that the server's processes use), all, or a list of numbers, UUIDs, PCI addresses or MIG UUIDs.")
		fs.IntVar(&f.PID, "pid", 0, "The server's process is `N` (default: what listens at the endpoint).")
		bindSensors(fs, &f.Config.Config)
		poll := fs.Lookup("poll")
		poll.DefValue, poll.Usage, f.Poll = "1s", "Read every `D`.", time.Second
	})
	subcommand.Section(fs, "whose requests they are", func(fs *pflag.FlagSet) {
		fs.StringVar(&f.Tenants.Log, "tenant-log", "", "Divide the energy among tenants by the `FILE` to which a gateway or an OpenTelemetry collector adds a line of JSON a request (docs/watch.md).")
		fs.StringVar(&f.Tenants.OTLP, "otlp-listen", "", "Divide it by the OpenTelemetry spans that the server or a collector sends to `HOST:PORT`, over OTLP/HTTP or OTLP/gRPC.")
		fs.StringVar(&f.Tenants.Field, "tenant-field", "tenant", "Take the tenant from the field or attribute `NAME`; dots lead into nested objects.")
		fs.StringVar(&f.Weights, "tenant-weights", "1:1", "Weigh a prompt token and an output token `IN:OUT`.")
		fs.IntVar(&f.Tenants.Bound, "tenants", 50, "Tell `N` tenants by name, the first that come; the rest are other.")
		fs.DurationVar(&f.Tenants.Delay, "tenant-delay", 2*time.Minute, "Wait `D` for an interval's requests to be logged.")
	})
	subcommand.Section(fs, "what is told", func(fs *pflag.FlagSet) {
		fs.StringVar(&f.Out, "out", "", "Write a folder an hour to `OUT`, such as OUT/2026-11-28T18 (UTC).")
		f.Keep = watch.DefaultKeep
		subcommand.Parsed(fs, &f.Keep, "keep", "30d", "Remove the folder of an hour after `TIME`: 36h, 90d, or 0 for never.", watch.ParseKeep)
		subcommand.Taken(fs, "grid", "Count carbon at `GRID`: an electricity preset (cfu amortize --list-presets) or a number of g CO2e/kWh (default: no carbon).", func(text string) error {
			grid, err := lca.ParseCarbonGrid(text)
			f.Grid = &grid
			return err
		})
		fs.StringVar(&f.Listen, "listen", "", "Expose live Prometheus metrics at `HOST:PORT`.")
	})
	return func(ctx context.Context, env subcommand.Environment, _ []string) error {
		f.Getenv, f.Secrets = env.Getenv, env.Secrets
		if err := f.complete(env); err != nil {
			return err
		}
		env.Hold()
		release, err := folder.OwnNew(f.Out, "cfu watch", env.Say)
		if err != nil {
			return err
		}
		defer release()
		s := screen.NewStatus(env.Stdout, env.Stderr, env.Secrets)
		f.Say = func(line string) { s.Say("cfu watch: " + line) }
		w := watch.New(f.Config)
		if s.Terminal() { // a log gets a line an hour, and events
			ended, stop := context.WithCancel(ctx)
			defer stop()
			go s.Follow(ended, w.Line)
		}
		return w.Run(ctx)
	}
}

// complete reads what the flags name, and refuses what is wrong before anything is opened.
func (f *watchFlags) complete(env subcommand.Environment) error {
	if err := f.Check(); err != nil {
		return err
	}
	if f.Tenants.Log == "" && f.Tenants.OTLP == "" {
		for _, flag := range []string{"tenant-field", "tenant-weights", "tenants", "tenant-delay"} {
			if f.set.Changed(flag) {
				return subcommand.Usagef("--%s needs --tenant-log or --otlp-listen", flag)
			}
		}
	}
	warning, err := f.Receive()
	if err != nil {
		return err
	}
	if warning != "" {
		env.Say("cfu watch: warning: %s", warning)
	}
	access, err := f.access.read(f.set, env)
	if err != nil {
		return err
	}
	for _, h := range access.Headers {
		f.Header = append(f.Header, h.Name)
	}
	f.APIKey = access.APIKey
	if f.Client, err = engine.NewClient(f.caFile, access.Headers...); err != nil {
		return subcommand.UsageError{Err: err}
	}
	return nil
}
