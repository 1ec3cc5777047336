package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// largeEnv asks for the measurements of large folders, which take minutes and
// gigabytes of disk: it is the number of cells of the folder with many.
const largeEnv = "CFU_LARGE"

// BenchmarkLarge measures the passes over large folders in processes of their own,
// for the table of docs/results.md. A pass that comes again (#01) finds summary and
// report, which it makes again:
//
//	CFU_LARGE=10000 go test ./cmd/cfu -run '^$' -bench Large -benchtime 1x -timeout 1h
func BenchmarkLarge(b *testing.B) {
	if os.Getenv(largeEnv) == "" {
		b.Skip("set " + largeEnv + "=10000 to measure large folders")
	}
	for _, bb := range []struct {
		name   string
		write  func(b *testing.B, dir string)
		passes [][]string
	}{
		{"sensors", writeSensors, [][]string{{"attribute"}, {"report"}, {"attribute"}, {"amortize"}, {"check"}}},
		{"cells", writeCells, [][]string{{"amortize", "--inventory", "olmo2-7b"}, {"report"}, {"amortize", "--inventory", "olmo2-7b"}, {"check"}}},
	} {
		dir := filepath.Join(b.TempDir(), "out")
		bb.write(b, dir)
		for _, pass := range bb.passes {
			b.Run(bb.name+"/"+pass[0], func(b *testing.B) {
				var most int64
				var busy time.Duration
				for b.Loop() {
					p := startCommand(b, nil, "cfu", append([]string{pass[0], dir}, pass[1:]...)...)
					<-p.ended
					if state := p.cmd.ProcessState; !state.Success() && !strings.Contains(p.stderr.String(), "the run is invalid") {
						b.Fatalf("%v: %s", state, &p.stderr)
					}
					usage := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
					most, busy = max(most, usage.Maxrss), busy+p.cmd.ProcessState.UserTime()+p.cmd.ProcessState.SystemTime()
				}
				b.ReportMetric(float64(most)/1024, "peak-MiB")
				b.ReportMetric(busy.Seconds()/float64(b.N), "processor-s/op")
			})
		}
	}
}

// writeSensors makes a run of one cell of 8 hours with a request a second, metered
// by 8 counters that were read 50 times a second: 11.5 million readings.
func writeSensors(b *testing.B, dir string) {
	const length, poll = 8 * time.Hour, 20 * time.Millisecond
	var domains []meter.Domain
	for i := range 8 {
		domains = append(domains, meter.Domain{
			Name: fmt.Sprint("gpu", i), Device: fmt.Sprint("GPU-", i), Source: "nvml", Kind: meter.KindCounter, Scope: meter.ScopeGPU,
			Quantum: meter.Joule / 1000, UpdatePeriod: poll, Limit: 700 * meter.Watt, Note: "simulated",
		})
	}
	run := runfolder.Run{
		Cfu: "simulated", Engine: []runfolder.EngineInfo{{Kind: "vllm", Model: "simulated"}}, Domains: runfolder.Describe(domains),
		Cells: []runfolder.Cell{{
			ID: "b0-c8-r1", Point: runfolder.Point{Load: runfolder.Load{Concurrency: 8}}, Repeat: 1, Complete: true,
			IdleBefore: meter.Window{End: time.Minute}, Window: meter.Window{Start: time.Minute, End: length - time.Minute},
			IdleAfter: meter.Window{Start: length - time.Minute, End: length}, Requests: int((length - 2*time.Minute) / time.Second),
		}},
	}
	cell := run.Cells[0]
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(runfolder.MakeDir(runfolder.CellDir(dir, cell.ID)))
	requests, err := runfolder.Requests().Create(runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), nil)
	check(err)
	for i := range cell.Requests {
		at := cell.Window.Start + time.Duration(i)*time.Second
		r := loadgen.Record{
			Request: i, Conversation: fmt.Sprint(i), Due: at, Sent: at, FirstToken: at + 50*time.Millisecond, LastToken: at + 990*time.Millisecond, Done: at + 990*time.Millisecond,
			PromptTokens: 100, OutputTokens: 2, CachedTokens: loadgen.Unknown, ReasoningTokens: loadgen.Unknown, Status: 200, FinishReason: "stop",
			TokenAt: []time.Duration{at + 50*time.Millisecond, at + 990*time.Millisecond}, TokenCount: []int32{1, 1}, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
		}
		check(requests.Write(runfolder.Request{Key: cell.Key(), Record: r}))
	}
	check(requests.Close())
	readings, err := runfolder.NewReadingsWriter(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile), run.Domains, nil)
	check(err)
	// Times as a busy host has them, and power as uneven as a server's.
	rng := rand.New(rand.NewPCG(1, 2))
	late := func(mean time.Duration) time.Duration { return time.Duration(rng.ExpFloat64() * float64(mean)) }
	energy := make([]meter.Energy, len(domains))
	batch := make([]meter.Reading, 0, len(domains))
	for at := time.Duration(0); at <= length; at += poll {
		batch = batch[:0]
		read := at + late(100*time.Microsecond)
		for i := range domains {
			watts := max(300+100*math.Sin(at.Seconds()/10+float64(i))+60*rng.NormFloat64(), 50)
			energy[i] += domains[i].Quantum * (meter.EnergyOf(meter.Power(watts*1e6), poll) / domains[i].Quantum)
			before := read
			read += 20*time.Microsecond + late(10*time.Microsecond)
			batch = append(batch, meter.Reading{
				Domain: i, Before: before, After: read, Energy: energy[i], HasEnergy: true,
				Power: meter.Power(watts * 1e6), HasPower: true, Status: meter.StatusOK,
			})
		}
		check(readings.Write(batch))
	}
	check(readings.Close())
	check(runfolder.WriteRun(dir, run))
}

// writeCells makes a run of as many cells as largeEnv says, with energy and no
// footprint: one cell's tables again and again.
func writeCells(b *testing.B, dir string) {
	cells, err := strconv.Atoi(os.Getenv(largeEnv))
	if err != nil {
		b.Fatal(err)
	}
	spec := simulated.Spec{
		Seed: 1, Model: "simulated", Batches: []int{2}, Concurrencies: []int{2}, Repeats: 1, Requests: 5,
		Server: simulated.DefaultServer(), Conventions: "token",
	}
	run, err := spec.Write(dir)
	if err != nil {
		b.Fatal(err)
	}
	one := run.Cells[0]
	run.Cells = run.Cells[:0]
	for i := range cells {
		cell := one
		cell.Concurrency, cell.Repeat = 2+i/2, 1+i%2
		cell.ID = cell.Point.Cell(cell.Repeat)
		if cell.ID != one.ID {
			if err := os.CopyFS(runfolder.CellDir(dir, cell.ID), os.DirFS(runfolder.CellDir(dir, one.ID))); err != nil {
				b.Fatal(err)
			}
		}
		run.Cells = append(run.Cells, cell)
	}
	if err := runfolder.WriteRun(dir, run); err != nil {
		b.Fatal(err)
	}
}
