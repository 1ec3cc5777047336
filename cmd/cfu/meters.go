package main

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/meter"
	"cfubench/meter/host"
)

const metersHelp = `Lists this host's energy sensors, their update rates and permissions, and how to
enable the missing ones.

usage: cfu meters [flags]

examples:
  cfu meters                     the sensors that auto uses and those it leaves out
  cfu meters --calibrate         read everything for 5 s: update period, latency
                                 of a call, counter compared with power
  cfu meters --meter rapl        fails with the remedy if there is no RAPL
  cfu meters --endpoint http://localhost:8000    the cputime model of that server
  cfu meters --reference ptd:analyzer --load-cmd './burn-gpus' --reference-out wall.json
                                 hold the sum against a meter at the wall, at
                                 idle and under load: slope, offset, host factor

flags:
`

// metersFlags are the flags of cfu meters.
type metersFlags struct {
	options      host.Options
	calibrate    bool
	calibrateFor time.Duration
	format       *subcommand.Format
	reference    referenceFlags
	set          *pflag.FlagSet
}

// bind declares the flags on fs.
func (f *metersFlags) bind(fs *pflag.FlagSet) {
	o := &f.options
	f.set = fs
	fs.StringArrayVar(&o.Specs, "meter", []string{"auto"}, "List this `METER`: "+host.Known()+"; repeatable.")
	fs.BoolVar(&f.calibrate, "calibrate", false, "Measure update periods, call latency and counter over power.")
	fs.DurationVar(&f.calibrateFor, "calibrate-for", 5*time.Second, "Calibrate for `D`.")
	f.format = subcommand.BindFormat(fs, "Print the domains, one a line,", "text", "json")
	fs.StringVar(&o.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&o.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the system's).")
	fs.IntVar(&o.PID, "pid", 0, "Model the process tree of engine process `N`.")
	fs.StringVar(&o.EndpointURL, "endpoint", "", "Model the process that listens at `URL` on this host.")
	fs.Float64Var(&o.CPUWatts, "cpu-watts", host.DefaultCPUWatts(), "Assume `W` watts per busy core in the cputime model.")
	f.reference.bind(fs)
}

// bindMeters is `cfu meters`.
func bindMeters(fs *pflag.FlagSet) subcommand.Action {
	var f metersFlags
	f.bind(fs)
	return f.run
}

// run lists the meters, and what calibration found of them.
func (f *metersFlags) run(ctx context.Context, env subcommand.Environment, _ []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if held, err := f.reference.asked(f.set); err != nil {
		return err
	} else if held {
		return f.reference.measure(ctx, env, f)
	}
	env.Hold()
	f.options.Clock = meter.NewClock(time.Now())
	var calibrateFor time.Duration
	if f.calibrate {
		calibrateFor = f.calibrateFor
	}
	listing, err := host.Inspect(ctx, f.options, calibrateFor)
	if err != nil {
		return err
	}
	if f.format.Is("json") {
		return listing.WriteJSON(env.Stdout)
	}
	return listing.WriteText(env.Stdout)
}

// check refuses flags that make no sense before anything is opened.
func (f *metersFlags) check() error {
	for _, spec := range f.options.Specs {
		if err := host.CheckSpec(spec); err != nil {
			return subcommand.UsageError{Err: err}
		}
	}
	switch {
	case !(f.options.CPUWatts > 0):
		return subcommand.Usagef("--cpu-watts %g: want a number above 0", f.options.CPUWatts)
	case f.calibrateFor <= 0:
		return subcommand.Usagef("--calibrate-for %v: want a time above 0", f.calibrateFor)
	case f.options.PID < 0:
		return subcommand.Usagef("--pid %d: want a process id", f.options.PID)
	}
	return nil
}
