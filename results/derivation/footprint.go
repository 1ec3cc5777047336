package derivation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/outcomes"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Amortization says how a run is amortized.
type Amortization struct {
	// Inventory is a preset or a file: "" for the run's own, and NoInventory, as
	// where the run has none, for what the run itself allows.
	Inventory string
	Options   lca.Options
	// FewerDraws lets Options.Draws be fewer a cell where a run has hundreds of
	// cells; see drawsOf.
	FewerDraws bool
	SLO        loadgen.SLO // of functional unit slo_request, none for the run's own
	// Convention is whose rows RequestsOnly sums, "" for the first of the table.
	Convention string
	// RequestsOnly leaves out the window's idle and unattributed energy.
	RequestsOnly bool
	// Outcomes are joined to requests as functional unit OutcomeUnit, if there
	// are any.
	Outcomes    *outcomes.Index
	OutcomeUnit string
	// OutcomesOf stand for Outcomes in the run of a folder, by its path: designs that are
	// compared were judged each by itself.
	OutcomesOf map[string]*outcomes.Index
	Devices    int // that wall time counts on; 0 for the metered GPUs, or 1
}

// NoInventory is the name of none: what was recognised is amortized.
const NoInventory = "none"

// NewAmortization amortizes with the inventory and the defaults of cfu
// amortize: 95 % intervals from 10,000 draws, few enough for a sweep of dozens of
// cells in seconds.
func NewAmortization(inventory string) Amortization {
	return Amortization{Inventory: inventory, Options: lca.Options{Draws: 10000, Seed: 1}, FewerDraws: true}
}

// Draws of a run in all, from which on cells get fewer, and of a cell at least: a
// thousand place the ends of a 95 % interval within half a percent of the
// distribution, by one standard deviation (√(0.025·0.975/1000)).
const (
	drawsInAll   = 2_000_000
	drawsAtLeast = 1000
)

// drawsOf is how often each of so many cells is drawn.
func (m Amortization) drawsOf(cells int) int {
	if !m.FewerDraws || cells == 0 {
		return m.Options.Draws
	}
	return min(m.Options.Draws, max(drawsAtLeast, drawsInAll/cells))
}

// inventory is the one that was named, else the run's own, else what the run
// itself allows: the use phase, and of the making what was recognised. The notes
// say what was taken.
func (m Amortization) inventory(run runfolder.Run) (lca.Inventory, []string, error) {
	switch own := run.Config.Inventory; {
	case m.Inventory == NoInventory, m.Inventory == "" && (own == "" || own == NoInventory):
	case m.Inventory == "":
		inv, err := lca.Load(own, Files{})
		if err != nil {
			err = fmt.Errorf("the run's own inventory: %w: name it with --inventory, or %s for none", err, NoInventory)
		}
		return inv, nil, err
	default:
		inv, err := lca.Load(m.Inventory, Files{})
		return inv, nil, err
	}
	seen := lca.Seen{CPU: run.Host.CPU, Counts: lca.Hosts}
	var domains []meter.Domain
	for _, d := range runfolder.Summed(run.Domains) {
		domains = append(domains, d.Domain)
	}
	for _, d := range meter.Devices(domains) {
		seen.Counts = lca.Accelerators
		if !slices.Contains(seen.Products, d.Product) {
			seen.Products = append(seen.Products, d.Product)
		}
	}
	for i, e := range run.Engine {
		if i == 0 {
			seen.Model = e.Model
		} else if e.Model != seen.Model {
			seen.Model = "" // several models have no one making
		}
	}
	return lca.ForRun(seen)
}

// errNotAssessable marks a cell that is left out.
var errNotAssessable = errors.New("left out of the footprint")

