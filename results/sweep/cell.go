package sweep

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"cfubench/internal/failure"
	"cfubench/internal/si"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/live"
	"cfubench/results/runfolder"

	"golang.org/x/sync/errgroup"
)

// runCell measures one cell: idle, replay, idle, with the meters on all the
// while. Rows are written as they come; what an interrupted or failed cell has
// written stays.
func (s *sweep) runCell(ctx context.Context, c plannedCell) error {
	number := len(s.done) + 1
	label := fmt.Sprintf("cell %s (%d of %d)", c.id, number, s.total)
	s.live.SetCell(number, c.id, s.config.Secrets.Line(s.server.identity.Model, 0), s.server.identity.Kind)
	began := s.clock()
	dir := runfolder.CellDir(s.config.Out, c.id)
	if err := runfolder.RemoveAll(dir); err != nil { // rows of an attempt that did not complete
		return fmt.Errorf("clear cell folder: %w", err)
	}
	if err := runfolder.MakeDir(dir); err != nil {
		return fmt.Errorf("create cell folder: %w", err)
	}
	load, err := s.load(c)
	if err != nil {
		return err
	}
	cell := runfolder.Cell{
		ID: c.id, Point: c.Point, Repeat: c.repeat, OriginUnix: s.origin.UnixNano(), ScheduleHash: load.hash,
	}
	s.record.ScheduleHash[c.Load.String()] = load.hash
	for _, problem := range loadgen.CheckLimits(load.streams()) {
		s.warn("cell %s: %s", c.id, problem)
	}

	s.resetPrefixCache(ctx, c.id)

	s.ends = began + s.remaining()
	m, err := s.measure(ctx, dir, label, cell, load)
	if m.cell.Requests > 0 {
		s.record.Cells = append(s.record.Cells, m.cell)
		s.keepCosts(m.metered)
		err = failure.Join(err, s.saveCell())
	}
	if err != nil {
		return err
	}
	s.done[c.id] = true
	s.pace.took(c, s.clock()-began)
	s.live.SetDone(len(s.done), s.remaining())
	s.say("%s: done, %d requests, %d errors, %v", label, m.cell.Requests, m.cell.Errors, (s.clock() - began).Round(100*time.Millisecond))
	return nil
}

// resetPrefixCache makes a launched server forget what earlier cells asked,
// where it can. A given endpoint may serve others, who need their cache: there
// the salt must do.
func (s *sweep) resetPrefixCache(ctx context.Context, cell string) {
	if s.server.exited == nil {
		return
	}
	err := s.server.profile.ResetPrefixCache(ctx, s.server.http, s.server.url, s.config.APIKey)
	if err != nil && !errors.Is(err, engine.ErrNoReset) {
		s.warn("cell %s: %v", cell, err)
	}
}

// measured is what a cell left besides its files.
type measured struct {
	cell    runfolder.Cell
	tested  host.Engine
	metered *session.Session
}

