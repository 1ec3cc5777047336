package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"cfubench/internal/atomicfile"
	"cfubench/internal/subcommand"
	"cfubench/results/logs"
	"cfubench/results/reference"
	"cfubench/results/runfolder"
)

// referenceFlags are the flags of cfu meters --reference.
type referenceFlags struct {
	reference.Options
	clock, run, out string
}

func (f *referenceFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.Spec, "reference", "", "Compare the summed domains with this `METER`: redfish:URL, scrape:URL, ptd:HOST, or the file of a power log (FILE or FILE#NAME).")
	fs.StringVar(&f.Covers, "reference-covers", runfolder.CoversNode, "The reference covers `WHAT`: node (the wall, a BMC), or domains (what is summed, and nothing else).")
	fs.StringVar(&f.clock, "reference-clock", "epoch", "Read a log's times by `CLOCK`, as cfu import --clock.")
	fs.StringVar(&f.Load, "load-cmd", "", "Load the host with `CMD`, which goes on until it is stopped (default: loops on the CPUs).")
	fs.DurationVar(&f.Plateau, "plateau", 10*time.Second, "Measure each plateau of idle or load for `D`.")
	fs.DurationVar(&f.Settle, "settle", 5*time.Second, "Wait `D` before each plateau for sensors and hardware; with --run, leave so much of each window out.")
	fs.IntVar(&f.Rounds, "rounds", 3, "Alternate `N` times between idle and load.")
	fs.StringVar(&f.run, "run", "", "Take the idle windows and loads of the run in `DIR` instead; METER may then be a domain that it recorded.")
	fs.StringVar(&f.out, "reference-out", "", "Write the result to `FILE`, for cfu run --reference.")
}

// asked reports whether a reference is asked for; the error names a flag that
// needs one.
func (f *referenceFlags) asked(fs *pflag.FlagSet) (bool, error) {
	if f.Spec != "" {
		return true, nil
	}
	for _, name := range []string{"reference-covers", "reference-clock", "load-cmd", "plateau", "settle", "rounds", "run", "reference-out"} {
		if fs.Changed(name) {
			return false, subcommand.Usagef("--%s needs --reference", name)
		}
	}
	return false, nil
}

// check refuses what makes no sense before anything is measured.
func (f *referenceFlags) check(fs *pflag.FlagSet) (err error) {
	if f.LogClock, err = logs.ParseClock(f.clock); err != nil {
		return subcommand.Usagef("--reference-clock %q: %v", f.clock, err)
	}
	if f.run != "" && (fs.Changed("load-cmd") || fs.Changed("plateau") || fs.Changed("rounds")) {
		return subcommand.Usagef("--run takes the run's own windows: leave --load-cmd, --plateau and --rounds out")
	}
	return f.Check(f.run != "")
}

// errBlind is the outcome of a meter that does not see the load.
var errBlind = errors.New("this meter does not see this load")

// measure measures or reads, and prints what was found.
func (f *referenceFlags) measure(ctx context.Context, env subcommand.Environment, m *metersFlags) error {
	if err := f.check(m.set); err != nil {
		return err
	}
	var ref runfolder.Reference
	var err error
	if f.run != "" {
		ref, err = reference.OfRun(f.run, f.Spec, f.Covers, f.LogClock, f.Settle)
	} else {
		env.Hold()
		f.Meters, f.Secrets, f.Say = m.options, env.Secrets, env.Say
		f.Meters.Getenv = env.Getenv
		ref, err = reference.Measure(ctx, f.Options)
	}
	if err != nil {
		return err
	}
	if m.format.Is("json") {
		enc := json.NewEncoder(env.Stdout)
		enc.SetEscapeHTML(false)
		err = enc.Encode(ref)
	} else {
		err = reference.WriteText(env.Stdout, ref)
	}
	switch {
	case err != nil:
		return err
	case ref.Blind:
		return fmt.Errorf("reference %s: %w (%.2f W for each watt of the domains)", ref.Meter, errBlind, ref.Slope)
	case f.out != "":
		return atomicfile.WriteJSON(f.out, ref)
	}
	return nil
}
