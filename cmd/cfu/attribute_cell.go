package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results"
)

// attributeOptions are what a cell is attributed with.
type attributeOptions struct {
	conventions, weights string
	params               attribution.Params
	bare                 results.BareCurves // of the run
}

// cellEnergy is what attributing one cell gave, beside its table.
type cellEnergy struct {
	cell string
	// energies holds every convention and domain, the refused ones too.
	energies []domainEnergy
	spread   []attribution.DomainSpread
	idle     map[string]attribution.Idle // by domain
	windows  []cellWindow                // one a domain
	// warnings are doubts in one line each.
	warnings []string
}

// attributeCell reads one cell's raw tables below dir and writes its
// energy.arrow, domain by domain and in batches of rows.
func attributeCell(dir string, run results.Run, cell results.Cell, o attributeOptions) (cellEnergy, error) {
	out := cellEnergy{cell: cell.ID, idle: make(map[string]attribution.Idle)}
	folder := results.CellDir(dir, cell.ID)
	reqs, constants, err := results.ReadColumns(filepath.Join(folder, results.RequestsFile))
	if errors.Is(err, fs.ErrNotExist) {
		out.warnings = append(out.warnings, "no requests were recorded: no energy table")
		return out, nil
	}
	if err != nil {
		return out, err
	}
	readings, err := results.ReadReadings(filepath.Join(folder, results.ReadingsFile))
	if err != nil {
		return out, err
	}
	if cell.Window.Length() <= 0 {
		out.warnings = append(out.warnings, "the cell has no window: no energy table")
		return out, nil
	}
	divider, err := attribution.NewDivider(reqs, cell.Window)
	if err != nil {
		return out, err
	}
	o.params.Server, err = serverOf(dir, run, cell)
	if err != nil {
		// The server's metrics only help to place the queue.
		out.warnings = append(out.warnings, fmt.Sprintf("the server's own metrics are not used: %v", err))
	}
	conventions, err := attribution.Parse(o.conventions, o.params)
	if err != nil {
		return out, err
	}
	out.checkCalibration(o.params.Calibration, run, cell)
	meta := maps.Clone(constants)
	if meta == nil {
		meta = make(map[string]string)
	}
	meta[results.MetaWindowStart] = strconv.FormatInt(int64(cell.Window.Start), 10)
	meta[results.MetaWindowEnd] = strconv.FormatInt(int64(cell.Window.End), 10)
	meta["token_weights"] = o.weights
	summed := make(map[string]bool)
	kept, _ := meter.Antichain(readings.Domains)
	for _, d := range kept {
		summed[d.Name] = true
	}
	// The metadata stand before the rows, so the curves come first: they are
	// small beside the readings, which are then no longer needed.
	var curves []*attribution.Curve
	for i, d := range readings.Domains {
		curve, warnings := attribution.NewCurve(calibrated(d, run.Domains), readings.ByDomain[i])
		readings.ByDomain[i] = nil
		idle, more := attribution.MeasureIdle(curve, cell.IdleBefore, cell.IdleAfter)
		more = append(more, o.bare.Measure(d, &idle)...)
		out.idle[d.Name] = idle
		if summed[d.Name] { // the idle power of the others is in no sum
			warnings = append(warnings, more...)
		}
		for _, w := range warnings {
			out.warnings = append(out.warnings, w.String())
		}
		describeDomain(meta, curve, cell.Window, idle)
		used := curve.Energy(cell.Window)
		out.windows = append(out.windows, cellWindow{d.Name, used, idle.Figures(used.Energy, cell.Window), o.bare.NotMeasured})
		curves = append(curves, curve)
	}
	if err := out.survey(meta, divider, curves, conventions); err != nil {
		return out, fmt.Errorf("cell %s: %w", cell.ID, err)
	}
	return out, out.write(filepath.Join(folder, results.EnergyFile), meta, divider, curves, conventions)
}

