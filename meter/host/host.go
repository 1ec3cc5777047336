// Package host opens the meters that a machine has: those named by the user, or
// every real counter there is and a model only where there is none. It says of
// each that it does not open why not, and what to do about it.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/outside"
	"cfubench/internal/secret"
	"cfubench/meter"
)

// Options says which meters to open and where to find them.
type Options struct {
	// Specs are the meters asked for: "auto", or a family's name with, where it
	// takes one, an argument behind a colon ("scrape:http://host:9400/metrics").
	// None means auto.
	Specs       []string
	Sysfs       string  // root of sysfs, "" for /sys
	NVMLLibrary string  // file of the NVIDIA management library, "" for the system's
	CPUWatts    float64 // watts per busy core of the cputime model, 0 for DefaultCPUWatts
	// CPUIdleWatts is what the cputime model adds over time for the idle host, 0
	// for nothing.
	CPUIdleWatts float64
	PID          int    // the engine's process, 0 if unknown
	EndpointURL  string // the engine's URL: a local listener's process is the engine
	Clock        meter.Clock
	// Getenv looks up the credentials of remote meters; nil asks the environment.
	Getenv func(string) string
}

// DefaultCPUWatts is the power per busy core that the cputime model takes
// unless told otherwise: 5 W, the middle of what server processors of 2023 spend
// per core at their rated power (AMD EPYC 9654: 360 W, 96 cores, 3.75 W; Intel
// Xeon Platinum 8480+: 350 W, 56 cores, 6.25 W; both from the makers' data
// sheets). It is a convention, not a measurement of the host.
func DefaultCPUWatts() float64 { return 5 }

// Set is the meters that were opened and those that were not, with reasons.
type Set struct {
	Sources []meter.Source
	LeftOut []meter.Refusal
}

// closePatience is how long closing may take; a library waits for a call that
// is under way before it closes itself.
const closePatience = meter.Patience + 3*time.Second

