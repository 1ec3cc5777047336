package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/internal/hostinfo"
	"cfubench/internal/si"
	"cfubench/internal/version"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/segments"
)

// hourLayout is how the folder of an hour is called, in UTC.
const hourLayout = "2006-01-02T15"

func hourOf(t time.Time) string { return t.UTC().Format(hourLayout) }

// hour is the run folder of an hour.
type hour struct {
	name, dir string
	run       runfolder.Run
	underived []string // cells
	until     int64    // Unix time in ns at which its last cell ended, 0 before
}

// nextHour opens the folder of another hour and closes the one before, unless a cell
// of it is still waiting for its end. A clock that goes back may lead to such an hour
// again: it is open then.
func (w *Watcher) nextHour(name string) error {
	next := w.waitsAs(name)
	if next == nil {
		var err error
		if next, err = w.openHour(name); err != nil {
			return err
		}
	}
	before := w.hour
	w.hour = next
	if before == nil {
		return nil
	}
	w.mu.Lock()
	waits := slices.ContainsFunc(w.parts, func(p *part) bool { return p.hour == before })
	w.mu.Unlock()
	if waits {
		return nil
	}
	return w.close(before)
}

// waitsAs is the hour of a name of which a cell is still waiting for its end, nil if
// there is none.
func (w *Watcher) waitsAs(name string) *hour {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.parts {
		if p.hour.name == name {
			return p.hour
		}
	}
	return nil
}

// openHour opens the folder of an hour, or makes it.
func (w *Watcher) openHour(name string) (*hour, error) {
	h := &hour{name: name, dir: filepath.Join(w.Out, name)}
	var err error
	h.run, err = runfolder.ReadRun(h.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		config := w.Config.Config
		config.Endpoint, config.Meter = w.Secrets.Text(w.Endpoint), w.Secrets.Args(w.Meter)
		h.run = runfolder.Run{
			Cfu: version.String(), Started: w.wall().UTC().Format(time.RFC3339), Config: config, ScheduleHash: map[string]string{},
			Host: hostinfo.Read(), LeftOut: w.set.LeftOut, Record: &runfolder.Recorded{Label: w.model},
		}
		h.run.ConfigHash = h.run.Config.Hash()
		return h, os.MkdirAll(filepath.Join(h.dir, runfolder.CellsDir), 0o755)
	case err != nil:
		return nil, err
	case h.run.Record == nil || len(h.run.Record.Parts) > 0 && !h.run.Record.Serves():
		return nil, fmt.Errorf("%s holds another run: give another --out", h.dir)
	}
	if err := h.recover(); err != nil {
		return nil, err
	}
	if n := len(h.run.Cells); n > 0 {
		h.until = h.run.Cells[n-1].OriginUnix + int64(h.run.Cells[n-1].Window.End)
	}
	return h, nil
}

// meta are the constants of a cell's tables.
func (h *hour) meta(cell string) map[string]string {
	i := h.index(cell)
	return map[string]string{"cell": cell, "config_hash": h.run.ConfigHash, "origin_unix_ns": strconv.FormatInt(h.run.Cells[i].OriginUnix, 10)}
}

func (h *hour) index(cell string) int {
	return slices.IndexFunc(h.run.Cells, func(c runfolder.Cell) bool { return c.ID == cell })
}

// begin adds a cell, and gives it its name.
func (h *hour) begin(p *part, originUnix int64, domains []runfolder.DomainInfo, server runfolder.EngineInfo) error {
	n := 1
	for h.index(cellName(n)) >= 0 {
		n++
	}
	p.cell = cellName(n)
	cell := runfolder.Cell{ID: p.cell, Repeat: 1, OriginUnix: originUnix, Window: meter.Window{Start: p.start - p.origin}}
	said := runfolder.RecordedPart{Cell: p.cell, Of: runfolder.OfServer, Started: time.Unix(0, originUnix).Add(p.start - p.origin).UTC().Format(time.RFC3339)}
	if h.until > 0 { // a clock that has gone back leaves no gap
		said.Gap = max(0, time.Duration(originUnix+int64(cell.Window.Start)-h.until))
	}
	p.key = cell.Key()
	h.run.Cells, h.run.Record.Parts = append(h.run.Cells, cell), append(h.run.Record.Parts, said)
	h.run.Domains = domains
	if n := len(h.run.Engine); n == 0 || !slices.Equal(h.run.Engine[n-1].Unknown, server.Unknown) || h.run.Engine[n-1].Model != server.Model || h.run.Engine[n-1].Version != server.Version || h.run.Engine[n-1].Kind != server.Kind {
		h.run.Engine = append(h.run.Engine, server)
	}
	if err := runfolder.MakeDir(runfolder.CellDir(h.dir, p.cell)); err != nil {
		return err
	}
	return h.save()
}

// drop leaves a cell out.
func (h *hour) drop(cell string) error {
	i := h.index(cell)
	h.run.Cells = slices.Delete(h.run.Cells, i, i+1)
	h.run.Record.Parts = slices.Delete(h.run.Record.Parts, i, i+1)
	if err := gone(h.dir, cell); err != nil {
		return err
	}
	if len(h.run.Cells) == 0 {
		return os.RemoveAll(h.dir)
	}
	return h.save()
}

