package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/loadgen/engine"
	"cfubench/meter/host"
)

const calibrateHelp = `Measures the Shapley value of requests that share a server, and fits a model of it
for the shapley convention: replays every subset of small groups of requests on
the engine, measures the CPU time of each subset, computes the Shapley value of
each request, and fits these values by features that every run has. The file that
it writes holds the model, its error on held-out groups, and all measurements.

The value of a subset is the CPU time of the engine's process tree: measured and
additive, but not energy. Joules beside it are a model, --cpu-watts per core.

usage: cfu calibrate --engine-cmd CMD --out FILE [flags]
       cfu calibrate --refit FILE --out FILE

examples:
  cfu calibrate --engine-cmd 'scripts/engine --batch {batch} --port {port}' --out calibration.json
  cfu calibrate --engine-cmd '...' --groups 20 --group-size 5 --arrivals static --out calibration.json
  cfu attribute out/ --convention token,shapley --calibration calibration.json

flags:
`

// calibrateFlags are the flags of cfu calibrate.
type calibrateFlags struct {
	engineCmd, arrivals, out, refit string
	groups, size, repeats, orders   int
	seed                            uint64
	watts                           float64
	ready                           time.Duration
}

func (f *calibrateFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.engineCmd, "engine-cmd", "", "Launch the engine with `CMD`, in which {batch} and {port} are replaced.")
	fs.IntVar(&f.groups, "groups", 12, "Measure `N` groups of each kind of arrivals.")
	fs.IntVar(&f.size, "group-size", 4, fmt.Sprintf("Put `K` requests in a group: all subsets up to %d, sampled orders above.", shapley.MaxExact))
	fs.StringVar(&f.arrivals, "arrivals", "static,staggered", "Send groups by these `KINDS` of arrivals: at once (static), spread out (staggered), or both.")
	fs.IntVar(&f.repeats, "repeats", 2, "Replay each subset `R` times.")
	fs.IntVar(&f.orders, "orders", 12, "Sample `N` orders of groups that are too large for all subsets.")
	fs.Uint64Var(&f.seed, "seed", 1, "Draw lengths, prompts and arrivals with `S`.")
	fs.Float64Var(&f.watts, "cpu-watts", host.DefaultCPUWatts(), "Show `W` watts per busy core as modelled joules.")
	fs.DurationVar(&f.ready, "ready", engine.DefaultReady, "Give the engine `D` to become healthy.")
	fs.StringVar(&f.refit, "refit", "", "Fit the groups that `FILE` holds again, without an engine.")
	fs.StringVar(&f.out, "out", "", "Write the calibration to `FILE`.")
}

// check returns the kinds of arrivals.
func (f *calibrateFlags) check() ([]string, error) {
	var kinds []string
	for _, k := range strings.Split(f.arrivals, ",") {
		if k != arrivalsStatic && k != arrivalsStaggered {
			return nil, usagef("--arrivals %q: want static, staggered or both with a comma between", f.arrivals)
		}
		kinds = append(kinds, k)
	}
	switch {
	case f.out == "":
		return nil, usagef("--out is missing: name the file to write")
	case f.refit != "" && f.engineCmd != "":
		return nil, usagef("--refit needs no engine: leave --engine-cmd out")
	case f.refit == "" && f.engineCmd == "":
		return nil, usagef("--engine-cmd is missing: say how to launch the engine")
	case f.groups < 1:
		return nil, usagef("--groups %d: want at least 1", f.groups)
	case f.size < 2 || f.size > 32:
		return nil, usagef("--group-size %d: want 2 to 32", f.size)
	case f.repeats < 1:
		return nil, usagef("--repeats %d: want at least 1", f.repeats)
	case f.orders < 1:
		return nil, usagef("--orders %d: want at least 1", f.orders)
	case !(f.watts > 0) || math.IsInf(f.watts, 0):
		return nil, usagef("--cpu-watts %g: want a number above zero", f.watts)
	}
	return kinds, nil
}

// bindCalibrate is `cfu calibrate`.
func bindCalibrate(fs *pflag.FlagSet) action {
	var f calibrateFlags
	f.bind(fs)
	return f.run
}

// run measures the groups, or takes those measured before, and fits them.
func (f *calibrateFlags) run(ctx context.Context, env environment, _ []string) error {
	kinds, err := f.check()
	if err != nil {
		return err
	}
	file, failure := f.measured(ctx, env, kinds)
	if file == nil || len(file.Groups) == 0 {
		return failure
	}
	unfit := file.Refit()
	// What was measured is minutes of work: it is kept whatever became of the
	// fit or of the groups that were to follow.
	text, err := file.Encode()
	if err == nil {
		err = os.WriteFile(f.out, text, 0o666)
	}
	switch {
	case err != nil:
		return errors.Join(failure, fmt.Errorf("write calibration: %w", err))
	case failure != nil:
		return fmt.Errorf("%w; the %d groups measured before are in %s", failure, len(file.Groups), f.out)
	case unfit != nil:
		return fmt.Errorf("fit the calibration: %w; the groups are in %s", unfit, f.out)
	}
	return printCalibration(env.stdout, file, f.watts)
}

// measured returns the groups, from the file to refit or from the engine; with
// an error, those that were measured before it.
func (f *calibrateFlags) measured(ctx context.Context, env environment, kinds []string) (*shapley.File, error) {
	if f.refit != "" {
		text, err := os.ReadFile(f.refit)
		if err != nil {
			return nil, fmt.Errorf("read calibration: %w", err)
		}
		file, err := shapley.ParseFile(text)
		if err != nil {
			return nil, fmt.Errorf("read calibration %s: %w", f.refit, err)
		}
		if len(file.Groups) == 0 {
			return nil, fmt.Errorf("read calibration %s: it holds no measured group to fit again", f.refit)
		}
		return file, nil
	}
	// A run of minutes must not find out at its end that it cannot write.
	if info, err := os.Stat(filepath.Dir(f.out)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("write calibration %s: its folder does not exist", f.out)
	}
	return f.measure(ctx, env, kinds)
}

// printCalibration prints the conventions' distances and the coefficients.
func printCalibration(w io.Writer, file *shapley.File, watts float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "arrivals\tconvention\tgroups\tmean L1\tmax L1")
	for _, e := range file.Errors {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.3f\t%.3f\n", e.Arrivals, e.Convention, e.Groups, e.Mean, e.Max)
	}
	fmt.Fprintln(t, "\t\t\t\t")
	fmt.Fprintln(t, "coefficient of\tCPU s\tmodelled J\t\t")
	for k, c := range file.Coefficients {
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t\t\n", attribution.Features[k], c, c*watts)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	noise := "unknown (one replay each)"
	if file.Noise > 0 {
		noise = fmt.Sprintf("%.1f %%", 100*file.Noise)
	}
	_, err := fmt.Fprintf(w, "L1 is normalised, Σ|share − Shapley value| / Σ values, per group. Standard error of a subset's processor time: %s.\n", noise)
	return err
}
