// Package derivation makes the derived tables of a run from its raw ones: every
// cell's energy.arrow by conventions, and footprint.arrow by an inventory.
//
// It is a later pass over the tables, which needs no engine and can be made
// again, elsewhere, with other choices; the same tables and choices give the
// same bytes. What is doubtful is a warning on the result. It knows nothing of
// command lines.
package derivation

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

// Attribution says how energy is divided among requests.
type Attribution struct {
	Conventions string // names with commas between, as attribution.Parse takes them
	Weights     string // of the token convention as they were asked for, for the table's metadata
	Params      attribution.Params
	Bare        results.BareCurves // of the run
}

// CellEnergy is what attributing one cell gave, beside its table.
type CellEnergy struct {
	Cell string
	// Energies holds every convention and domain, the refused ones too.
	Energies []DomainEnergy
	Spread   []attribution.DomainSpread
	Windows  []DomainWindow // one a domain
	// CrossChecks hold what covers other domains against their sum.
	CrossChecks []CrossCheck
	// Warnings are doubts in one line each.
	Warnings []string

	idle map[string]attribution.Idle // by domain
}

// Cell reads the raw tables of one cell of the run folder dir and writes its
// energy.arrow, domain by domain and in batches of rows.
func (o Attribution) Cell(dir string, run results.Run, cell results.Cell) (CellEnergy, error) {
	out := CellEnergy{Cell: cell.ID, idle: make(map[string]attribution.Idle)}
	folder := results.CellDir(dir, cell.ID)
	reqs, constants, err := results.ReadColumns(filepath.Join(folder, results.RequestsFile))
	if errors.Is(err, fs.ErrNotExist) {
		out.Warnings = append(out.Warnings, "no requests were recorded: no energy table")
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
		out.Warnings = append(out.Warnings, "the cell has no window: no energy table")
		return out, nil
	}
	divider, err := attribution.NewDivider(reqs, cell.Window)
	if err != nil {
		return out, err
	}
	o.Params.Server, err = serverOf(dir, run, cell)
	if err != nil {
		// The server's metrics only help to place the queue.
		out.Warnings = append(out.Warnings, fmt.Sprintf("the server's own metrics are not used: %v", err))
	}
	conventions, err := attribution.Parse(o.Conventions, o.Params)
	if err != nil {
		return out, err
	}
	out.checkCalibration(o.Params.Calibration, run, cell)
	meta := maps.Clone(constants)
	if meta == nil {
		meta = make(map[string]string)
	}
	meta[results.MetaWindowStart] = strconv.FormatInt(int64(cell.Window.Start), 10)
	meta[results.MetaWindowEnd] = strconv.FormatInt(int64(cell.Window.End), 10)
	meta["token_weights"] = o.Weights
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
		more = append(more, o.Bare.Measure(d, &idle)...)
		out.idle[d.Name] = idle
		if summed[d.Name] { // the idle power of the others is in no sum
			warnings = append(warnings, more...)
		}
		for _, w := range warnings {
			out.Warnings = append(out.Warnings, w.String())
		}
		describeDomain(meta, curve, cell.Window, idle)
		used := curve.Energy(cell.Window)
		out.Windows = append(out.Windows, DomainWindow{d.Name, used, idle.Figures(used.Energy, cell.Window), o.Bare.NotMeasured})
		curves = append(curves, curve)
	}
	out.CrossChecks = crossChecks(readings.Domains, out.Windows, summed)
	for _, c := range out.CrossChecks {
		if doubt := c.Doubt(); doubt != "" {
			out.Warnings = append(out.Warnings, doubt)
		}
	}
	if err := out.survey(meta, divider, curves, conventions); err != nil {
		return out, fmt.Errorf("cell %s: %w", cell.ID, err)
	}
	return out, out.write(filepath.Join(folder, results.EnergyFile), meta, divider, curves, conventions)
}

