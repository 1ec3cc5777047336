package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/pflag"

	"cfubench/attribution/shapley"
	"cfubench/internal/subcommand"
	"cfubench/loadgen/engine"
	"cfubench/meter/host"
	"cfubench/results/replay"
)

const shapleyHelp = `Measures the Shapley value of requests that share a server, and fits a model of it
for the shapley convention: replays every subset of small groups of requests on
the engine, measures what each subset costs, computes the Shapley value of each
request, and fits these values by features that every run has. The file that it
writes holds the model, its error on held-out groups, and all measurements.

The cost of a subset is its energy above idle, from the host's counters. Only
where there is none it is the CPU time of the engine's process tree: measured and
additive, but not energy; joules beside it are a model, --cpu-watts per core. The
file says which it was.

usage: cfu shapley --engine-cmd CMD --out FILE [flags]
       cfu shapley --refit FILE --out FILE

examples:
  cfu shapley --engine-cmd 'scripts/engine --batch {batch} --port {port}' --out shapley.json
  cfu shapley --engine-cmd '...' --groups 20 --group-size 5 --arrivals static --out shapley.json
  cfu shapley --engine-cmd '...' --meter nvml --standard-error 0.02 --out shapley.json
  cfu attribute out/ --convention token,shapley --shapley-model shapley.json

flags:
`

// shapleyFlags are the flags of cfu shapley.
type shapleyFlags struct {
	replay.Fitting
	arrivals string
	watts    float64
}

func (f *shapleyFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.EngineCmd, "engine-cmd", "", "Launch the engine with `CMD`, in which {batch} and {port} are replaced.")
	fs.IntVar(&f.Groups, "groups", 12, "Measure `N` groups of each kind of arrivals.")
	fs.IntVar(&f.Size, "group-size", 4, fmt.Sprintf("Put `K` requests in a group: all subsets up to %d, sampled orders above.", shapley.MaxExact))
	fs.StringVar(&f.arrivals, "arrivals", "static,staggered", "Send groups by these `KINDS` of arrivals: at once (static), spread out (staggered), or both.")
	fs.IntVar(&f.SharedPrefix, "shared-prefix", 0, "Begin all prompts of a group with the same `N` words, which a server's prefix cache computes once.")
	fs.IntVar(&f.Repeats, "repeats", 2, "Replay each subset `R` times.")
	fs.Float64Var(&f.StandardError, "standard-error", 0, "Replay all subsets of a group again until the relative standard error of their costs is at most `P`, such as 0.02 (0: --repeats only).")
	fs.IntVar(&f.MostRepeats, "max-repeats", 20, "Replay each subset `N` times at most for --standard-error.")
	fs.StringSliceVar(&f.Meter, "meter", []string{"auto"}, "Measure joules with these `METERS`, as in cfu run; auto takes CPU time where no counter can be read, cputime always.")
	fs.StringVar(&f.GPUs, "gpus", "engine", "Sum these `GPUS`: engine (those that its processes use), all, or a list, as in cfu run.")
	fs.DurationVar(&f.Idle, "idle", 2*time.Second, "Leave the engine alone for `D` between replays, to measure its idle power with a counter.")
	fs.StringVar(&f.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&f.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the driver's own).")
	fs.IntVar(&f.Orders, "orders", 12, "Sample `N` orders of groups that are too large for all subsets.")
	fs.Uint64Var(&f.Seed, "seed", 1, "Draw lengths, prompts and arrivals with `S`.")
	fs.Float64Var(&f.watts, "cpu-watts", host.DefaultCPUWatts(), "Show `W` watts per busy core as modelled joules.")
	fs.DurationVar(&f.Ready, "ready", engine.DefaultReady, "Wait up to `D` for the engine to become healthy.")
	fs.StringVar(&f.Refit, "refit", "", "Fit the groups that `FILE` holds again, without an engine.")
	fs.StringVar(&f.Out, "out", "", "Write the Shapley model to `FILE`.")
}

// check refuses wrong flags.
func (f *shapleyFlags) check() error {
	var err error
	if f.Arrivals, err = replay.ParseArrivals(f.arrivals); err != nil {
		return subcommand.Usagef("--arrivals %w", err)
	}
	if !(f.watts > 0) || math.IsInf(f.watts, 0) {
		return subcommand.Usagef("--cpu-watts %g: want a number above zero", f.watts)
	}
	return f.Fitting.Check()
}

// bindShapley is `cfu shapley`.
func bindShapley(fs *pflag.FlagSet) subcommand.Action {
	var f shapleyFlags
	f.bind(fs)
	return f.run
}

// run measures the groups, or takes those measured before, and fits them.
func (f *shapleyFlags) run(ctx context.Context, env subcommand.Environment, _ []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.Refit == "" {
		env.Hold()
	}
	f.Getenv, f.Say = env.Getenv, func(line string) { fmt.Fprintf(env.Stderr, "cfu shapley: %s\n", line) }
	file, err := f.Fitting.Run(ctx)
	if file == nil {
		return err
	}
	return replay.WriteText(env.Stdout, file, f.watts)
}
