package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"cfubench/meter"
	"cfubench/meter/host"
)

const metersHelp = `Lists what can be read on this host, how often and with what permission, and how
to get the rest.

usage: cfu meters [flags]

examples:
  cfu meters                     what auto takes and what it leaves out
  cfu meters --calibrate         read everything for 5 s: update period, latency
                                 of a call, counter held against power
  cfu meters --meter rapl        fails with the remedy if there is no RAPL
  cfu meters --endpoint http://localhost:8000    the cputime model of that server

flags:
`

// metersFlags are the flags of cfu meters.
type metersFlags struct {
	options      host.Options
	calibrate    bool
	calibrateFor time.Duration
	json         bool
}

// bind declares the flags on fs.
func (f *metersFlags) bind(fs *pflag.FlagSet) {
	o := &f.options
	fs.StringArrayVar(&o.Specs, "meter", []string{"auto"}, "List this `METER`: "+host.Known()+"; repeatable.")
	fs.BoolVar(&f.calibrate, "calibrate", false, "Measure update periods, call latency and counter over power.")
	fs.DurationVar(&f.calibrateFor, "calibrate-for", 5*time.Second, "Calibrate for `D`.")
	fs.BoolVar(&f.json, "json", false, "Print one JSON object a domain.")
	fs.StringVar(&o.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&o.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the system's).")
	fs.IntVar(&o.PID, "pid", 0, "Model the process tree of engine process `N`.")
	fs.StringVar(&o.EndpointURL, "endpoint", "", "Model the process that listens at `URL` on this host.")
	fs.Float64Var(&o.CPUWatts, "cpu-watts", host.DefaultCPUWatts(), "Take `W` watts per busy core in that model.")
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
	f.options.Clock = meter.NewClock(time.Now())
	entries, err := f.inspect(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return meterObjects(env.stdout, entries)
	}
	err = meterTable(env.stdout, entries)
	measured := slices.ContainsFunc(entries, func(e host.Entry) bool { return e.Calibration != nil })
	if err != nil || !measured {
		return err
	}
	return calibrationTable(env.stdout, entries)
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

// inspect opens the meters, calibrates them if asked to, lists and closes them.
func (f *metersFlags) inspect(ctx context.Context) (entries []host.Entry, err error) {
	set, err := host.Open(ctx, f.options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	var calibrations []meter.Calibration
	if f.calibrate {
		if set, calibrations, err = set.Calibrate(ctx, f.options.Clock, f.calibrateFor); err != nil {
			return nil, err
		}
	}
	return set.List(f.options.Clock, calibrations), nil
}

// meterObject is one line of --json; null is what is not known.
type meterObject struct {
	Domain       *string      `json:"domain"`
	Device       *string      `json:"device"`
	Kind         *meter.Kind  `json:"kind"`
	Unit         *string      `json:"unit"`
	Readable     bool         `json:"readable"`
	Reason       *string      `json:"reason"`
	Remedy       *string      `json:"remedy"`
	UpdatePeriod *json.Number `json:"update_period_ns"`
	CallP50      *json.Number `json:"call_ns_p50"`
}

// meterObjects prints the entries as JSON, one object a line. A source that
// could not be opened at all is a domain with the source's name.
func meterObjects(w io.Writer, entries []host.Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range entries {
		o := meterObject{
			Domain: known(e.Domain), Device: known(e.Device), Kind: known(e.Kind), Unit: known(unit(e.Kind)),
			Readable: e.Readable, Reason: known(e.Reason), Remedy: known(e.Remedy),
			UpdatePeriod: nanoseconds(e.UpdatePeriod), CallP50: nanoseconds(e.CallP50),
		}
		if o.Domain == nil {
			o.Domain = &e.Source
		}
		if err := enc.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// known is nil for the empty string.
func known[S ~string](s S) *S {
	if s == "" {
		return nil
	}
	return &s
}

func nanoseconds(d time.Duration) *json.Number {
	if d == 0 {
		return nil
	}
	n := json.Number(fmt.Sprint(d.Nanoseconds()))
	return &n
}

// unit is what a reading of the kind counts in, as the tables' columns do.
func unit(k meter.Kind) string {
	switch k {
	case meter.KindCounter, meter.KindModel:
		return "uJ"
	case meter.KindPower:
		return "uW"
	}
	return ""
}

// meterTable prints the entries as a table, the refused ones after it, a line
// for the reason and one for the remedy.
func meterTable(w io.Writer, entries []host.Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "domain\tsource\tkind\tscope\treadable\tin the sum\tread every\tcall p50\tdevice")
	for _, e := range entries {
		if !e.Readable {
			fmt.Fprintf(t, "%s\t%s\t-\t-\tno\tno\t-\t-\t-\n", dash(e.Domain), e.Source)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\tyes\t%s\t%v\t%v\t%s\n", e.Domain, e.Source, e.Kind, e.Scope,
			yesNo(e.Summed), e.Poll, brief(e.CallP50), e.Device)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, reasonLines(entries))
	return err
}

// reasonLines says what there is to know of the entries: each reason once, with
// the domains that it holds for and its remedy.
func reasonLines(entries []host.Entry) string {
	type word struct{ source, reason, remedy string }
	var order []word
	domains := map[word][]string{}
	for _, e := range entries {
		if e.Reason == "" {
			continue
		}
		k := word{e.Source, e.Reason, e.Remedy}
		if _, ok := domains[k]; !ok {
			order = append(order, k)
			domains[k] = nil
		}
		if e.Domain != "" {
			domains[k] = append(domains[k], e.Domain)
		}
	}
	var b strings.Builder
	for _, k := range order {
		name := strings.TrimSpace(k.source + " " + strings.Join(domains[k], ", "))
		fmt.Fprintf(&b, "\n%s: %s\n", name, k.reason)
		if k.remedy != "" {
			fmt.Fprintf(&b, "  remedy: %s\n", k.remedy)
		}
	}
	return b.String()
}

// calibrationTable prints what calibration measured of each domain.
func calibrationTable(w io.Writer, entries []host.Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\ndomain\treads\tupdates\tupdate period p50\tp5\tp95\tcall p50\tcall p99\tcounter/power")
	var doubts strings.Builder
	for _, e := range entries {
		c := e.Calibration
		if c == nil {
			continue
		}
		period, p5, p95 := "not resolved", "-", "-"
		if c.UpdatePeriod > 0 {
			period, p5, p95 = brief(c.UpdatePeriod).String(), brief(c.UpdateP5).String(), brief(c.UpdateP95).String()
		}
		ratio := "-"
		if c.CounterToPower > 0 {
			ratio = fmt.Sprintf("%.3f", c.CounterToPower)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%v\t%v\t%s\n", e.Domain, c.Reads, c.Updates,
			period, p5, p95, brief(c.CallP50), brief(c.CallP99), ratio)
		for _, doubt := range c.Warnings {
			fmt.Fprintf(&doubts, "\n%s: warning: %s\n", e.Domain, doubt)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, doubts.String())
	return err
}

// brief rounds d to three figures or so.
func brief(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
