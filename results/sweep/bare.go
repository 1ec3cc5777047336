package sweep

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/runfolder"
)

// bareIdle meters the hardware for --idle before the run's first server is
// launched, with the meters that the cells will have, or records why it does
// not. A resumed run keeps the window that it has.
func (s *sweep) bareIdle(ctx context.Context) error {
	if s.record.BareIdle.Measured() {
		return nil
	}
	specs := slices.DeleteFunc(slices.Clone(s.config.Meter), func(m string) bool { return m == "cputime" })
	reason := ""
	switch {
	case s.config.Endpoint != "":
		reason = "the endpoint's server was running before; a server that cfu launches (--engine-cmd) has a window before it"
	case s.config.Meter[0] == noMeter:
		reason = "--meter none"
	case s.config.Idle == 0:
		reason = "--idle 0s"
	case len(specs) == 0:
		reason = "only the engine's processes are metered, and there were none yet"
	}
	if reason != "" {
		s.record.BareIdle = &runfolder.BareIdle{NotMeasured: reason}
		return nil
	}
	set, err := host.Open(ctx, host.Options{
		Specs: specs, Sysfs: s.config.Sysfs, NVMLLibrary: s.config.NVMLLibrary, CPUWatts: s.config.CPUWatts, Clock: s.clock, Getenv: s.config.Getenv,
	})
	if err != nil {
		return err
	}
	if len(set.Sources) == 0 {
		s.record.BareIdle = &runfolder.BareIdle{NotMeasured: "this host has no counter that can be read (cfu meters says why)"}
		return set.Close()
	}
	if err := set.Expect(s.config.ExpectDevices); err != nil { // rather than after the engine has loaded
		return errors.Join(err, set.Close())
	}
	s.say("bare idle: metering for %v before the first engine", s.config.Idle)
	bare, err := s.meterBare(ctx, set)
	if err = set.CloseAfter(err); err != nil {
		return fmt.Errorf("bare idle: %w", err)
	}
	s.record.BareIdle = bare
	return nil
}

// meterBare writes what the set reads over one idle window.
func (s *sweep) meterBare(ctx context.Context, set host.Set) (*runfolder.BareIdle, error) {
	dir := filepath.Join(s.config.Out, runfolder.BareDir)
	if err := runfolder.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	metered := session.New(session.Options{Meters: set, Clock: s.clock, Poll: s.config.Poll, Own: host.Own(host.NoEngine, "")})
	bare := &runfolder.BareIdle{OriginUnix: s.origin.UnixNano()}
	table, err := runfolder.NewReadingsWriter(filepath.Join(dir, runfolder.ReadingsFile), runfolder.Describe(metered.Domains()), map[string]string{
		"cell": runfolder.BareDir, "config_hash": s.record.ConfigHash, "origin_unix_ns": strconv.FormatInt(bare.OriginUnix, 10),
	})
	if err != nil {
		return nil, err
	}
	defer table.Close() // again where it is complete, which does nothing

	windowCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	metered.Start(ctx, table.Write)
	stopWatching := onFailure(metered, cancel)
	err = s.bareWindow(windowCtx, metered, bare)
	stopWatching()
	if err = errors.Join(err, metered.Stop(), table.Close()); err != nil {
		return nil, err
	}
	var warnings []string
	bare.Devices, _, warnings, err = metered.Seen()
	for _, w := range warnings {
		s.warn("bare idle: %s", w)
	}
	return bare, err
}

// bareWindow is the idle window itself, between readings of every meter.
func (s *sweep) bareWindow(ctx context.Context, metered *session.Session, bare *runfolder.BareIdle) (err error) {
	if err := metered.Await(ctx); err != nil {
		return err
	}
	if bare.Window, err = metered.Idle(ctx, s.config.Idle); err != nil {
		return err
	}
	return metered.Await(ctx)
}

// onFailure ends what is metered when the meters fail: nobody would know what it
// used. The function that it returns ends the watch.
func onFailure(metered *session.Session, cancel context.CancelCauseFunc) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-metered.Failed():
			cancel(metered.Err())
		case <-done:
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
