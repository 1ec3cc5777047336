package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
	"cfubench/results/sweep"
)

const importHelp = `Makes a run folder from logs of other tools: a power log and a benchmark's result.
attribute, amortize, compare and report then work on it as on a run. Prompts and
answers are not kept.

usage: cfu import --power FILE[:FORMAT] --requests FILE[:FORMAT] --out OUT [flags]

examples:
  cfu import --power power.csv --clock power=local:America/Los_Angeles \
    --requests result.json --out out/
  cfu import --power gpu.csv --clock power=local:UTC \
    --requests vllm.json --clock requests=perf_counter:1784410000.25 --out out/
  cfu import --power gpu_telemetry_export.jsonl --requests profile_export.jsonl --out out/
  cfu import --power bmc.csv --column time=timestamp --column wall=n1_watts:W \
    --clock local:UTC --requests rows.csv --out out/
  cfu import --power spl.txt --requests mlperf_log_detail.txt --clock local:UTC

clocks:
  epoch                     times are Unix times (the default)
  local:ZONE                dates without a zone are in ZONE: Europe/Berlin, -07:00, UTC
  perf_counter:UNIX[@COUNT] times count from a start: the counter was COUNT (0) at Unix time UNIX
  offset:SECONDS            the clock was SECONDS slow; joined to another with a comma

Logs that hold no requests (MLPerf, CodeCarbon, the ML.ENERGY leaderboard) give
averages, which are printed, and no folder. docs/import.md has the formats and
what each can give.

flags:
`

// importFlags are the flags of `cfu import`.
type importFlags struct {
	im         sweep.Import
	columns    logs.Columns
	derivation derivationFlags
}

// bindImport is `cfu import`.
func bindImport(fs *pflag.FlagSet) subcommand.Action {
	f := importFlags{columns: logs.Columns{}}
	subcommand.Repeated(fs, "power", "Read the power log `FILE[:FORMAT]`; once for each log. Formats: "+strings.Join(logs.PowerFormats(), ", ")+".", f.im.AddPower)
	subcommand.Parsed(fs, &f.im.Requests, "requests", "", "Read the request log `FILE[:FORMAT]`. Formats: "+strings.Join(logs.RequestFormats(), ", ")+".", func(text string) (sweep.LogFile, error) {
		return sweep.ParseLogFile(text, logs.RequestFormats()), nil
	})
	fs.StringVar(&f.im.Out, "out", "", "Write the folder `DIR`, which must not hold a run yet.")
	subcommand.Repeated(fs, "clock", "Read times by `CLOCK`; power=CLOCK and requests=CLOCK for one of the logs.", f.im.SetClock)
	subcommand.Repeated(fs, "column", "Take a column for a role: `ROLE=COLUMN[:UNIT]`; power (of a GPU) and wall (of a whole machine) may have several, a device each; of several power logs each takes the columns that it has.", f.columns.Set)
	fs.StringSliceVar(&f.im.GPUs, "gpus", nil, "Take the devices `NAMES` of the power logs alone, by index or UUID, with commas between.")
	fs.IntVar(&f.im.Count, "gpu-count", 0, "The server used `N` devices: refuse logs that have fewer, 0 if that is not known.")
	fs.IntVar(&f.im.PowerOptions.RowsPerTick, "gpus-per-tick", 0, "A power log without an index has `N` rows a tick, in the order of the devices.")
	fs.DurationVar(&f.im.EdgeSlack, "edge-slack", 0, "Hold the nearest reading where the ends of the load lie up to `D` outside the power log.")
	subcommand.Parsed(fs, &f.im.Window, "window", "", "The load lasted from `BEGIN,END`, Unix seconds, where the request log has no times.", logs.ParseWindow)
	fs.IntVar(&f.im.RequestOptions.Run, "run", 0, "Take run `N` of a request log to which several were appended.")
	fs.StringVar(&f.im.Product, "gpu-name", "", "The GPUs are of the product `NAME`, such as \"NVIDIA A100-SXM4-80GB\", where the power log has no column of it: what a gauge shows depends on it.")
	fs.StringVar(&f.im.Driver, "driver", "", "Their driver is of `VERSION`.")
	fs.StringVar(&f.im.Model, "model", "", "The model was `NAME`.")
	fs.StringVar(&f.im.Engine, "engine", "", "The engine was `NAME`.")
	f.derivation.bind(fs, new(runfolder.Config))
	return func(ctx context.Context, env subcommand.Environment, _ []string) error {
		if f.im.Requests.Path == "" {
			return subcommand.Usagef("give the request log with --requests FILE")
		}
		if err := f.derivation.Check(); err != nil {
			return err
		}
		f.im.SetColumns(f.columns)
		if f.im.Out != "" {
			release, err := folder.OwnNew(f.im.Out, "cfu import", env.Say)
			if err != nil {
				return err
			}
			defer release()
		}
		got, err := f.im.Run()
		if err != nil {
			return err
		}
		if err := got.WriteText(env.Stdout); err != nil {
			return err
		}
		if len(got.Requests.Stated) > 0 {
			return nil
		}
		return f.derivation.finish(ctx, env, f.im.Out, got.Run.Warnings)
	}
}
