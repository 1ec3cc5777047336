// Package simulated writes run folders whose truth is known, through the real
// writers: a server with batch slots, a counter of its energy and requests that
// queue, all drawn from a seed. Statistics, comparisons and reports are held
// against it. Nothing in it is a measurement.
package simulated

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
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
	// Parts are the domains of the host and each one's share of the server's
	// power; RAPL where there are none.
	Parts []Part
	// Conventions to attribute by, as attribution.Parse takes them; "" for no
	// energy table.
	Conventions string
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

// Write makes the run folder dir, which may exist and be empty, through the
// writers of a real run and the passes over its tables.
func (s Spec) Write(dir string) (runfolder.Run, error) {
	config := runfolder.Config{
		Dataset: "sample", Select: "first", Tokenizer: "endpoint", NumRequests: s.Requests, Seed: int64(s.Seed), IgnoreEOS: true,
		API: "chat", Batch: s.Batches, Concurrency: s.Concurrencies, Convention: s.Conventions, Inventory: s.Inventory,
	}
	for _, r := range s.Rates {
		config.Rate = append(config.Rate, strconv.FormatFloat(r, 'g', -1, 64))
	}
	parts := s.parts()
	domains := make([]meter.Domain, len(parts))
	for i, p := range parts {
		domains[i] = p.Domain
	}
	run := runfolder.Run{
		Cfu: "simulated", Started: "2026-01-02T03:04:05Z",
		Config: config, ConfigHash: config.Hash(), TraceHash: fmt.Sprintf("trace-%d", s.Seed), ScheduleHash: map[string]string{},
		Trace:   runfolder.TraceInfo{Source: "sample", Selection: "first", Tokenizer: "endpoint", Requests: s.Requests},
		Host:    runfolder.Host{OS: "linux", Kernel: "simulated", CPU: "simulated CPU", Cores: 8, Memory: 64 << 30},
		Domains: runfolder.Describe(domains),
	}
	for i := range run.Domains {
		run.Domains[i].Poll = Poll
	}
	if err := s.writeBareIdle(dir, &run); err != nil {
		return run, err
	}
	for _, batch := range s.Batches {
		run.Engine = append(run.Engine, runfolder.EngineInfo{Batch: batch, EffectiveBatch: batch, Kind: "llama.cpp", Version: "simulated", Model: s.Model})
		for _, cell := range s.cells(batch) {
			if err := s.writeCell(dir, run, &cell); err != nil {
				return run, err
			}
			run.Cells = append(run.Cells, cell)
		}
	}
	if s.Incomplete {
		last := &run.Cells[len(run.Cells)-1]
		last.Complete, last.Interrupted = false, "interrupted"
	}
	if err := runfolder.WriteRun(dir, run); err != nil {
		return run, err
	}
	return run, s.derive(dir, run)
}

// derive makes the derived tables that the spec asks for.
func (s Spec) derive(dir string, run runfolder.Run) error {
	if s.Conventions == "" {
		return nil
	}
	bare, err := derivation.ReadBare(dir, run)
	if err != nil {
		return err
	}
	by := derivation.Attribution{Conventions: s.Conventions, Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}, Bare: bare}
	for _, cell := range run.Cells {
		if _, err := by.Cell(context.Background(), dir, run, cell); err != nil {
			return err
		}
	}
	if s.Inventory == "" {
		return nil
	}
	_, err = derivation.NewAmortization(s.Inventory).Run(context.Background(), dir, run, nil)
	return err
}

// Part is a domain and its share of the server's power.
type Part struct {
	meter.Domain
	Share float64
}

// register is a simulated counter of a part.
func register(name, host string, scope meter.Scope, parent string, share float64) Part {
	return Part{meter.Domain{
		Name: name, Device: "simulated " + name, Host: host, Source: "rapl", Kind: meter.KindCounter, Scope: scope, Parent: parent,
		Quantum: 61, UpdatePeriod: time.Millisecond, Limit: 600 * meter.Watt, Note: "simulated",
	}, share}
}

// RAPL is a client processor: package and memory, which are summed, the cores
// within the package, and the platform register that covers both.
func RAPL() []Part {
	return []Part{
		register("package-0", "", meter.ScopePackage, "", 0.85),
		register("core", "", meter.ScopeCore, "package-0", 0.5),
		register("dram", "", meter.ScopeDRAM, "", 0.15),
		register("psys", "", meter.ScopePsys, "", 1.3),
	}
}

