package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results"

	"golang.org/x/sync/errgroup"
)

// runCell measures one cell: idle, replay, idle, with the meters on all the
// while. Rows are written as they come; what an interrupted or failed cell has
// written stays.
func (s *sweep) runCell(ctx context.Context, c plannedCell) error {
	number := len(s.done) + 1
	label := fmt.Sprintf("cell %s (%d of %d)", c.id, number, s.total)
	s.live.SetCell(number, c.id, s.server.identity.Model, s.server.identity.Kind)
	began := s.clock()
	dir := results.CellDir(s.config.out, c.id)
	if err := os.RemoveAll(dir); err != nil { // rows of an attempt that did not complete
		return fmt.Errorf("clear cell folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create cell folder: %w", err)
	}
	load, err := s.load(c)
	if err != nil {
		return err
	}
	cell := results.Cell{
		ID: c.id, Batch: c.batch, Concurrency: c.load.concurrency, Repeat: c.repeat,
		OriginUnix: s.origin.UnixNano(), ScheduleHash: load.hash,
	}
	if c.load.name() == "rateinf" {
		cell.RateInf = true
	} else {
		cell.Rate = c.load.rate
	}
	s.record.ScheduleHash[c.load.name()] = load.hash

	s.resetPrefixCache(ctx, c.id)

	m, err := s.measure(ctx, dir, label, cell, load)
	if m.cell.Requests > 0 {
		s.record.Cells = append(s.record.Cells, m.cell)
		s.keepCosts(m.sampler)
		if e := s.save(); e != nil {
			// run.json is as it was, and so is its record.
			s.record.Cells = s.record.Cells[:len(s.record.Cells)-1]
			err = also(err, e)
		}
	}
	if err != nil {
		return err
	}
	s.done[c.id] = true
	s.spent += s.clock() - began
	s.ran++
	s.live.SetDone(len(s.done), s.remaining())
	s.status.say("%s: done, %d requests, %d errors, %v", label, m.cell.Requests, m.cell.Errors, (s.clock() - began).Round(100*time.Millisecond))
	return nil
}

// resetPrefixCache makes a launched server forget what earlier cells asked,
// where it can. A given endpoint may serve others, who need their cache: there
// the salt must do.
func (s *sweep) resetPrefixCache(ctx context.Context, cell string) {
	if s.server.exited == nil {
		return
	}
	err := s.server.profile.ResetPrefixCache(ctx, s.server.http, s.server.url, s.apiKey)
	if err != nil && !errors.Is(err, engine.ErrNoReset) {
		s.warn("cell %s: %v", cell, err)
	}
}

// remaining estimates the time to the sweep's end from the cells so far.
func (s *sweep) remaining() time.Duration {
	if s.ran == 0 {
		return 0
	}
	return time.Duration(s.total-len(s.done)) * (s.spent / time.Duration(s.ran))
}

// measured is what a cell left besides its files.
type measured struct {
	cell    results.Cell
	sampler *meter.Sampler
}

// measure runs one cell's phases and writes its raw tables.
func (s *sweep) measure(ctx context.Context, dir, label string, cell results.Cell, load cellLoad) (m measured, err error) {
	m.cell = cell
	client, err := loadgen.NewClient(s.clientOptions(load.connections))
	if err != nil {
		return m, err
	}
	defer client.Close()
	m.sampler = meter.NewSampler(s.clock, s.server.meters.Sources, s.config.poll)
	meta := map[string]string{
		"cell": cell.ID, "batch": strconv.Itoa(cell.Batch), "repeat": strconv.Itoa(cell.Repeat), "model": s.server.identity.Model,
		"engine": s.server.identity.Kind, "config_hash": s.record.ConfigHash, "trace_hash": s.record.TraceHash,
		"schedule_hash": cell.ScheduleHash, "origin_unix_ns": strconv.FormatInt(cell.OriginUnix, 10),
	}
	readings, err := results.NewReadingsWriter(filepath.Join(dir, results.ReadingsFile), m.sampler.Domains(), meta)
	if err != nil {
		return m, err
	}
	defer readings.Close() // again where it is complete, which does nothing
	requests, err := results.NewRequestsWriter(filepath.Join(dir, results.RequestsFile), meta)
	if err != nil {
		return m, err
	}
	defer requests.Close()

	// The meters outlive the load, also when ctx ends: the drain of an
	// interrupted cell is metered like the rest.
	meterCtx, stopMeters := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMeters()
	loadCtx, cancelLoad := context.WithCancelCause(ctx)
	defer cancelLoad(nil)
	var g errgroup.Group
	domains := m.sampler.Domains()
	g.Go(func() error {
		err := m.sampler.Run(meterCtx, func(batch []meter.Reading) error {
			s.live.ObserveReadings(domains, batch)
			return readings.Write(batch)
		})
		if err != nil && meterCtx.Err() == nil {
			cancelLoad(err) // a load that nobody meters is for nothing
			return nil
		}
		return err
	})
	g.Go(func() error { return s.scrapeEngine(meterCtx, dir, meta) })
	watch := host.NewWatch(s.server.meters, host.Own(s.server.pid, s.server.url))
	g.Go(func() error { return watch.Run(meterCtx) })
	g.Go(func() error {
		s.status.follow(meterCtx, func() string { return s.progress(label, load, m.sampler) })
		return nil
	})

	s.flying.Store(load.Live)
	defer s.flying.Store(nil)
	if s.server.exited != nil {
		g.Go(func() error {
			select {
			case <-s.server.exited:
				cancelLoad(fmt.Errorf("the engine ended in mid-run: %w", s.server.exitErr()))
			case <-meterCtx.Done():
			}
			return nil
		})
	}
	err = s.phases(loadCtx, client, &m, load, requests)
	stopMeters()
	if e := g.Wait(); e != nil && !errors.Is(e, context.Canceled) {
		err = also(err, e)
	}
	for _, w := range watch.Warnings() {
		s.warn("cell %s: %s", cell.ID, w)
	}
	if watch.Foreign() {
		m.cell.Reasons = append(m.cell.Reasons, results.ReasonForeign)
	}
	seen, e := watch.JSON()
	err = also(err, e)
	m.cell.Devices = seen
	// A cell is complete when its tables are.
	if e := also(requests.Close(), readings.Close()); err == nil {
		err = e
	}
	if err != nil {
		m.cell.Interrupted = err.Error()
	} else {
		m.cell.Complete = true
	}
	return m, err
}

