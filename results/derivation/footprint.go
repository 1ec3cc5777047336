package derivation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/attribution/lca/outcomes"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results"
)

// Amortization says how a run is amortized.
type Amortization struct {
	Inventory string // a preset or a file
	Options   lca.Options
	SLO       loadgen.SLO // of functional unit slo_request
	// Convention is whose rows are summed, "" for the narrowest bracket.
	Convention string
	// RequestsOnly leaves out the window's idle and unattributed energy.
	RequestsOnly bool
	// Outcomes are joined to requests as functional unit OutcomeUnit, if there
	// are any.
	Outcomes    *outcomes.Index
	OutcomeUnit string
	Devices     int // that wall time counts on; 0 for the metered GPUs, or 1
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
func (m Amortization) Run(ctx context.Context, dir string) ([]lca.Assessment, error) {
	assessments, err := m.Assess(ctx, dir)
	if err != nil {
		return nil, err
	}
	return assessments, writeFootprint(dir, assessments)
}

// Assess is Run without writing anything.
func (m Amortization) Assess(ctx context.Context, dir string) ([]lca.Assessment, error) {
	inv, err := lca.Load(m.Inventory, Files{})
	if err != nil {
		return nil, err
	}
	run, err := results.ReadRun(dir)
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
		a, err := lca.AssessContext(ctx, inv, u, m.Options)
		if errors.Is(err, lca.ErrNothingDelivered) {
			leftOut = append(leftOut, err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		assessments = append(assessments, a)
	}
	if len(assessments) == 0 {
		return nil, fmt.Errorf("%s: no cell can be amortized: %s", dir, strings.Join(append(leftOut, "the run has "+strconv.Itoa(len(run.Cells))+" cells"), "; "))
	}
	assessments[0].Warnings = append(leftOut, assessments[0].Warnings...)
	return assessments, nil
}

// errNotAssessable marks a cell that is left out.
var errNotAssessable = errors.New("left out of the footprint")

// usage sums up one cell from its tables, in one pass over each.
func (m Amortization) usage(dir string, run results.Run, cell results.Cell) (lca.Usage, error) {
	folder := results.CellDir(dir, cell.ID)
	u := lca.Usage{Cell: cell.ID, SLO: m.SLO.String(), Source: filepath.Join(results.CellsDir, cell.ID, results.EnergyFile)}
	counter := m.counter(cell.ID)
	err := count(&u, results.ScanRequests(filepath.Join(folder, results.RequestsFile)), together(run, cell), m.SLO, counter)
	if errors.Is(err, fs.ErrNotExist) {
		return lca.Usage{}, fmt.Errorf("cell %s has no requests: %w", cell.ID, errNotAssessable)
	}
	if err != nil {
		return lca.Usage{}, err
	}
	if u.Requests == 0 {
		return lca.Usage{}, fmt.Errorf("cell %s completed no request: %w", cell.ID, errNotAssessable)
	}
	if counter != nil {
		t := counter.Tally()
		lo, hi := t.Interval()
		u.Outcomes = []lca.OutcomeCount{{Name: m.OutcomeUnit, Count: t.Value, Lo: lo, Hi: hi}}
	}
	path := filepath.Join(folder, results.EnergyFile)
	metered, err := m.energy(&u, results.ScanEnergy(path), path)
	if errors.Is(err, fs.ErrNotExist) {
		return lca.Usage{}, fmt.Errorf("cell %s has no energy: %w", cell.ID, errNotAssessable)
	}
	if err != nil {
		return lca.Usage{}, err
	}
	m.hardware(&u, run, metered)
	u.BusyTime = cell.Window.Length() * time.Duration(u.Devices)
	if e := engineOf(run, cell); e != nil {
		u.Model = e.Model
	}
	return u, nil
}

// counter counts the outcomes of a cell, nil if there are none to join.
func (m Amortization) counter(cell string) *outcomes.Counter {
	if m.Outcomes == nil {
		return nil
	}
	return m.Outcomes.Cell(cell)
}

// engineOf is the engine that served the cell, nil if it is not known.
func engineOf(run results.Run, cell results.Cell) *results.EngineInfo {
	for i, e := range run.Engine {
		if e.Batch == cell.Batch {
			return &run.Engine[i]
		}
	}
	return nil
}

// together is how many requests the server ran at once at most: its batch size,
// or fewer if no more were sent; 0 if neither is known.
func together(run results.Run, cell results.Cell) int {
	batch := cell.Batch
	if e := engineOf(run, cell); e != nil && e.EffectiveBatch > 0 {
		batch = e.EffectiveBatch
	}
	if batch == 0 || cell.Concurrency > 0 && cell.Concurrency < batch {
		return cell.Concurrency
	}
	return batch
}

// count counts what the cell delivered.
func count(u *lca.Usage, records iter.Seq2[loadgen.Record, error], batch int, slo loadgen.SLO, counter *outcomes.Counter) error {
	conversations := map[string]bool{}
	for r, err := range records {
		if err != nil {
			return err
		}
		if !r.OK() {
			continue
		}
		u.Requests++
		if counter != nil {
			counter.Add(int64(r.Request), r.Conversation)
		}
		conversations[r.Conversation] = true
		if r.OutputTokens > 0 {
			u.OutputTokens += int64(r.OutputTokens)
			u.TotalTokens += int64(r.OutputTokens)
		}
		if r.PromptTokens > 0 {
			u.TotalTokens += int64(r.PromptTokens)
		}
		if slo != (loadgen.SLO{}) && slo.Met(r) {
			u.SLORequests++
		}
	}
	u.Conversations = int64(len(conversations))
	if batch > 0 {
		u.Batches = (u.Requests + int64(batch) - 1) / int64(batch)
	}
	return nil
}

// energy sums the cell's energy over its domains, which are an antichain. Every
// convention sums to the same counter, so without a choice the one with the
// narrowest bracket is taken: a cell's energy is better known than its parts.
// It returns the energy of each domain.
func (m Amortization) energy(u *lca.Usage, shares iter.Seq2[attribution.Share, error], path string) (map[string]meter.Energy, error) {
	sums := map[string]*windowEnergy{}
	var conventions []string
	for s, err := range shares {
		if err != nil {
			return nil, err
		}
		if sums[s.Convention] == nil {
			sums[s.Convention] = &windowEnergy{bounded: true, by: map[string]meter.Energy{}}
			conventions = append(conventions, s.Convention)
		}
		sums[s.Convention].by[s.Domain] += 0
		if s.Request >= 0 || !m.RequestsOnly {
			sums[s.Convention].add(s)
		}
	}
	convention := m.Convention
	switch {
	case len(conventions) == 0:
		return nil, fmt.Errorf("read %s: it has no rows: nothing was metered", path)
	case convention == "" && m.RequestsOnly && sums["token"] != nil:
		convention = "token"
	case convention == "":
		convention = slices.MinFunc(conventions, func(a, b string) int { return cmp.Compare(sums[a].width(), sums[b].width()) })
	case sums[convention] == nil:
		return nil, fmt.Errorf("read %s: it has no convention %q: it has %s", path, convention, strings.Join(conventions, ", "))
	}
	e := sums[convention]
	u.Energy, u.EnergyKind = e.energy, e.kind
	if e.bounded {
		u.EnergyLo, u.EnergyHi = e.lo, e.hi
	}
	return e.by, nil
}

// windowEnergy sums shares of one convention.
type windowEnergy struct {
	energy, lo, hi meter.Energy
	kind           meter.Kind
	bounded        bool
	by             map[string]meter.Energy // domain
}

func (e *windowEnergy) add(s attribution.Share) {
	e.energy += s.Energy
	e.by[s.Domain] += s.Energy
	e.lo += s.Lo
	if s.Hi == attribution.Unbounded {
		e.bounded = false
	} else {
		e.hi += s.Hi
	}
	if s.Method == meter.KindModel || e.kind == "" {
		e.kind = s.Method // one modelled domain makes the sum a model
	}
}

// width is the width of the bracket, the largest value there is if nothing
// bounds it.
func (e *windowEnergy) width() meter.Energy {
	if !e.bounded {
		return math.MaxInt64
	}
	return e.hi - e.lo
}

// hardware says what was metered: its boundary, its name, and the number of
// devices, which are the GPUs or else the one host.
func (m Amortization) hardware(u *lca.Usage, run results.Run, metered map[string]meter.Energy) {
	var scopes []meter.Scope
	var processors meter.Energy
	gpus := 0
	for _, d := range run.Domains {
		energy, ok := metered[d.Name]
		if !ok {
			continue
		}
		switch d.Scope {
		case meter.ScopeGPU, meter.ScopeModule, meter.ScopeNode, meter.ScopePsys:
		default:
			processors += energy
		}
		scopes = append(scopes, d.Scope)
		if d.Scope == meter.ScopeGPU || d.Scope == meter.ScopeModule {
			gpus++
		}
	}
	u.Metered = lca.BoundaryOf(scopes...)
	u.Devices, u.Counts = max(gpus, 1), lca.Accelerators
	if gpus == 0 {
		// The one host, all of whose energy is that of processors.
		u.Counts, u.Cores = lca.Hosts, run.Host.Cores
	}
	u.ProcessorEnergy = min(processors, u.Energy)
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
	lifetime, of := first.Inventory.Lifetime()
	w, err := results.NewFootprintWriter(filepath.Join(dir, results.FootprintFile), map[string]string{
		"inventory":           first.Inventory.Name,
		"inventory_file":      first.Inventory.File,
		"inventory_sha256":    first.Inventory.Hash,
		"choices":             first.Options.Choices(),
		"lifetime_inferences": strconv.FormatFloat(lifetime, 'g', -1, 64),
		"lifetime_unit":       string(of),
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
		if err := w.Write(a.Rows); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Close()
}
