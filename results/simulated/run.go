// Package simulated writes run folders whose truth is known, through the real
// writers: a server with batch slots, a counter of its energy and requests that
// queue, all drawn from a seed. Statistics, comparisons and reports are held
// against it. Nothing in it is a measurement.
package simulated

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results"
)

// Spec describes a run folder.
type Spec struct {
	Seed          uint64
	Model         string
	Batches       []int
	Concurrencies []int     // closed loop
	Rates         []float64 // open loop, Poisson arrivals, requests/s
	Repeats       int
	Requests      int // a cell
	Server        Server
	Kind          meter.Kind // of the domain; counter by default
	// Conventions to attribute by; none for no energy table.
	Conventions []attribution.Convention
	// Inventory to amortize with; "" for no footprint.
	Inventory string
	// Failures is the share of requests that fail.
	Failures float64
	// Incomplete marks the last cell as interrupted.
	Incomplete bool
}

// Server is how the simulated server behaves.
type Server struct {
	// TokenTime is the time between output tokens of a request that is alone;
	// each further request in its batch adds Contention of it.
	TokenTime  time.Duration
	Contention float64
	// PrefillTime is per prompt token.
	PrefillTime time.Duration
	// Power without the server and while it is idle, and what the first and each
	// further active request add.
	Bare, Idle, First, Further meter.Power
	// Noise is the standard deviation of a request's speed, relative, and
	// Correlation that of one request's noise with the next's.
	Noise, Correlation float64
	// Tokens a request: mean of its exponential length above the least.
	Prompt, Output int
	// Chunk is how many tokens come in one event.
	Chunk int
}

// DefaultServer is a small server: 20 ms a token, 40 W idle, on a
// host that draws 25 W without it.
func DefaultServer() Server {
	return Server{
		TokenTime: 20 * time.Millisecond, Contention: 0.08, PrefillTime: 400 * time.Microsecond,
		Bare: 25 * meter.Watt, Idle: 40 * meter.Watt, First: 45 * meter.Watt, Further: 6 * meter.Watt,
		Noise: 0.05, Correlation: 0.3, Prompt: 120, Output: 40, Chunk: 1,
	}
}

// Poll is the time between readings of the simulated counter.
const Poll = 20 * time.Millisecond

// idleTime is the length of the idle baselines before and after a cell.
const idleTime = 2 * time.Second

// Write makes the run folder dir, which may exist and be empty.
func (s Spec) Write(dir string) (results.Run, error) {
	run := results.Run{
		Cfu: "simulated", Started: "2026-01-02T03:04:05Z",
		Config:     map[string]any{"dataset": "sample", "num-requests": s.Requests, "seed": int64(s.Seed), "ignore-eos": true},
		ConfigHash: fmt.Sprintf("config-%d", s.Requests), TraceHash: fmt.Sprintf("trace-%d", s.Seed),
		ScheduleHash: map[string]string{},
		Trace:        results.TraceInfo{Source: "sample", Selection: "first", Tokenizer: "endpoint", Requests: s.Requests},
		Host:         results.Host{OS: "linux", Kernel: "simulated", CPU: "simulated CPU", Cores: 8, Memory: 64 << 30},
	}
	domain := s.domain()
	run.Domains = []results.DomainInfo{{
		Name: domain.Name, Device: domain.Device, Source: domain.Source, Kind: domain.Kind, Scope: domain.Scope,
		Quantum: domain.Quantum, Limit: domain.Limit, UpdatePeriod: domain.UpdatePeriod, Poll: Poll, Note: domain.Note,
	}}
	if err := s.writeBareIdle(dir, &run, domain); err != nil {
		return run, err
	}
	var footprint []lca.Row
	var inventory lca.Inventory
	if s.Inventory != "" {
		var err error
		if inventory, err = lca.Load(s.Inventory, nil); err != nil {
			return run, err
		}
	}
	for _, batch := range s.Batches {
		run.Engine = append(run.Engine, results.EngineInfo{Batch: batch, EffectiveBatch: batch, Kind: "llama.cpp", Version: "simulated", Model: s.Model})
		for _, cell := range s.cells(batch) {
			rows, err := s.writeCell(dir, &cell, domain, inventory)
			if err != nil {
				return run, err
			}
			footprint = append(footprint, rows...)
			run.Cells = append(run.Cells, cell)
		}
	}
	if s.Incomplete {
		last := &run.Cells[len(run.Cells)-1]
		last.Complete, last.Interrupted = false, "interrupted"
	}
	if footprint != nil {
		w, err := results.NewFootprintWriter(filepath.Join(dir, results.FootprintFile), map[string]string{
			"inventory": inventory.Name, "lifetime_inferences": strconv.FormatFloat(inventory.LifetimeInferences.Canonical(), 'g', -1, 64),
		})
		if err != nil {
			return run, err
		}
		if err := w.Write(footprint); err != nil {
			return run, err
		}
		if err := w.Close(); err != nil {
			return run, err
		}
	}
	return run, results.WriteRun(dir, run)
}

