package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results"

	"golang.org/x/sync/errgroup"
)

// bareIdle meters the hardware for --idle before the run's first server is
// launched, with the meters that the cells will have, or records why it does
// not. A resumed run keeps the window that it has.
func (s *sweep) bareIdle(ctx context.Context) error {
	if s.record.BareIdle.Measured() {
		return nil
	}
	specs := slices.DeleteFunc(slices.Clone(s.config.meters), func(m string) bool { return m == "cputime" })
	reason := ""
	switch {
	case s.config.endpoint != "":
		reason = "the endpoint's server was running before; a server that cfu launches (--engine-cmd) has a window before it"
	case s.config.meters[0] == noMeter:
		reason = "--meter none"
	case s.config.idle == 0:
		reason = "--idle 0s"
	case len(specs) == 0:
		reason = "only the engine's processes are metered, and there were none yet"
	}
	if reason != "" {
		s.record.BareIdle = &results.BareIdle{NotMeasured: reason}
		return nil
	}
	set, err := host.Open(ctx, host.Options{
		Specs: specs, Sysfs: s.config.sysfs, NVMLLibrary: s.config.nvmlLibrary, CPUWatts: s.config.cpuWatts, Clock: s.clock,
	})
	if err != nil {
		return err
	}
	if len(set.Sources) == 0 {
		s.record.BareIdle = &results.BareIdle{NotMeasured: "this host has no counter that can be read (cfu meters says why)"}
		return set.Close()
	}
	if err := s.checkDevices(set); err != nil { // rather than after the engine has loaded
		return errors.Join(err, set.Close())
	}
	s.status.say("bare idle: metering for %v before the first engine", s.config.idle)
	bare, err := s.meterBare(ctx, set)
	if err = closeMeters(set, err); err != nil {
		return fmt.Errorf("bare idle: %w", err)
	}
	s.record.BareIdle = bare
	return nil
}

// meterBare writes what the set reads over one idle window.
func (s *sweep) meterBare(ctx context.Context, set host.Set) (*results.BareIdle, error) {
	dir := filepath.Join(s.config.out, results.BareDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	sampler := meter.NewSampler(s.clock, set.Sources, s.config.poll)
	bare := &results.BareIdle{OriginUnix: s.origin.UnixNano()}
	table, err := results.NewReadingsWriter(filepath.Join(dir, results.ReadingsFile), sampler.Domains(), map[string]string{
		"cell": results.BareDir, "config_hash": s.record.ConfigHash, "origin_unix_ns": strconv.FormatInt(bare.OriginUnix, 10),
	})
	if err != nil {
		return nil, err
	}
	defer table.Close() // again where it is complete, which does nothing

	meterCtx, stop := context.WithCancel(ctx)
	defer stop()
	g, windowCtx := errgroup.WithContext(ctx)
	g.Go(func() error { return sampler.Run(meterCtx, table.Write) })
	watch := host.NewWatch(set, host.Own(host.NoEngine, ""))
	g.Go(func() error { return watch.Run(meterCtx) })
	g.Go(func() error {
		defer stop()
		if err := s.awaitReadings(windowCtx, sampler); err != nil {
			return err
		}
		if bare.Window, err = s.baseline(windowCtx); err != nil {
			return err
		}
		return s.awaitReadings(windowCtx, sampler)
	})
	if err := errors.Join(g.Wait(), table.Close()); err != nil {
		return nil, err
	}
	for _, w := range watch.Warnings() {
		s.warn("bare idle: %s", w)
	}
	if bare.Devices, err = watch.JSON(); err != nil {
		return nil, err
	}
	return bare, nil
}