// usage sums up one cell: its counts, from one pass over the requests, and its
// one energy, from energy.arrow. mixOf is the hourly mix where a host stands, nil for
// none.
func (m Amortization) usage(ctx context.Context, dir string, run runfolder.Run, cell runfolder.Cell, mixOf func(host string) *lca.Hourly) (lca.Usage, error) {
	u := lca.Usage{Cell: cell.ID, SLO: m.SLO.String(), Source: filepath.Join(runfolder.CellsDir, cell.ID, runfolder.EnergyFile)}
	counter := m.counter(cell.ID)
	var err error
	if run.Record.Serves() {
		counter = nil // there are no rows that outcomes could be joined to
		err = countServed(ctx, &u, dir, cell)
	} else {
		err = count(ctx, &u, runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), together(run, cell), m.SLO, counter)
	}
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
		u.Outcomes = []lca.OutcomeCount{{Name: m.OutcomeUnit, Count: t.Value, Lo: lo, Hi: hi, Judged: t.Judged}}
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
	u.Energy, u.EnergyKind, u.Meter = energy.Energy, energy.kind(), meterError(energy.counted())
	if hi := meter.Energy(energy.Hi); hi != meter.Unbounded {
		u.EnergyLo, u.EnergyHi = energy.Lo, hi
	}
	used := energy.byDomain()
	if m.RequestsOnly {
		if used, err = m.requestsOnly(ctx, &u, runfolder.CellFile(dir, cell.ID, runfolder.EnergyFile)); err != nil {
			return lca.Usage{}, err
		}
	}
	m.hardware(&u, run, energy, used)
	if len(m.Options.Hourly) > 0 {
		if err := hours(ctx, dir, cell, u.Hosts, mixOf); err != nil {
			return lca.Usage{}, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
	}
	u.BusyTime = cell.Window.Length() * time.Duration(u.Devices)
	if e := run.EngineOf(cell.Point); e != nil {
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

// count counts what the requests at path delivered. Tokens that a failed request was
// answered with are tokens all the same, as in the energy of an output token.
func count(ctx context.Context, u *lca.Usage, path string, batch int, slo loadgen.SLO, counter *outcomes.Counter) error {
	conversations, unnamed := map[string]bool{}, false
	prompts, uncounted := int64(0), false
	reasoning, hidden := int64(0), false
	for r, err := range runfolder.Requests().Scan(ctx, path) {
		if err != nil {
			return err
		}
		tokens := int64(max(0, r.Tokens()))
		u.OutputTokens += tokens
		if r.OK() || tokens > 0 {
			prompts += int64(max(0, r.PromptTokens))
			reasoning += int64(max(0, r.ReasoningTokens))
			hidden = hidden || r.ReasoningTokens == loadgen.Unknown
		}
		if !r.OK() {
			continue
		}
		u.Requests++
		if counter != nil {
			counter.Add(int64(r.Record.Request), r.Conversation)
		}
		conversations[r.Conversation] = true
		unnamed = unnamed || r.Conversation == ""
		uncounted = uncounted || r.PromptTokens == loadgen.Unknown
		if slo != (loadgen.SLO{}) && slo.Met(r.Record) {
			u.SLORequests++
		}
	}
	if !uncounted { // else a part would stand for all
		u.TotalTokens = u.OutputTokens + prompts
	}
	if !hidden && reasoning > 0 {
		u.AnswerTokens = max(0, u.OutputTokens-reasoning)
	}
	if !unnamed { // requests of an imported log are of no conversation that it names
		u.Conversations = int64(len(conversations))
	}
	if batch > 0 {
		u.Batches = (u.Requests + int64(batch) - 1) / int64(batch)
	}
	return nil
}

// requestsOnly replaces the cell's energy by that of its requests, without the
// idle time and what nobody can be charged with, by one convention: what is left
// out differs among them. It gives the sum of each domain.
func (m Amortization) requestsOnly(ctx context.Context, u *lca.Usage, path string) (map[string]Estimate, error) {
	convention := m.Convention
	found, used := []string{}, map[string]Estimate{}
	for s, err := range runfolder.Energies().Scan(ctx, path) {
		if err != nil {
			return nil, err
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
		before, ok := used[s.Domain]
		if !ok {
			before.Known = true
		}
		used[s.Domain] = before.plus(Estimate{Known: true, Energy: s.Energy, Lo: s.Lo, Hi: s.Hi})
	}
	if !slices.Contains(found, convention) {
		return nil, fmt.Errorf("read %s: it has no convention %q: it has %s", path, convention, strings.Join(found, ", "))
	}
	sum := Estimate{Known: true}
	for _, e := range used {
		sum = sum.plus(e)
	}
	u.Energy, u.EnergyLo, u.EnergyHi = sum.Energy, 0, 0
	if sum.Hi != meter.Unbounded {
		u.EnergyLo, u.EnergyHi = sum.Lo, sum.Hi
	}
	return used, nil
}

// kind is the sum's as the life cycle names it.
func (e CellEnergy) kind() meter.Kind { return kindOf(e.counted()) }

// counted are the energies that are summed.
func (e CellEnergy) counted() (domains []DomainEnergy) {
	for _, d := range e.Domains {
		if d.Summed {
			domains = append(domains, d)
		}
	}
	return domains
}

// hardware says what was metered: its boundary, its name, what each host used,
// and the number of devices, which are the accelerators whose energy is summed or
// else the hosts.
func (m Amortization) hardware(u *lca.Usage, run runfolder.Run, energy CellEnergy, used map[string]Estimate) {
	domains := energy.summed()
	scopes := make([]meter.Scope, len(domains))
	for i, d := range domains {
		scopes[i] = d.Scope
	}
	gpus := len(meter.Devices(domains))
	u.Metered, u.Hosts = lca.BoundaryOf(scopes...), hostsOf(energy, used)
	u.Devices, u.Counts = gpus, lca.Accelerators
	if gpus == 0 {
		u.Devices, u.Counts, u.Cores = max(len(u.Hosts), 1), lca.Hosts, run.Host.Cores
	}
	for _, h := range u.Hosts {
		u.ProcessorEnergy += h.ProcessorEnergy
	}
	if m.Devices > 0 {
		u.Devices = m.Devices
	}
	var products []string
	for _, d := range meter.Devices(domains) {
		if d.Product != "" && !slices.Contains(products, d.Product) {
			products = append(products, d.Product)
		}
	}
	u.Hardware = strings.Join(products, ", ")
	if gpus == 0 && run.Host.CPU != "" {
		u.Hardware = "CPU " + run.Host.CPU
	}
}