func (s Spec) domain() meter.Domain {
	d := meter.Domain{
		Name: "package-0", Device: "simulated", Source: "rapl", Kind: meter.KindCounter, Scope: meter.ScopePackage,
		Quantum: 61, UpdatePeriod: time.Millisecond, Limit: 400 * meter.Watt, Floor: 10 * meter.Watt, Note: "simulated",
	}
	if s.Kind == meter.KindModel {
		d.Name, d.Source, d.Kind, d.Scope = "process", "cputime", meter.KindModel, meter.ScopeProcess
		d.Note = "simulated model"
	}
	return d
}

// cells are the cells of one batch size.
func (s Spec) cells(batch int) []results.Cell {
	var cells []results.Cell
	for _, c := range s.Concurrencies {
		for r := range max(1, s.Repeats) {
			cells = append(cells, results.Cell{ID: fmt.Sprintf("b%d-c%d-r%d", batch, c, r+1), Batch: batch, Concurrency: c, Repeat: r + 1, Complete: true})
		}
	}
	for _, rate := range s.Rates {
		for r := range max(1, s.Repeats) {
			cells = append(cells, results.Cell{ID: fmt.Sprintf("b%d-rate%g-r%d", batch, rate, r+1), Batch: batch, Rate: rate, Repeat: r + 1, Complete: true})
		}
	}
	return cells
}

// writeBareIdle simulates the host before its server. A model of the server's
// processes has none to read.
func (s Spec) writeBareIdle(dir string, run *results.Run, domain meter.Domain) error {
	run.BareIdle = &results.BareIdle{Window: attribution.Window{Start: Poll, End: idleTime}}
	if domain.Kind == meter.KindModel {
		run.BareIdle = &results.BareIdle{NotMeasured: "simulated model"}
		return nil
	}
	folder := filepath.Join(dir, results.BareDir)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	bare := s
	bare.Server.Idle = s.Server.Bare
	readings := bare.readings(rand.New(rand.NewPCG(s.Seed, 0)), nil, idleTime+Poll, domain)
	return writeReadings(filepath.Join(folder, results.ReadingsFile), domain, readings, nil)
}