// survey divides every domain by every convention and keeps what they come to.
// Its notes go into the metadata, which precede the rows in the table, so the
// rows are made a second time: that is cheap beside holding or writing them.
func (e *CellEnergy) survey(meta map[string]string, divider *attribution.Divider, curves []*attribution.Curve, conventions []attribution.Convention) error {
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
			e.Spread = append(e.Spread, s)
		}
	}
	return nil
}

// rowsAtOnce is how many rows are made before they are handed to the writer.
const rowsAtOnce = 4096

// write divides once more and writes the rows.
func (e *CellEnergy) write(path string, meta map[string]string, divider *attribution.Divider, curves []*attribution.Curve, conventions []attribution.Convention) error {
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

// DomainEnergy sums up how one convention divides one domain's energy.
type DomainEnergy struct {
	Domain, Convention           string
	Method                       meter.Kind
	Refused                      string // why the convention gave nothing, "" if it did
	Requests, Idle, Unattributed meter.Energy
	Counter                      meter.Energy
	Median                       meter.Energy // over the requests that succeeded
}

// DomainWindow is what one domain used over the cell's window.
type DomainWindow struct {
	Domain  string
	Energy  attribution.Interval
	Figures attribution.Figures
	NotBare string // why bare idle was not measured, "" if not known
}

// String is the domain's line: the energy with its bracket, and the figures
// above idle beside it.
func (e DomainWindow) String() string {
	if !e.Energy.HasEnergy {
		return fmt.Sprintf("%s: no energy over the window (%s)", e.Domain, strings.Join(e.Energy.Flags, ", "))
	}
	hi := "no upper bound"
	if e.Energy.Hi != attribution.Unbounded {
		hi = fmt.Sprintf("%.3f J", e.Energy.Hi.Joules())
	}
	loaded, bare := "loaded idle not measured", "bare idle not measured"
	if e.Figures.HasLoaded {
		loaded = fmt.Sprintf("%.3f J above loaded idle", e.Figures.AboveLoaded.Joules())
	}
	switch {
	case e.Figures.HasBare:
		bare = fmt.Sprintf("%.3f J above bare idle", e.Figures.AboveBare.Joules())
	case e.NotBare != "":
		bare += " (" + e.NotBare + ")"
	}
	return fmt.Sprintf("%s: %.3f J in all (%.3f J to %s), %s, %s", e.Domain, e.Energy.Energy.Joules(), e.Energy.Lo.Joules(), hi, loaded, bare)
}

// add takes an allocation's totals and warnings.
func (e *CellEnergy) add(a *attribution.Allocation) {
	d := DomainEnergy{Domain: a.Domain.Name, Convention: a.Convention, Method: a.Domain.Kind, Refused: a.Refused, Counter: a.Counter.Energy}
	for _, w := range a.Warnings {
		if line := w.String(); !slices.Contains(e.Warnings, line) {
			e.Warnings = append(e.Warnings, line)
		}
	}
	if a.Refused != "" {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s: convention %s refused: %s", d.Domain, d.Convention, a.Refused))
		e.Energies = append(e.Energies, d)
		return
	}
	each := make([]meter.Energy, 0, a.Len())
	for i := range a.Len() {
		used := a.Request(i).Energy
		d.Requests += used
		if !slices.Contains(a.Flags(i), attribution.FlagFailed) {
			each = append(each, used)
		}
	}
	if len(each) > 0 {
		slices.Sort(each)
		d.Median = each[len(each)/2]
	}
	d.Idle, d.Unattributed = a.IdleRow().Energy, a.UnattributedRow().Energy
	e.Energies = append(e.Energies, d)
}

// checkCalibration warns if the calibration is of another engine or model than
// the cell's.
func (e *CellEnergy) checkCalibration(c *attribution.Calibration, run results.Run, cell results.Cell) {
	if c == nil {
		return
	}
	for _, engine := range run.Engine {
		if engine.Batch == cell.Batch && (engine.Kind != c.Engine || engine.Model != c.Model) {
			e.Warnings = append(e.Warnings, fmt.Sprintf("the calibration was measured on %s (%s), the cell on %s (%s): its shapley shares are a guess",
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