// survey divides every domain by every convention and keeps what they come to.
// Its notes go into the metadata, which precede the rows in the table, so the
// rows are made a second time: that is cheap beside holding or writing them.
func (e *cellEnergy) survey(meta map[string]string, divider *attribution.Divider, curves []*attribution.Curve, conventions []attribution.Convention) error {
	for _, curve := range curves {
		spreader := attribution.NewSpreader(curve.Domain().Name)
		for _, c := range conventions {
			a, err := divider.Divide(c, curve, e.idle[curve.Domain().Name])
			if err != nil {
				return err
			}
			describeAllocation(meta, a)
			spreader.Add(a)
			e.add(a)
		}
		if s := spreader.Domain(); len(s.Conventions) > 1 {
			e.spread = append(e.spread, s)
		}
	}
	return nil
}

// rowsAtOnce is how many rows are made before they are handed to the writer.
const rowsAtOnce = 4096

// write divides once more and writes the rows.
func (e *cellEnergy) write(path string, meta map[string]string, divider *attribution.Divider, curves []*attribution.Curve, conventions []attribution.Convention) error {
	w, err := results.NewEnergyWriter(path, meta)
	if err != nil {
		return err
	}
	var rows []attribution.Share
	for _, curve := range curves {
		for _, c := range conventions {
			a, err := divider.Divide(c, curve, e.idle[curve.Domain().Name])
			if err != nil {
				return errors.Join(err, w.Abort())
			}
			for from := 0; from < a.Len()+2; from += rowsAtOnce {
				rows = a.Shares(rows[:0], from, from+rowsAtOnce)
				if err := w.Write(rows); err != nil {
					return errors.Join(err, w.Abort())
				}
			}
		}
	}
	return w.Close()
}

// domainEnergy sums up one allocation.
type domainEnergy struct {
	domain, convention           string
	method                       meter.Kind
	refused                      string
	requests, idle, unattributed meter.Energy
	counter                      meter.Energy
	median                       meter.Energy // over the requests that succeeded
}

// cellWindow is what one domain used over the cell's window.
type cellWindow struct {
	domain  string
	energy  attribution.Interval
	figures attribution.Figures
	notBare string // why bare idle was not measured, "" if not known
}

// String is the domain's line: the energy with its bracket, and the figures
// above idle beside it.
func (e cellWindow) String() string {
	if !e.energy.HasEnergy {
		return fmt.Sprintf("%s: no energy over the window (%s)", e.domain, strings.Join(e.energy.Flags, ", "))
	}
	hi := "no upper bound"
	if e.energy.Hi != attribution.Unbounded {
		hi = fmt.Sprintf("%.3f J", e.energy.Hi.Joules())
	}
	loaded, bare := "loaded idle not measured", "bare idle not measured"
	if e.figures.HasLoaded {
		loaded = fmt.Sprintf("%.3f J above loaded idle", e.figures.AboveLoaded.Joules())
	}
	switch {
	case e.figures.HasBare:
		bare = fmt.Sprintf("%.3f J above bare idle", e.figures.AboveBare.Joules())
	case e.notBare != "":
		bare += " (" + e.notBare + ")"
	}
	return fmt.Sprintf("%s: %.3f J in all (%.3f J to %s), %s, %s", e.domain, e.energy.Energy.Joules(), e.energy.Lo.Joules(), hi, loaded, bare)
}

// add takes an allocation's totals and warnings.
func (e *cellEnergy) add(a *attribution.Allocation) {
	d := domainEnergy{domain: a.Domain.Name, convention: a.Convention, method: a.Domain.Kind, refused: a.Refused, counter: a.Counter.Energy}
	for _, w := range a.Warnings {
		if line := w.String(); !slices.Contains(e.warnings, line) {
			e.warnings = append(e.warnings, line)
		}
	}
	if a.Refused != "" {
		e.warnings = append(e.warnings, fmt.Sprintf("%s: convention %s refused: %s", d.domain, d.convention, a.Refused))
		e.energies = append(e.energies, d)
		return
	}
	each := make([]meter.Energy, 0, a.Len())
	for i := range a.Len() {
		used := a.Request(i).Energy
		d.requests += used
		if !slices.Contains(a.Flags(i), attribution.FlagFailed) {
			each = append(each, used)
		}
	}
	if len(each) > 0 {
		slices.Sort(each)
		d.median = each[len(each)/2]
	}
	d.idle, d.unattributed = a.IdleRow().Energy, a.UnattributedRow().Energy
	e.energies = append(e.energies, d)
}