// writeCell simulates one cell and writes its tables.
func (s Spec) writeCell(dir string, cell *results.Cell, domain meter.Domain, inventory lca.Inventory) ([]lca.Row, error) {
	folder := results.CellDir(dir, cell.ID)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(s.Seed, hash(cell.ID)))
	records := s.requests(rng, *cell)
	end := records[0].Done
	for i := range records {
		end = max(end, records[i].Done)
		if rng.Float64() < s.Failures {
			records[i].Err, records[i].Status, records[i].FinishReason = "HTTP 500", 500, ""
		}
	}
	cell.IdleBefore = attribution.Window{Start: Poll, End: idleTime} // the first reading is not at 0
	cell.Window = attribution.Window{Start: idleTime, End: end}
	cell.IdleAfter = attribution.Window{Start: end, End: end + idleTime}
	cell.Requests = len(records)
	cell.ScheduleHash = "schedule-" + strconv.Itoa(cell.Concurrency)
	for _, r := range records {
		if !r.OK() {
			cell.Errors++
		}
	}
	meta := map[string]string{"cell": cell.ID, "model": s.Model}
	if err := writeRequests(filepath.Join(folder, results.RequestsFile), records, meta); err != nil {
		return nil, err
	}
	readings := s.readings(rng, records, end+2*idleTime, domain)
	if err := writeReadings(filepath.Join(folder, results.ReadingsFile), domain, readings, meta); err != nil {
		return nil, err
	}
	if len(s.Conventions) == 0 {
		return nil, nil
	}
	return s.derive(folder, *cell, domain, readings, records, meta, inventory)
}

func writeRequests(path string, records []loadgen.Record, meta map[string]string) error {
	w, err := results.NewRequestsWriter(path, meta)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(records, 8192) {
		if err := w.Write(chunk); err != nil {
			return err
		}
	}
	return w.Close()
}

func writeReadings(path string, domain meter.Domain, readings []meter.Reading, meta map[string]string) error {
	w, err := results.NewReadingsWriter(path, []meter.Domain{domain}, meta)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(readings, 4096) {
		if err := w.Write(chunk); err != nil {
			return err
		}
	}
	return w.Close()
}

// derive writes energy.arrow and assesses the cell.
func (s Spec) derive(folder string, cell results.Cell, domain meter.Domain, readings []meter.Reading, records []loadgen.Record, meta map[string]string, inventory lca.Inventory) ([]lca.Row, error) {
	curve, _ := attribution.NewCurve(domain, readings)
	idle, _ := attribution.MeasureIdle(curve, cell.IdleBefore, cell.IdleAfter)
	reqs := make([]attribution.Request, len(records))
	usage := lca.Usage{Cell: cell.ID, EnergyKind: domain.Kind, Metered: lca.Host, Devices: 1, BusyTime: cell.Window.Length(), Source: results.EnergyFile}
	for i, r := range records {
		reqs[i] = attribution.Request{
			ID: int64(r.Request), Sent: r.Sent, FirstToken: r.FirstToken, LastToken: r.LastToken, Done: r.Done,
			PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens,
			ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never, Failed: !r.OK(),
		}
		if r.OK() {
			usage.Requests++
			usage.OutputTokens += int64(r.OutputTokens)
		}
	}
	difference := curve.Counter(cell.Window)
	usage.Energy = difference.Energy
	out := map[string]string{
		results.MetaWindowStart:           strconv.FormatInt(int64(cell.Window.Start), 10),
		results.MetaWindowEnd:             strconv.FormatInt(int64(cell.Window.End), 10),
		results.MetaCounter + domain.Name: strconv.FormatInt(int64(difference.Energy), 10),
	}
	for k, v := range meta {
		out[k] = v
	}
	w, err := results.NewEnergyWriter(filepath.Join(folder, results.EnergyFile), out)
	if err != nil {
		return nil, err
	}
	for _, c := range s.Conventions {
		r, err := attribution.Attribute(c, reqs, curve, cell.Window, idle)
		if err != nil {
			return nil, err
		}
		if err := w.Write(r.Shares); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if s.Inventory == "" || usage.Requests == 0 {
		return nil, nil
	}
	a, err := lca.Assess(inventory, usage, lca.Options{MixBoundaries: true, FunctionalUnits: []lca.FunctionalUnit{lca.PerRequest}})
	if err != nil {
		return nil, err
	}
	return a.Rows, nil
}

// hash tells cells' random streams apart.
func hash(s string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, b := range []byte(s) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// exponential draws a count with the given mean, at least least.
func exponential(rng *rand.Rand, least, mean int) int {
	return least + int(math.Round(rng.ExpFloat64()*float64(max(0, mean-least))))
}
