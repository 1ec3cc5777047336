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
	spec, covers, clock, load, run, out string
	plateau, settle                     time.Duration
	rounds                              int
}

func (f *referenceFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.spec, "reference", "", "Compare the summed domains with this `METER`: redfish:URL, scrape:URL, ptd:HOST, or the file of a power log (FILE or FILE#NAME).")
	fs.StringVar(&f.covers, "reference-covers", runfolder.CoversNode, "The reference covers `WHAT`: node (the wall, a BMC), or domains (what is summed, and nothing else).")
	fs.StringVar(&f.clock, "reference-clock", "epoch", "Read a log's times by `CLOCK`, as cfu import --clock.")
	fs.StringVar(&f.load, "load-cmd", "", "Load the host with `CMD`, which goes on until it is stopped (default: loops on the CPUs).")
	fs.DurationVar(&f.plateau, "plateau", 10*time.Second, "Measure each plateau of idle or load for `D`.")
	fs.DurationVar(&f.settle, "settle", 5*time.Second, "Wait `D` before each plateau for sensors and hardware; with --run, leave so much of each window out.")
	fs.IntVar(&f.rounds, "rounds", 3, "Alternate `N` times between idle and load.")
	fs.StringVar(&f.run, "run", "", "Take the idle windows and loads of the run in `DIR` instead; METER may then be a domain that it recorded.")
	fs.StringVar(&f.out, "reference-out", "", "Write the result to `FILE`, for cfu run --reference.")
}

// asked reports whether a reference is asked for; the error names a flag that
// needs one.
func (f *referenceFlags) asked(fs *pflag.FlagSet) (bool, error) {
	if f.spec != "" {
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
func (f *referenceFlags) check(fs *pflag.FlagSet) (logs.Clock, error) {
	clock, err := logs.ParseClock(f.clock)
	if err != nil {
		return clock, subcommand.Usagef("--reference-clock %q: %v", f.clock, err)
	}
	switch {
	case f.covers != runfolder.CoversNode && f.covers != runfolder.CoversDomains:
		return clock, subcommand.Usagef("--reference-covers %q: want node or domains", f.covers)
	case f.plateau <= 0:
		return clock, subcommand.Usagef("--plateau %v: want a time above 0", f.plateau)
	case f.settle < 0:
		return clock, subcommand.Usagef("--settle %v: want a time of 0 or more", f.settle)
	case f.rounds < 1 || f.rounds > 1000:
		return clock, subcommand.Usagef("--rounds %d: want 1 to 1000", f.rounds)
	case f.run != "" && (fs.Changed("load-cmd") || fs.Changed("plateau") || fs.Changed("rounds")):
		return clock, subcommand.Usagef("--run takes the run's own windows: leave --load-cmd, --plateau and --rounds out")
	}
	if f.run == "" {
		if err := reference.CheckSpec(f.spec); err != nil {
			return clock, subcommand.UsageError{Err: err}
		}
	}
	return clock, nil
}

// errBlind is the outcome of a meter that does not see the load.
var errBlind = errors.New("this meter does not see this load")

// measure measures or reads, and prints what was found.
func (f *referenceFlags) measure(ctx context.Context, env subcommand.Environment, m *metersFlags) error {
	clock, err := f.check(m.set)
	if err != nil {
		return err
	}
	var ref runfolder.Reference
	if f.run != "" {
		ref, err = reference.OfRun(f.run, f.spec, f.covers, clock, f.settle)
	} else {
		m.options.Getenv = env.Getenv
		ref, err = reference.Measure(ctx, reference.Options{
			Spec: f.spec, Covers: f.covers, LogClock: clock, Meters: m.options, Load: f.load, Plateau: f.plateau, Settle: f.settle, Rounds: f.rounds,
			Secrets: env.Secrets, Say: func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) },
		})
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