// Superchips are two hosts with a superchip each: a module that holds its GPU,
// which holds its memory.
func Superchips() []Part {
	var parts []Part
	for i, host := range []string{"a", "b"} {
		n := strconv.Itoa(i)
		for _, p := range []Part{
			register("module"+n, host, meter.ScopeModule, "", 0.5),
			register("gpu"+n, host, meter.ScopeGPU, "module"+n, 0.35),
			register("memory"+n, host, meter.ScopeHBM, "gpu"+n, 0.05),
		} {
			p.Device, p.Source = "GPU-"+n, "nvml"
			parts = append(parts, p)
		}
	}
	return parts
}

// parts are the domains that the spec asks for.
func (s Spec) parts() []Part {
	switch {
	case s.Kind == meter.KindModel:
		return []Part{{meter.Domain{
			Name: "process", Device: "simulated", Source: "cputime", Kind: meter.KindModel, Scope: meter.ScopeProcess,
			Quantum: 61, UpdatePeriod: time.Millisecond, Note: "simulated model",
		}, 1}}
	case s.Parts != nil:
		return s.Parts
	}
	return RAPL()
}

// cells are the cells of one batch size.
func (s Spec) cells(batch int) []runfolder.Cell {
	var loads []runfolder.Load
	for _, c := range s.Concurrencies {
		loads = append(loads, runfolder.Load{Concurrency: c})
	}
	for _, rate := range s.Rates {
		loads = append(loads, runfolder.AtRate(rate))
	}
	var cells []runfolder.Cell
	for _, load := range loads {
		point := runfolder.Point{Batch: batch, Load: load}
		for r := range max(1, s.Repeats) {
			cells = append(cells, runfolder.Cell{ID: point.Cell(r + 1), Point: point, Repeat: r + 1, Complete: true})
		}
	}
	return cells
}

// writeBareIdle simulates the host before its server. A model of the server's
// processes has none to read.
func (s Spec) writeBareIdle(dir string, run *runfolder.Run) error {
	run.BareIdle = &runfolder.BareIdle{Window: meter.Window{Start: Poll, End: idleTime}}
	if s.Kind == meter.KindModel {
		run.BareIdle = &runfolder.BareIdle{NotMeasured: "simulated model"}
		return nil
	}
	folder := filepath.Join(dir, runfolder.BareDir)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	bare := s
	bare.Server.Idle = s.Server.Bare
	readings := bare.readings(rand.New(rand.NewPCG(s.Seed, 0)), nil, idleTime+Poll)
	return writeReadings(filepath.Join(folder, runfolder.ReadingsFile), run.Domains, readings, nil)
}

// writeCell simulates one cell and writes its raw tables.
func (s Spec) writeCell(dir string, run runfolder.Run, cell *runfolder.Cell) error {
	folder := runfolder.CellDir(dir, cell.ID)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
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
	cell.IdleBefore = meter.Window{Start: Poll, End: idleTime} // the first reading is not at 0
	cell.Window = meter.Window{Start: idleTime, End: end}
	cell.IdleAfter = meter.Window{Start: end, End: end + idleTime}
	cell.Requests = len(records)
	cell.ScheduleHash = "schedule-" + cell.Load.String()
	for _, r := range records {
		if !r.OK() {
			cell.Errors++
		}
	}
	meta := map[string]string{"cell": cell.ID, "model": s.Model}
	if err := writeRequests(filepath.Join(folder, runfolder.RequestsFile), *cell, records, meta); err != nil {
		return err
	}
	readings := s.readings(rng, records, end+2*idleTime)
	return writeReadings(filepath.Join(folder, runfolder.ReadingsFile), run.Domains, readings, meta)
}

func writeRequests(path string, cell runfolder.Cell, records []loadgen.Record, meta map[string]string) error {
	w, err := runfolder.Requests().Create(path, meta)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := w.Write(runfolder.Request{Key: cell.Key(), Record: r}); err != nil {
			return err
		}
	}
	return w.Close()
}

func writeReadings(path string, domains []runfolder.DomainInfo, readings []meter.Reading, meta map[string]string) error {
	w, err := runfolder.NewReadingsWriter(path, domains, meta)
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
