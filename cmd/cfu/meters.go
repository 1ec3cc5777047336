package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/pflag"

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
	format       *format
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
	f.format = bindFormat(fs, "Print the domains, one a line,", "text", "json")
	fs.StringVar(&o.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&o.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the system's).")
	fs.IntVar(&o.PID, "pid", 0, "Model the process tree of engine process `N`.")
	fs.StringVar(&o.EndpointURL, "endpoint", "", "Model the process that listens at `URL` on this host.")
	fs.Float64Var(&o.CPUWatts, "cpu-watts", host.DefaultCPUWatts(), "Assume `W` watts per busy core in the cputime model.")
	f.reference.bind(fs)
}

// bindMeters is `cfu meters`.
func bindMeters(fs *pflag.FlagSet) action {
	var f metersFlags
	f.bind(fs)
	return f.run
}

// run lists the meters, and what calibration found of them.
func (f *metersFlags) run(ctx context.Context, env environment, _ []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if held, err := f.reference.asked(f.set); err != nil {
		return err
	} else if held {
		return f.reference.measure(ctx, env, f)
	}
	f.options.Clock = meter.NewClock(time.Now())
	entries, states, err := f.inspect(ctx)
	if err != nil {
		return err
	}
	if f.format.is("json") {
		return meterObjects(env.stdout, entries, states)
	}
	if _, err := io.WriteString(env.stdout, metersHead(entries)); err != nil {
		return err
	}
	if err := meterTable(env.stdout, entries); err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(e host.Entry) bool { return e.Calibration != nil }) {
		if err := calibrationTable(env.stdout, entries); err != nil {
			return err
		}
	}
	return stateLines(env.stdout, states)
}

// check refuses flags that make no sense before anything is opened.
func (f *metersFlags) check() error {
	for _, spec := range f.options.Specs {
		if err := host.CheckSpec(spec); err != nil {
			return usageError{err}
		}
	}
	switch {
	case !(f.options.CPUWatts > 0):
		return usagef("--cpu-watts %g: want a number above 0", f.options.CPUWatts)
	case f.calibrateFor <= 0:
		return usagef("--calibrate-for %v: want a time above 0", f.calibrateFor)
	case f.options.PID < 0:
		return usagef("--pid %d: want a process id", f.options.PID)
	}
	return nil
}

// inspect opens the meters, calibrates them if asked to, lists them with what
// is doubtful of their devices now, and closes them.
func (f *metersFlags) inspect(ctx context.Context) (entries []host.Entry, states []host.DeviceState, err error) {
	set, err := host.Open(ctx, f.options)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	var calibrations []meter.Calibration
	if f.calibrate {
		if set, calibrations, err = set.Calibrate(ctx, f.options.Clock, f.calibrateFor); err != nil {
			return nil, nil, err
		}
	}
	entries = set.List(f.options.Clock, calibrations)
	own := host.Own(f.options.PID, f.options.EndpointURL)
	if own == nil {
		own = host.Own(host.NoEngine, "")
	}
	states, err = set.State(ctx, own)
	return entries, states, err
}