// measure runs one cell's phases and writes its raw tables.
func (s *sweep) measure(ctx context.Context, dir, label string, cell runfolder.Cell, load cellLoad) (m measured, err error) {
	m.cell = cell
	client, err := loadgen.NewClient(s.clientOptions(load.connections))
	if err != nil {
		return m, err
	}
	defer client.Close()
	m.tested = s.tested()
	states := deviceTable{path: filepath.Join(dir, runfolder.DevicesFile), key: cell.Key()}
	m.metered = session.New(session.Options{
		Meters: s.server.meters, Clock: s.clock, Poll: s.config.Poll, Own: m.tested.Owns(), States: states.write,
	})
	domains := runfolder.Describe(m.metered.Domains(), s.server.chosen.Excluded...)
	runfolder.SetReference(domains, s.record.Reference) // warned of when the meters were opened
	meta := map[string]string{
		"cell": cell.ID, "batch": strconv.Itoa(cell.Batch), "repeat": strconv.Itoa(cell.Repeat), "model": s.config.Secrets.Line(s.server.identity.Model, 0),
		"engine": s.server.identity.Kind, "config_hash": s.record.ConfigHash, "trace_hash": s.record.TraceHash,
		"schedule_hash": cell.ScheduleHash, "origin_unix_ns": strconv.FormatInt(cell.OriginUnix, 10),
	}
	states.meta = meta
	readings, err := runfolder.NewReadingsWriter(filepath.Join(dir, runfolder.ReadingsFile), domains, meta)
	if err != nil {
		return m, err
	}
	defer readings.Close() // again where it is complete, which does nothing
	requests, err := runfolder.Requests().Create(filepath.Join(dir, runfolder.RequestsFile), meta)
	if err != nil {
		return m, err
	}
	defer requests.Close()

	loadCtx, cancelLoad := context.WithCancelCause(ctx)
	defer cancelLoad(nil)
	m.metered.Start(ctx, func(batch []meter.Reading) error {
		s.live.ObserveReadings(domains, batch)
		return readings.Write(batch)
	})
	stopWatching := onFailure(m.metered, cancelLoad)
	// What stands beside the load outlives it, as the meters do.
	besideCtx, stopBeside := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBeside()
	var beside errgroup.Group
	beside.Go(func() error { return s.scrapeEngine(besideCtx, dir, cell.Key(), meta) })
	beside.Go(func() error {
		s.log.Follow(besideCtx, func() string { return s.progress(label, load) })
		return nil
	})
	s.flying.Store(load.Live)
	defer s.flying.Store(nil)
	if s.server.exited != nil {
		beside.Go(func() error {
			select {
			case <-s.server.exited:
				cancelLoad(unfit{fmt.Errorf("the engine ended in mid-run: %w", s.server.exitErr())})
			case <-besideCtx.Done():
			}
			return nil
		})
	}
	err = s.phases(loadCtx, client, &m, load, requests)
	stopBeside()
	stopWatching()
	for _, end := range []func() error{m.metered.Stop, beside.Wait} {
		if e := end(); e != nil && !errors.Is(e, context.Canceled) && !errors.Is(err, e) {
			err = failure.Join(err, e)
		}
	}
	err = failure.Join(err, states.close())
	devices, foreign, warnings, e := m.metered.Seen()
	err = failure.Join(err, e)
	var summed []meter.Domain
	for _, d := range runfolder.Summed(domains) {
		summed = append(summed, d.Domain)
	}
	warnings = append(warnings, m.metered.Strays(summed)...)
	for _, w := range warnings {
		s.warn("cell %s: %s", cell.ID, w)
	}
	if foreign {
		m.cell.Reasons = append(m.cell.Reasons, runfolder.ReasonForeign)
	}
	m.cell.Devices = devices
	// A cell is complete when its tables are.
	if e := failure.Join(requests.Close(), readings.Close()); err == nil {
		err = e
	}
	if err != nil {
		m.cell.Interrupted = s.config.Secrets.Text(err.Error())
	} else {
		m.cell.Complete = true
	}
	return m, err
}

// phases is the cell's time line: baseline, connections, replay, baseline.
func (s *sweep) phases(ctx context.Context, client *loadgen.Client, m *measured, load cellLoad, requests *runfolder.Writer[runfolder.Request]) error {
	cell := &m.cell
	err := m.metered.Await(ctx)
	if err != nil {
		return err
	}
	// One shard's baseline must hear nothing of the others' warm-up or load.
	if _, err := s.waitForShards(ctx, cell.ID, syncIdle); err != nil {
		return err
	}
	if cell.IdleBefore, err = s.baseline(ctx, m.metered); err != nil {
		return err
	}
	if err := client.Warm(ctx, load.connections); err != nil {
		return unfit{fmt.Errorf("open connections: %w", err)}
	}
	if err := s.awaitStart(ctx, cell.ID); err != nil {
		return err
	}
	var writeErr error
	key := cell.Key()
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	cell.Window.Start = s.clock()
	s.rates.begin(cell.Window.Start)
	stats, err := loadgen.Run(runCtx, client, load.Load, load.requests, s.clock, func(r loadgen.Record) {
		r.Request = load.first + load.step*r.Request
		if r.PrefixOf != loadgen.Unknown {
			r.PrefixOf = load.first + load.step*r.PrefixOf
		}
		cell.Requests++
		if !r.OK() {
			cell.Errors++
		}
		s.rates.observe(r)
		s.live.ObserveRequest(r)
		if e := requests.Write(runfolder.Request{Key: key, Record: r}); e != nil && writeErr == nil {
			writeErr = e // a full disk must not cost the rows that are there
			stop()
		}
	})
	cell.Window.End = s.clock()
	cell.Client = &stats
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
	for _, f := range stats.Failures {
		s.warn("cell %s: %d of %d requests failed: %s", cell.ID, f.Requests, stats.Requests, f.Error)
	}
	// What the engine uses under load may be more than what it did when warm.
	if used, err := s.usedGPUs(ctx, m.tested); err == nil && used.Line != s.server.chosen.Line {
		s.warn("cell %s: under load it is %s, and this cell's sum is of the others: name them with --gpus", cell.ID, used.Line)
	}
	// Whoever meters does so until the last shard's last request is done.
	if _, err := s.waitForShards(ctx, cell.ID, syncEnd); err != nil {
		return err
	}
	if cell.IdleAfter, err = s.baseline(ctx, m.metered); err != nil {
		return err
	}
	return m.metered.Await(ctx)
}

