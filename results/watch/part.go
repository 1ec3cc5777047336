package watch

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"cfubench/internal/failure"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/segments"
)

// Raw readings that come once a second are as small as what they would be rolled up
// to. Faster ones are rolled up but for the last rawFor.
const (
	rawPoll = 500 * time.Millisecond
	rawFor  = 5 * time.Minute
)

// part is the cell of a time that is counted. Its clock begins shortly before it.
type part struct {
	hour   *hour
	cell   string
	origin time.Duration // of its clock, on the watcher's
	start  time.Duration // on the watcher's clock, as is end: the last scrape that counts
	end    time.Duration
	ended  bool // readings still come, until they show the end
	// foreign says that processes which are not the server's computed on its GPUs.
	foreign bool
	store   *segments.Store
	engine  *runfolder.Writer[runfolder.EngineSample]
	tenants *runfolder.Writer[runfolder.TenantRequest] // nil where none are told apart
	key     runfolder.Key
}

// under is the cell under way, nil if there is none.
func (w *Watcher) under() *part {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.underLocked()
}

func (w *Watcher) underLocked() *part {
	if n := len(w.parts); n > 0 && !w.parts[n-1].ended {
		return w.parts[n-1]
	}
	return nil
}

// ready reports whether a cell can begin at a moment.
func (w *Watcher) ready(at time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.recent.shows(w.domains, at, false)
}

// begin begins a cell with a scrape, in the folder of the hour.
func (w *Watcher) begin(s engine.Sample) error {
	now := w.wall()
	if name := hourOf(now); w.hour == nil || w.hour.name != name {
		if err := w.nextHour(name); err != nil {
			return err
		}
		if err := w.prune(now); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &part{hour: w.hour, start: s.At(), end: s.At(), origin: s.At() - 2*w.lag}
	originUnix := now.Add(p.origin - w.clock()).UnixNano()
	if err := w.hour.begin(p, originUnix, w.domains, w.engineInfo()); err != nil {
		return err
	}
	dir, meta := runfolder.CellDir(w.hour.dir, p.cell), w.hour.meta(p.cell)
	p.store = segments.New(dir, w.domains, meta)
	if p.store.Length, p.store.Raw = rawFor, rawFor; w.Poll >= rawPoll {
		p.store.Raw = 2 * time.Hour // longer than any cell
	}
	var err error
	if p.engine, err = runfolder.EngineSamples().Create(filepath.Join(dir, runfolder.EngineFile), meta); err != nil {
		return err
	}
	if w.tenants != nil {
		if p.tenants, err = runfolder.TenantRequests().Create(filepath.Join(dir, runfolder.TenantsFile), meta); err != nil {
			return err
		}
	}
	w.parts = append(w.parts, p)
	if err := p.read(w.recent.since(p.origin)); err != nil {
		return err
	}
	return p.row(s)
}

// cut ends the cell under way at a moment: its readings come until they show it.
func (w *Watcher) cut(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figures.close()
	if p := w.underLocked(); p != nil {
		p.end, p.ended = max(at, p.start), true
		p.hour.until = w.wall().Add(p.end - w.clock()).UnixNano()
	}
}

// read takes readings, from the meters' goroutine.
func (w *Watcher) read(batch []meter.Reading) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live.ObserveReadings(w.domains, batch)
	w.recent.add(batch)
	for _, p := range w.parts {
		if err := p.read(batch); err != nil {
			return err
		}
	}
	return nil
}

// state takes a look at a device.
func (w *Watcher) state(s meter.DeviceState) {
	for _, process := range s.Processes {
		if process.Engine != nil && !*process.Engine {
			w.mu.Lock()
			for _, p := range w.parts {
				p.foreign = true
			}
			w.mu.Unlock()
			return
		}
	}
}

// row writes a scrape to the cell under way.
func (w *Watcher) row(s engine.Sample) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.underLocked(); p != nil {
		return p.row(s)
	}
	return nil
}

func (p *part) read(batch []meter.Reading) error {
	own := make([]meter.Reading, len(batch))
	for i, r := range batch {
		r.Before -= p.origin
		r.After -= p.origin
		own[i] = r
	}
	return p.store.Write(own)
}

func (p *part) row(s engine.Sample) error {
	s.Before -= p.origin
	s.After -= p.origin
	return p.engine.Write(runfolder.EngineRow(p.key, s))
}

// whole takes the cells that have ended and whose end the meters have shown, or do
// not show, once their requests have had time to be logged.
func (w *Watcher) whole(now time.Duration) (done []*part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.parts) > 0 && w.parts[0].ended && w.parts[0].end+w.tenants.delay() <= now && (w.recent.shows(w.domains, w.parts[0].end, true) || w.parts[0].end+2*w.lag < now) {
		done, w.parts = append(done, w.parts[0]), w.parts[1:]
	}
	return done
}

// complete makes the tables of cells, and what is derived of them.
func (w *Watcher) complete(parts []*part) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, w.finish(p))
	}
	return errors.Join(errs...)
}

// finish makes the tables of a cell. One that is shorter than an interval of the
// figures is left out: of a server that starts over and over there would be no end
// of them.
func (w *Watcher) finish(p *part) error {
	// The readings that come meanwhile are other cells'.
	err := failure.Join(p.store.Close(), p.engine.Close())
	if p.tenants != nil {
		err = failure.Join(err, p.tenants.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.hour.name, err)
	}
	if least := figureScrapes * w.Interval; p.end-p.start < least {
		w.say("%s: %s lasted less than %v and is left out", p.hour.name, p.cell, least)
		return p.hour.drop(p.cell)
	}
	window := meter.Window{Start: p.start - p.origin, End: p.end - p.origin}
	if err := p.hour.complete(p.cell, window, w.domainsOf(p), p.foreign); err != nil {
		return fmt.Errorf("%s: %w", p.hour.name, err)
	}
	switch {
	case w.ended: // what is derived has its own time
		return nil
	case p.hour != w.hour: // its last
		return w.close(p.hour)
	}
	return p.hour.derive()
}

// domainsOf are the domains of a cell with what reading them has cost.
func (w *Watcher) domainsOf(p *part) []runfolder.DomainInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	runfolder.SetCosts(w.domains, w.session.Domains(), w.session.Cost())
	return w.domains
}

// cellName is the n-th cell's of an hour, from 1.
func cellName(n int) string {
	if n == 1 {
		return runfolder.WatchCell
	}
	return runfolder.WatchCell + "-" + strconv.Itoa(n)
}

// gone removes the folder of a cell.
func gone(dir, cell string) error {
	if err := runfolder.RemoveAll(runfolder.CellDir(dir, cell)); err != nil {
		return fmt.Errorf("clear cell folder: %w", err)
	}
	return nil
}
