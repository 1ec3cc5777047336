package report_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Size of the benchmark's run.
const (
	benchRequests = 1_000_000
	benchTokens   = 64
	benchReadings = 100_000
)

// BenchmarkReport makes the report of a run of 1 million requests of 64 tokens
// in a process of its own, and gives its time and peak memory:
//
//	go test ./results/report -run '^$' -bench Report -benchtime 3x
func BenchmarkReport(b *testing.B) {
	if dir := os.Getenv("CFU_BENCH_REPORT"); dir != "" {
		b.Skip("this is the process that is measured")
	}
	dir := b.TempDir()
	writeMillion(b, dir)
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestReportForBenchmark$")
		cmd.Env = append(os.Environ(), "CFU_BENCH_REPORT="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss) // KiB on Linux
		}
	}
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
}

// TestReportForBenchmark is the process that BenchmarkReport measures.
func TestReportForBenchmark(t *testing.T) {
	dir := os.Getenv("CFU_BENCH_REPORT")
	if dir == "" {
		t.Skip("only in BenchmarkReport's process")
	}
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := summary.SummarizeWith(t.Context(), dir, run, summary.Options{Limits: summary.DefaultLimits(), Traces: 12})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Cells[0].Whole.Completed; got != benchRequests {
		t.Fatalf("%d requests, want %d", got, benchRequests)
	}
	if err := report.Write(io.Discard, run, s); err != nil {
		t.Fatal(err)
	}
}

// writeMillion writes one cell of 1 million requests at 1,000 a second.
func writeMillion(b *testing.B, dir string) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	cell := runfolder.Cell{ID: "b256-rate1000-r1", Point: runfolder.Point{Batch: 256, Load: runfolder.AtRate(1000)}, Repeat: 1, Complete: true, Requests: benchRequests}
	folder := runfolder.CellDir(dir, cell.ID)
	check(os.MkdirAll(folder, 0o755))
	rng := rand.New(rand.NewPCG(1, 1))
	w, err := runfolder.Requests().Create(filepath.Join(folder, runfolder.RequestsFile), nil)
	check(err)
	var end time.Duration
	for i := range benchRequests {
		due := time.Second + time.Duration(i)*time.Millisecond
		r := loadgen.Record{
			Request: i, Conversation: fmt.Sprint("c", i), Due: due, Sent: due + time.Duration(rng.IntN(100_000)),
			PromptTokens: 200, OutputTokens: benchTokens, TargetOutputTokens: benchTokens, CachedTokens: 0,
			FinishReason: "length", Status: 200, ConnectionReused: true, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
			TokenAt: make([]time.Duration, benchTokens), TokenCount: make([]int32, benchTokens),
		}
		at := r.Sent + time.Duration(rng.IntN(int(50*time.Millisecond)))
		r.FirstToken = at
		for k := range r.TokenAt {
			r.TokenAt[k], r.TokenCount[k] = at, 1
			at += time.Duration(rng.IntN(int(6 * time.Millisecond)))
		}
		r.LastToken, r.Done = r.TokenAt[benchTokens-1], r.TokenAt[benchTokens-1]
		end = max(end, r.Done)
		check(w.Write(runfolder.Request{Key: cell.Key(), Record: r}))
	}
	check(w.Close())
	cell.Window = meter.Window{Start: time.Second, End: end}
	domain := meter.Domain{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU, Quantum: meter.Millijoule, UpdatePeriod: 20 * time.Millisecond, Limit: 700 * meter.Watt}
	domains := runfolder.Describe([]meter.Domain{domain})
	rw, err := runfolder.NewReadingsWriter(filepath.Join(folder, runfolder.ReadingsFile), domains, nil)
	check(err)
	readings := make([]meter.Reading, benchReadings)
	for i := range readings {
		at := time.Duration(float64(i) / benchReadings * float64(end+2*time.Second))
		readings[i] = meter.Reading{Before: at, After: at + 30*time.Microsecond, Energy: meter.Energy(at.Seconds()*500) * meter.Joule, HasEnergy: true, Status: meter.StatusOK}
	}
	check(rw.Write(readings))
	check(rw.Close())
	run := runfolder.Run{
		Config: runfolder.Config{Seed: 1}, Engine: []runfolder.EngineInfo{{Batch: 256, Kind: "vllm", Model: "simulated"}},
		Domains: domains, Cells: []runfolder.Cell{cell},
	}
	check(runfolder.WriteRun(dir, run))
	by := derivation.Attribution{Conventions: "token,phase", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}
	_, err = by.Cell(b.Context(), dir, run, cell)
	check(err)
}
