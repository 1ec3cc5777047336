package derivation

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Amortization says how a run is amortized.
type Amortization struct {
	Inventory string // a preset or a file
	Options   lca.Options
	SLO       lca.SLO // of functional unit slo_request
	// Convention is whose rows are summed, "" for the narrowest bracket.
	Convention string
	// RequestsOnly leaves out the window's idle and unattributed energy.
	RequestsOnly bool
	Devices      int // that wall time counts on; 0 for the metered GPUs, or 1
}

// NewAmortization amortizes with the inventory and the defaults of cfu
// amortize: 95 % intervals from 10,000 draws, few enough for a sweep of dozens of
// cells in seconds.
func NewAmortization(inventory string) Amortization {
	return Amortization{Inventory: inventory, Options: lca.Options{Draws: 10000, Seed: 1}}
}

// Run assesses every cell of the run folder dir that has energy,
// writes footprint.arrow, and returns the assessments. A cell without a
// completed request or without a readable meter is left out with a warning on
// the first assessment; a run with none is an error.
func (m Amortization) Run(dir string) ([]lca.Assessment, error) {
	inv, err := lca.Load(m.Inventory)
	if err != nil {
		return nil, err
	}
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return nil, err
	}
	var (
		assessments []lca.Assessment
		leftOut     []string
	)
	for _, cell := range run.Cells {
		u, err := m.usage(dir, run, cell)
		if errors.Is(err, errNotAssessable) {
			leftOut = append(leftOut, err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := lca.Assess(inv, u, m.Options)
		if err != nil {
			return nil, err
		}
		assessments = append(assessments, a)
	}
	if len(assessments) == 0 {
		return nil, fmt.Errorf("%s: no cell can be amortized: %s", dir, strings.Join(append(leftOut, "the run has "+strconv.Itoa(len(run.Cells))+" cells"), "; "))
	}
	assessments[0].Warnings = append(leftOut, assessments[0].Warnings...)
	return assessments, writeFootprint(dir, assessments)
}

// errNotAssessable marks a cell that is left out.
var errNotAssessable = errors.New("left out of the footprint")

// usage sums up one cell: its counts, from one pass over the requests, and its
// one energy, from energy.arrow.
func (m Amortization) usage(dir string, run runfolder.Run, cell runfolder.Cell) (lca.Usage, error) {
	u := lca.Usage{Cell: cell.ID, SLO: m.SLO, Source: filepath.Join(runfolder.CellsDir, cell.ID, runfolder.EnergyFile)}
	err := count(&u, runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), together(run, cell))
	if errors.Is(err, fs.ErrNotExist) {
		return lca.Usage{}, fmt.Errorf("cell %s has no requests: %w", cell.ID, errNotAssessable)
	}
	if err != nil {
		return lca.Usage{}, err
	}
	if u.Requests == 0 {
		return lca.Usage{}, fmt.Errorf("cell %s completed no request: %w", cell.ID, errNotAssessable)
	}
	energy, err := ReadCellEnergy(dir, cell.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return lca.Usage{}, fmt.Errorf("cell %s has no energy: %w", cell.ID, errNotAssessable)
	}
	if err != nil {
		return lca.Usage{}, err
	}
	switch gone := energy.missing(); {
	case energy.Kind == "":
		return lca.Usage{}, fmt.Errorf("cell %s was not metered: %w", cell.ID, errNotAssessable)
	case len(gone) > 0:
		return lca.Usage{}, fmt.Errorf("cell %s has no energy of %s: %w", cell.ID, strings.Join(gone, ", "), errNotAssessable)
	}
	u.Energy, u.EnergyKind = energy.Energy, energy.kind()
	if energy.Hi != meter.Unbounded {
		u.EnergyLo, u.EnergyHi = energy.Lo, energy.Hi
	}
	if m.RequestsOnly {
		if err := m.requestsOnly(&u, runfolder.CellFile(dir, cell.ID, runfolder.EnergyFile)); err != nil {
			return lca.Usage{}, err
		}
	}
	m.hardware(&u, run, energy)
	u.BusyTime = cell.Window.Length() * time.Duration(u.Devices)
	if e := run.EngineOf(cell.Point); e != nil {
		u.Model = e.Model
	}
	return u, nil
}

// together is how many requests the server ran at once at most: its batch size,
// or fewer if no more were sent; 0 if neither is known.
func together(run runfolder.Run, cell runfolder.Cell) int {
	batch := cell.Batch
	if e := run.EngineOf(cell.Point); e != nil && e.EffectiveBatch > 0 {
		batch = e.EffectiveBatch
	}
	if batch == 0 || cell.Concurrency > 0 && cell.Concurrency < batch {
		return cell.Concurrency
	}
	return batch
}