// Close closes all sources, side by side. One that a driver holds up is left
// open and is an error.
func (s Set) Close() error {
	errs := make([]error, len(s.Sources))
	var g errgroup.Group
	for i, src := range s.Sources {
		g.Go(func() error {
			var err error
			if meter.Within(closePatience, func() { err = src.Close() }) {
				errs[i] = err
			} else {
				errs[i] = fmt.Errorf("close %s: its driver does not return: it is left open", name(src))
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs, in the order of the sources
	return errors.Join(errs...)
}

// name is a source's family and first domain.
func name(src meter.Source) string {
	d := src.Domains()[0]
	return d.Source + " (" + d.Name + ")"
}

// family is one way to read energy. Its open returns what it found on this
// host and a refusal for everything that it did not take; a family that finds
// nothing returns refusals only. The error is for arguments that make no sense.
type family struct {
	name string
	// argument describes what stands behind the colon, "" if nothing may.
	argument string
	// auto marks the families that auto looks for, in the order of the list.
	auto bool
	open func(ctx context.Context, o Options, argument string) ([]meter.Source, []meter.Refusal, error)
}

// families lists all of them; each has its opener in a file of its own.
func families() []family {
	return []family{
		{name: "nvml", auto: true, open: openNVML},
		{name: "amdgpu", auto: true, open: openAMDGPU},
		{name: "rapl", auto: true, open: openRAPL},
		{name: "hwmon", auto: true, open: openHwmon},
		{name: "cputime", open: openCPUTime},
		{name: "scrape", argument: "URL", open: openScrape},
		{name: "redfish", argument: "URL", open: openRedfish},
		{name: "ptd", argument: "HOST", open: openPTD},
		{name: "agent", argument: "HOST:PORT", open: openAgent},
	}
}

// Open opens the meters that o asks for. What auto does not find is in the
// set's LeftOut; a meter that was asked for by name and is not there is an error
// with its reason and remedy. Nothing at all to read is no error of auto.
func Open(ctx context.Context, o Options) (Set, error) {
	o = o.withDefaults()
	var set Set
	for _, spec := range o.Specs {
		var err error
		if spec == "auto" {
			err = set.auto(ctx, o)
		} else {
			err = set.named(ctx, o, spec)
		}
		if err != nil {
			return Set{}, errors.Join(err, set.Close())
		}
	}
	for i, r := range set.LeftOut {
		set.LeftOut[i] = r.Printable()
	}
	return set, nil
}

func (o Options) withDefaults() Options {
	if len(o.Specs) == 0 {
		o.Specs = []string{"auto"}
	}
	if o.Sysfs == "" {
		o.Sysfs = "/sys"
	}
	if o.CPUWatts == 0 {
		o.CPUWatts = DefaultCPUWatts()
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Clock == nil {
		o.Clock = meter.NewClock(time.Now())
	}
	return o
}

// auto opens every family that may hold a real counter, and the model if none
// of them does.
func (s *Set) auto(ctx context.Context, o Options) error {
	found := false
	for _, f := range families() {
		if !f.auto {
			continue
		}
		sources, left, err := f.open(ctx, o, "")
		if err != nil {
			return fmt.Errorf("open %s: %w", f.name, err)
		}
		s.Sources = append(s.Sources, sources...)
		s.LeftOut = append(s.LeftOut, left...)
		found = found || len(sources) > 0
	}
	if found {
		s.LeftOut = append(s.LeftOut, meter.Refusal{
			Source: "cputime", Reason: "a model, and this host has real counters",
			Remedy: "--meter auto --meter cputime adds it",
		})
		return nil
	}
	sources, left, err := openCPUTime(ctx, o, "")
	if err != nil {
		return fmt.Errorf("open cputime: %w", err)
	}
	s.Sources = append(s.Sources, sources...)
	s.LeftOut = append(s.LeftOut, left...)
	return nil
}

// named opens the one family that spec names.
func (s *Set) named(ctx context.Context, o Options, spec string) error {
	f, argument, err := lookUp(spec)
	if err != nil {
		return err
	}
	sources, left, err := f.open(ctx, o, argument)
	if err != nil {
		return fmt.Errorf("meter %q: %w", shown(spec), err)
	}
	s.LeftOut = append(s.LeftOut, left...)
	if len(sources) == 0 {
		return fmt.Errorf("meter %q: %s", shown(spec), outside.Clean(reasons(left)))
	}
	s.Sources = append(s.Sources, sources...)
	return nil
}

// lookUp splits spec into the family that it names and the argument.
func lookUp(spec string) (f family, argument string, err error) {
	name, argument, hasArgument := strings.Cut(spec, ":")
	for _, f := range families() {
		switch {
		case f.name != name:
			continue
		case hasArgument && f.argument == "":
			return f, "", fmt.Errorf("meter %q: %s takes no argument", shown(spec), name)
		case argument == "" && f.argument != "":
			return f, "", fmt.Errorf("meter %q: want %s:%s", shown(spec), name, f.argument)
		}
		return f, argument, nil
	}
	return family{}, "", fmt.Errorf("meter %q: want %s", shown(spec), Known())
}

// CheckSpec says what is wrong with the name of a meter, nil if nothing is.
func CheckSpec(spec string) error {
	if spec == "auto" {
		return nil
	}
	_, _, err := lookUp(spec)
	return err
}

// Known lists the meters that can be asked for, as a sentence would.
func Known() string {
	names := []string{"auto"}
	for _, f := range families() {
		if f.argument != "" {
			names = append(names, f.name+":"+f.argument)
			continue
		}
		names = append(names, f.name)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// shown is spec as an error may print it: without the secrets of its address.
func shown(spec string) string { return secret.Own().Text(spec) }

// reasons joins refusals into one line.
func reasons(left []meter.Refusal) string {
	if len(left) == 0 {
		return "not found on this host"
	}
	var parts []string
	for _, r := range left {
		part := r.Reason
		if r.Domain != "" {
			part = r.Domain + ": " + part
		}
		if r.Remedy != "" {
			part += " (" + r.Remedy + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