// checkCalibration warns if the calibration is of another engine or model than
// the cell's.
func (e *cellEnergy) checkCalibration(c *attribution.Calibration, run results.Run, cell results.Cell) {
	if c == nil {
		return
	}
	for _, engine := range run.Engine {
		if engine.Batch == cell.Batch && (engine.Kind != c.Engine || engine.Model != c.Model) {
			e.warnings = append(e.warnings, fmt.Sprintf("the calibration was measured on %s (%s), the cell on %s (%s): its shapley shares are a guess",
				c.Model, c.Engine, engine.Model, engine.Kind))
		}
	}
}

// serverOf is what the run knows of the cell's server: its batch limit, as it
// said itself or as it was told, and the totals of its own metrics.
func serverOf(dir string, run results.Run, cell results.Cell) (*attribution.Server, error) {
	server := &attribution.Server{BatchLimit: cell.Batch}
	for _, e := range run.Engine {
		if e.Batch == cell.Batch && e.EffectiveBatch > 0 {
			server.BatchLimit = e.EffectiveBatch
		}
	}
	samples, _, err := results.ReadEngine(filepath.Join(results.CellDir(dir, cell.ID), results.EngineFile))
	if errors.Is(err, fs.ErrNotExist) {
		return server, nil
	}
	for _, s := range samples {
		if s.QueueTime != nil && s.PrefillTime != nil {
			server.Totals = append(server.Totals, attribution.PhaseTotals{At: s.At, Queue: seconds(*s.QueueTime), Prefill: seconds(*s.PrefillTime)})
		}
	}
	return server, err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// calibrated replaces a register's documented update period by the one that
// the run measured. A model's period is what it states.
func calibrated(d meter.Domain, infos []results.DomainInfo) meter.Domain {
	for _, info := range infos {
		if info.Name == d.Name && info.UpdatePeriod > 0 && d.Kind != meter.KindModel {
			d.UpdatePeriod = info.UpdatePeriod
		}
	}
	return d
}

// describeDomain puts into the table's metadata what its rows of one domain
// add up to and where that stands in the raw readings.
func describeDomain(meta map[string]string, c *attribution.Curve, w attribution.Window, idle attribution.Idle) {
	name := c.Domain().Name
	difference := c.Counter(w)
	if difference.Flag == "" {
		meta[results.MetaCounter+name] = strconv.FormatInt(int64(difference.Energy), 10)
		meta["counter_from_ns."+name] = strconv.FormatInt(int64(difference.From.At), 10)
		meta["counter_to_ns."+name] = strconv.FormatInt(int64(difference.To.At), 10)
	}
	e := c.Energy(w)
	bounds, _ := json.Marshal(map[string]any{
		"energy_uj": e.Energy, "has_energy": e.HasEnergy, "lo_uj": e.Lo, "hi_uj": orNull(e.Hi),
		"boundary_uj": orNull(e.Boundary), "sampling_uj": e.Sampling, "scale_uj": e.Scale, "flags": e.Flags,
	}) // numbers and strings always marshal, and maps in the order of their keys
	meta["window."+name] = string(bounds)
	if idle.Known {
		meta["idle_uw."+name] = strconv.FormatInt(int64(idle.Loaded), 10)
	}
	if idle.HasBare {
		meta["bare_idle_uw."+name] = strconv.FormatInt(int64(idle.Bare), 10)
	}
}

// orNull is e, or nil where nothing bounds it.
func orNull(e meter.Energy) any {
	if e == attribution.Unbounded {
		return nil
	}
	return e
}

// describeAllocation keeps a convention's notes, and why it gave nothing.
func describeAllocation(meta map[string]string, a *attribution.Allocation) {
	key := "." + a.Convention + "." + a.Domain.Name
	if len(a.Notes) > 0 {
		meta["note"+key] = strings.Join(a.Notes, "; ")
	}
	if a.Refused != "" {
		meta["refused"+key] = a.Refused
		return
	}
	// The window may have been cut to the readings.
	meta[results.MetaCounter+a.Domain.Name] = strconv.FormatInt(int64(a.Counter.Energy), 10)
}