// phases is the cell's time line: baseline, connections, replay, baseline.
func (s *sweep) phases(ctx context.Context, client *loadgen.Client, m *measured, load cellLoad, requests *results.RequestsWriter) error {
	cell := &m.cell
	err := s.awaitReadings(ctx, m.sampler)
	if err != nil {
		return err
	}
	// One shard's baseline must hear nothing of the others' warm-up or load.
	if _, err := s.meet(ctx, cell.ID, meetIdle); err != nil {
		return err
	}
	if cell.IdleBefore, err = s.baseline(ctx); err != nil {
		return err
	}
	if err := client.Warm(ctx, load.connections); err != nil {
		return fmt.Errorf("open connections: %w", err)
	}
	if err := s.awaitStart(ctx, cell.ID); err != nil {
		return err
	}
	var writeErr error
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	cell.Window.Start = s.clock()
	s.rates.begin(cell.Window.Start)
	stats, err := loadgen.Run(runCtx, client, load.Load, load.requests, s.clock, func(r loadgen.Record) {
		r.Request = load.first + load.step*r.Request
		cell.Requests++
		if !r.OK() {
			cell.Errors++
		}
		s.rates.observe(r)
		s.live.ObserveRequest(r)
		if e := requests.Write([]loadgen.Record{r}); e != nil && writeErr == nil {
			writeErr = e // a full disk must not cost the rows that are there
			stop()
		}
	})
	cell.Window.End = s.clock()
	s.loaded = cell.Window.End
	s.rates.end(cell.Window.End)
	if writeErr != nil {
		return writeErr
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	cell.Reasons = append(cell.Reasons, stats.Reasons...)
	// Whoever meters does so until the last shard's last request is done.
	if _, err := s.meet(ctx, cell.ID, meetEnd); err != nil {
		return err
	}
	if cell.IdleAfter, err = s.baseline(ctx); err != nil {
		return err
	}
	return s.awaitReadings(ctx, m.sampler)
}

// awaitReadings waits until every meter has been read from now on, so that
// the phases lie between readings. A meter that does not answer does not hold
// the run up: its gap is in the table.
func (s *sweep) awaitReadings(ctx context.Context, sampler *meter.Sampler) error {
	from := s.clock()
	for i, d := range sampler.Domains() {
		patience := from + max(time.Second, 2*d.UpdatePeriod)
		for s.clock() < patience {
			if r, ok := sampler.Latest(i); ok && r.Before >= from {
				break
			}
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// baseline lets the loaded but idle server be metered for --idle, once it has
// settled after the load.
func (s *sweep) baseline(ctx context.Context) (attribution.Window, error) {
	if s.config.idle == 0 {
		return attribution.Window{}, nil
	}
	select {
	case <-time.After(s.loaded + s.server.profile.Settle - s.clock()):
	case <-ctx.Done():
		return attribution.Window{}, context.Cause(ctx)
	}
	w := attribution.Window{Start: s.clock()}
	select {
	case <-time.After(s.config.idle):
	case <-ctx.Done():
		return attribution.Window{}, context.Cause(ctx)
	}
	w.End = s.clock()
	return w, nil
}

// scrapeEngine writes the server's own metrics to engine.arrow once a second,
// where it has any: the file is begun with the first of them.
func (s *sweep) scrapeEngine(ctx context.Context, dir string, meta map[string]string) error {
	var w *results.EngineWriter
	var writeErr error
	err := s.server.profile.Sample(ctx, s.server.http, s.server.url, s.apiKey, time.Second, s.clock, func(e engine.Sample) {
		if writeErr == nil && w == nil {
			w, writeErr = results.NewEngineWriter(filepath.Join(dir, results.EngineFile), meta)
		}
		if writeErr == nil {
			writeErr = w.Write([]results.EngineSample{engineSample(e)})
		}
	})
	if errors.Is(err, engine.ErrNoMetrics) {
		err = nil
	}
	if w != nil {
		if e := w.Close(); writeErr == nil {
			writeErr = e
		}
	}
	return errors.Join(err, writeErr)
}

// progress is the live line: what runs, how far it is, and what it does.
func (s *sweep) progress(label string, load cellLoad, sampler *meter.Sampler) string {
	l := load.Live
	line := fmt.Sprintf("%s: %v elapsed", label, s.clock().Round(time.Second))
	if left := s.remaining(); left > 0 {
		line += fmt.Sprintf(", about %v left", left.Round(time.Second))
	}
	return line + fmt.Sprintf(", %d/%d done, %d in flight, %d errors, %s, worst lateness %v, %s",
		l.Done.Load(), len(load.requests), l.InFlight.Load(), l.Errors.Load(), s.rates.line(s.clock()),
		time.Duration(l.WorstLateness.Load()).Round(time.Microsecond), s.power.watts(sampler, s.live))
}