// complete makes the tables of a cell and says what its window was. Requests are
// none: the server counted them.
func (h *hour) complete(cell string, window meter.Window, domains []runfolder.DomainInfo, foreign bool) error {
	if err := h.tables(cell, domains); err != nil {
		return err
	}
	c := &h.run.Cells[h.index(cell)]
	c.Window, c.Complete = window, true
	if foreign {
		c.Reasons = append(c.Reasons, runfolder.ReasonForeign)
	}
	h.run.Domains = domains
	h.underived = append(h.underived, cell)
	return h.save()
}

func (h *hour) tables(cell string, domains []runfolder.DomainInfo) error {
	dir, meta := runfolder.CellDir(h.dir, cell), h.meta(cell)
	if err := segments.Finish(dir, domains, meta); err != nil {
		return err
	}
	requests, err := runfolder.Requests().Create(filepath.Join(dir, runfolder.RequestsFile), meta)
	if err != nil {
		return err
	}
	return requests.Close()
}

// derive makes energy.arrow of the cells that have none yet: to the end also where a
// signal ends the service, since it is a second's work and keeps the hour.
func (h *hour) derive() error {
	for _, cell := range h.underived {
		a, err := derivation.Attribution{Conventions: "equal"}.Cell(context.Background(), h.dir, h.run, h.run.Cells[h.index(cell)])
		if err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		for _, warning := range a.Warnings {
			h.warn("%s: %s", cell, warning)
		}
	}
	h.underived = nil
	return h.save()
}

// close derives what is left of an hour and sums it up.
func (w *Watcher) close(h *hour) error {
	if len(h.run.Cells) == 0 {
		return nil
	}
	if err := h.derive(); err != nil {
		return err
	}
	served, err := derivation.WriteServed(context.Background(), h.dir, h.run, w.Grid)
	if err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	w.say("%s: %s", h.name, hourLine(served))
	return nil
}

// hourLine is what an hour came to.
func hourLine(s derivation.ServedHour) string {
	parts := []string{fmt.Sprintf("%.0f s counted", s.Seconds)}
	add := func(format string, v *float64) {
		if v != nil {
			parts = append(parts, fmt.Sprintf(format, *v))
		}
	}
	quantity := func(v *float64, unit string) {
		if v != nil {
			parts = append(parts, si.Format(*v, unit))
		}
	}
	quantity(s.EnergyJ, "J")
	add("%.0f output tokens", s.OutputTokens)
	add("%.0f requests", s.Requests)
	if s.PerOutputToken != nil {
		quantity(&s.PerOutputToken.Value, "J/output token")
	}
	if s.PerRequest != nil {
		quantity(&s.PerRequest.Value, "J/request")
	}
	if s.IdleShare != nil {
		parts = append(parts, fmt.Sprintf("%.0f %% of it idle", 100**s.IdleShare))
	}
	quantity(s.CarbonG, "g CO2e")
	if line := tenantsLine(s.Tenants); line != "" {
		parts = append(parts, line)
	}
	parts = append(parts, s.Missing...)
	if s.Kind == meter.KindModel {
		parts = append(parts, "a model, not measured")
	}
	return strings.Join(parts, ", ")
}

// recover makes whole what a killed cfu left of the hour's last cell. Its window
// ends with the last scrape that gave something and that every meter had been read
// after.
func (h *hour) recover() error {
	n := len(h.run.Cells) - 1
	if n < 0 || h.run.Cells[n].Complete {
		return nil
	}
	cell := &h.run.Cells[n]
	dir := runfolder.CellDir(h.dir, cell.ID)
	domains, err := segments.Domains(dir)
	if err != nil {
		return err
	}
	end := time.Duration(0)
	if _, err := runfolder.RecoverTable(filepath.Join(dir, runfolder.EngineFile)); err == nil && len(domains) > 0 {
		if err := h.tables(cell.ID, domains); err != nil {
			return err
		}
		covered, err := segments.Covered(filepath.Join(dir, runfolder.ReadingsFile))
		if err != nil {
			return err
		}
		if end, err = lastScrape(filepath.Join(dir, runfolder.EngineFile), covered); err != nil {
			return err
		}
	} else if err != nil && !errors.Is(err, arrowfile.ErrEmpty) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if end <= cell.Window.Start {
		return h.drop(cell.ID)
	}
	if err := h.recoverTenants(cell.ID); err != nil {
		return err
	}
	cell.Window.End, cell.Complete = end, true
	cell.Reasons = append(cell.Reasons, runfolder.ReasonCut)
	h.run.Record.Parts[n].Cut = true
	h.underived = append(h.underived, cell.ID)
	h.warn("%s: cfu or the host was stopped; it was metered until %s", cell.ID, time.Unix(0, cell.OriginUnix).Add(end).UTC().Format(time.RFC3339))
	return h.save()
}

// lastScrape is the last that gave something and is not after until.
func lastScrape(path string, until time.Duration) (time.Duration, error) {
	last := time.Duration(0)
	progress := engine.Progress{Patience: math.MaxInt64}
	for row, err := range runfolder.EngineSamples().Scan(context.Background(), path) {
		if err != nil {
			return 0, err
		}
		if _, ok := progress.Add(row.Sample()); ok && row.At <= until {
			last = row.At
		}
	}
	return last, nil
}

func (h *hour) save() error { return runfolder.WriteRun(h.dir, h.run) }

// warn keeps a doubt, once.
func (h *hour) warn(format string, args ...any) {
	if warning := fmt.Sprintf(format, args...); !slices.Contains(h.run.Warnings, warning) {
		h.run.Warnings = append(h.run.Warnings, warning)
	}
}