// baseline lets the loaded but idle server be metered for --idle, once it has
// settled after the load.
func (s *sweep) baseline(ctx context.Context, metered *session.Session) (meter.Window, error) {
	if s.config.Idle == 0 {
		return meter.Window{}, nil
	}
	select {
	case <-time.After(s.loaded + s.server.profile.Settle - s.clock()):
	case <-ctx.Done():
		return meter.Window{}, context.Cause(ctx)
	}
	return metered.Idle(ctx, s.config.Idle)
}

// deviceTable writes devices.arrow, which is begun with the first look at a
// device.
type deviceTable struct {
	path string
	key  runfolder.Key
	meta map[string]string

	table *runfolder.Writer[runfolder.DeviceState]
	err   error
}

// write takes a look at a device. An error is kept for close.
func (t *deviceTable) write(s meter.DeviceState) {
	if t.err == nil && t.table == nil {
		t.table, t.err = runfolder.DeviceStates().Create(t.path, t.meta)
	}
	if t.err == nil {
		t.err = t.table.Write(runfolder.StateRow(t.key, s))
	}
}

func (t *deviceTable) close() error {
	if t.table == nil {
		return t.err
	}
	return errors.Join(t.err, t.table.Close())
}

// scrapeEngine writes the server's own metrics to engine.arrow once a second,
// where it has any: the file is begun with the first of them.
func (s *sweep) scrapeEngine(ctx context.Context, dir string, key runfolder.Key, meta map[string]string) error {
	var w *runfolder.Writer[runfolder.EngineSample]
	var writeErr error
	err := s.server.profile.Sample(ctx, s.server.http, s.server.url, s.config.APIKey, time.Second, s.clock, func(e engine.Sample) {
		if writeErr == nil && w == nil {
			w, writeErr = runfolder.EngineSamples().Create(filepath.Join(dir, runfolder.EngineFile), meta)
		}
		if writeErr == nil {
			writeErr = w.Write(runfolder.EngineRow(key, e))
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

// progress is the live line: what runs, how far it is, and what it does; what matters
// most comes first, where the line is cut or wrapped.
func (s *sweep) progress(label string, load cellLoad) string {
	l := load.Live
	line := fmt.Sprintf("%s: %v elapsed", label, (s.clock() - s.rates.begun()).Round(time.Second))
	if left := s.ends - s.clock(); left > 0 && s.pace.cells.n > 0 {
		line += fmt.Sprintf(", about %v left", left.Round(time.Second))
	}
	return line + fmt.Sprintf(", %d/%d done, %d in flight, %s, %d errors, %s, worst lateness %v",
		l.Done.Load(), len(load.requests), l.InFlight.Load(), powerLine(s.live), l.Errors.Load(), s.rates.line(s.clock()),
		time.Duration(l.WorstLateness.Load()).Round(time.Microsecond))
}

// powerLine is the live line's power: that of the domains that are summed.
func powerLine(l *live.Live) string {
	watts, model, known := l.Watts()
	switch {
	case !known:
		return "power unknown"
	case model:
		return si.Format(watts, "W") + " (model)"
	}
	return si.Format(watts, "W")
}