// count counts what the requests at path delivered.
func count(u *lca.Usage, path string, batch int) error {
	conversations := map[string]bool{}
	for r, err := range runfolder.Requests().Scan(path) {
		if err != nil {
			return err
		}
		if !r.OK() {
			continue
		}
		u.Requests++
		conversations[r.Conversation] = true
		if n := r.Tokens(); n > 0 {
			u.OutputTokens += int64(n)
			u.TotalTokens += int64(n)
		}
		if r.PromptTokens > 0 {
			u.TotalTokens += int64(r.PromptTokens)
		}
		if u.SLO != (lca.SLO{}) && meets(r.Record, u.SLO) {
			u.SLORequests++
		}
	}
	u.Conversations = int64(len(conversations))
	if batch > 0 {
		u.Batches = (u.Requests + int64(batch) - 1) / int64(batch)
	}
	return nil
}

// meets reports whether the request kept the limits, counted from the time at
// which it was due, so that a late client does not flatter the server. What
// cannot be told is not met.
func meets(r loadgen.Record, slo lca.SLO) bool {
	return r.FirstToken != loadgen.Never && loadgen.SLO{TTFT: slo.TTFT, TPOT: slo.TPOT}.Met(r)
}

// requestsOnly replaces the cell's energy by that of its requests, without the
// idle time and what nobody can be charged with, by one convention: what is left
// out differs among them.
func (m Amortization) requestsOnly(u *lca.Usage, path string) error {
	convention := m.Convention
	sum, bounded, found := Estimate{}, true, []string{}
	for s, err := range runfolder.Energies().Scan(path) {
		if err != nil {
			return err
		}
		if !slices.Contains(found, s.Convention) {
			found = append(found, s.Convention)
		}
		if convention == "" {
			convention = s.Convention // the first of the table is the run's own
		}
		if s.Convention != convention || !s.Summed || s.Request < 0 {
			continue
		}
		sum.Energy += s.Energy
		sum.Lo += s.Lo
		if bounded = bounded && s.Hi != meter.Unbounded; bounded {
			sum.Hi += s.Hi
		}
	}
	if !slices.Contains(found, convention) {
		return fmt.Errorf("read %s: it has no convention %q: it has %s", path, convention, strings.Join(found, ", "))
	}
	u.Energy, u.EnergyLo, u.EnergyHi = sum.Energy, 0, 0
	if bounded {
		u.EnergyLo, u.EnergyHi = sum.Lo, sum.Hi
	}
	return nil
}

// kind is the sum's as the life cycle names it: one modelled part makes a model.
func (e CellEnergy) kind() meter.Kind {
	kind := meter.Kind("")
	for _, d := range e.Domains {
		if d.Summed && (kind == "" || d.Kind == meter.KindModel) {
			kind = d.Kind
		}
	}
	return kind
}

// hardware says what was metered: its boundary, its name, and the number of
// devices, which are the accelerators whose energy is summed or else the one
// host.
func (m Amortization) hardware(u *lca.Usage, run runfolder.Run, energy CellEnergy) {
	domains := energy.summed()
	scopes := make([]meter.Scope, len(domains))
	for i, d := range domains {
		scopes[i] = d.Scope
	}
	gpus := meter.Devices(domains)
	u.Metered = lca.BoundaryOf(scopes...)
	u.Devices = max(gpus, 1)
	if m.Devices > 0 {
		u.Devices = m.Devices
	}
	if gpus == 0 && run.Host.CPU != "" {
		u.Hardware = "CPU " + run.Host.CPU
	}
}

// writeFootprint writes footprint.arrow of the run folder.
func writeFootprint(dir string, assessments []lca.Assessment) error {
	first := assessments[0]
	w, err := runfolder.Footprints().Derive(filepath.Join(dir, runfolder.FootprintFile), map[string]string{
		"inventory":           first.Inventory.Name,
		"inventory_file":      first.Inventory.File,
		"lifetime_inferences": strconv.FormatFloat(first.Inventory.LifetimeInferences.Canonical(), 'g', -1, 64),
		"lifetime_quality":    string(first.Inventory.LifetimeInferences.Quality),
		"gwp":                 string(first.Options.GWP),
		"water_variant":       string(first.Options.Water),
		"basis":               string(first.Options.Basis),
		"embodied_convention": string(first.Options.Embodied),
		"monte_carlo_draws":   strconv.Itoa(first.Options.Draws),
		"monte_carlo_seed":    strconv.FormatUint(first.Options.Seed, 10),
	})
	if err != nil {
		return err
	}
	for _, a := range assessments {
		for _, r := range a.Rows {
			row := runfolder.Footprint{
				Cell: r.Cell, FunctionalUnit: r.FunctionalUnit, Category: string(r.Category), Unit: r.Unit,
				Stage: string(r.Stage), Kind: string(r.Stage), Value: r.Value, Lo: r.Lo, Hi: r.Hi, Boundary: r.Boundary, Source: r.Source,
			}
			if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
				return errors.Join(fmt.Errorf("write table %s: %s %s of cell %q is not a number", runfolder.FootprintFile, r.Stage, r.Category, r.Cell), w.Abort())
			}
			if err := w.Write(&row); err != nil {
				return errors.Join(err, w.Abort())
			}
		}
	}
	return w.Close()
}
