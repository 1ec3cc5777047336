package derivation

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// BenchmarkAttributeTables attributes one cell of N requests and a tenth as
// many readings from its tables, and reports apart what reading them, dividing
// and writing energy.arrow (one convention, one domain) cost, in rows/s.
func BenchmarkAttributeTables(b *testing.B) {
	for _, n := range []int{1e4, 1e5} {
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			cell := writeLoad(b, dir, n)
			folder := runfolder.CellDir(dir, cell.ID)
			var reading, scanning, dividing, writing time.Duration
			readings := 0
			for b.Loop() {
				start := time.Now()
				reqs, _, err := ReadColumns(b.Context(), filepath.Join(folder, runfolder.RequestsFile))
				if err != nil {
					b.Fatal(err)
				}
				reading += time.Since(start)
				start = time.Now()
				table, err := runfolder.ReadReadings(filepath.Join(folder, runfolder.ReadingsFile))
				if err != nil {
					b.Fatal(err)
				}
				scanning += time.Since(start)
				readings = len(table.ByDomain[0])
				start = time.Now()
				divider, err := attribution.NewDivider(reqs, cell.Window)
				if err != nil {
					b.Fatal(err)
				}
				curve, _ := attribution.NewCurve(table.Domains[0].Domain, table.ByDomain[0])
				if _, err := divider.Divide(attribution.Residency{}, curve, attribution.Idle{}); err != nil {
					b.Fatal(err)
				}
				dividing += time.Since(start)
				start = time.Now()
				meters := &Meters{Domains: table.Domains, Curves: []*attribution.Curve{curve}, Idle: make([]attribution.Idle, 1)}
				if err := write(b.Context(), dir, cell, nil, divider, meters, []attribution.Convention{attribution.Residency{}}); err != nil {
					b.Fatal(err)
				}
				writing += time.Since(start)
			}
			rate := func(rows int, d time.Duration) float64 { return float64(rows*b.N) / d.Seconds() }
			b.ReportMetric(rate(n, reading), "requests-read/s")
			b.ReportMetric(rate(readings, scanning), "readings-read/s")
			b.ReportMetric(rate(n, dividing), "requests-divided/s")
			b.ReportMetric(rate(n+2, writing), "rows-divided-and-written/s")
		})
	}
}

// writeLoad writes the raw tables of one cell of n requests of 64 tokens, 64
// in flight, over one counter.
func writeLoad(b *testing.B, dir string, n int) runfolder.Cell {
	const gap = 10 * time.Millisecond
	cell := runfolder.Cell{ID: "b64-c64-r1", Point: runfolder.Point{Batch: 64, Load: runfolder.Load{Concurrency: 64}}, Repeat: 1, Window: meter.Window{Start: 0, End: time.Duration(n)*gap + 2*time.Second}}
	folder := runfolder.CellDir(dir, cell.ID)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		b.Fatal(err)
	}
	requests, err := runfolder.Requests().Create(filepath.Join(folder, runfolder.RequestsFile), nil)
	if err != nil {
		b.Fatal(err)
	}
	row := runfolder.Request{Key: cell.Key()}
	for i := range n {
		sent := time.Duration(i) * gap
		r := loadgen.Record{Request: i, Due: sent, Sent: sent, FirstToken: sent + 50*time.Millisecond, PromptTokens: 200, OutputTokens: 64,
			CachedTokens: 0, TargetOutputTokens: 64, Status: 200, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never}
		for k := range 64 {
			r.TokenAt, r.TokenCount = append(r.TokenAt, r.FirstToken+time.Duration(k)*9*time.Millisecond), append(r.TokenCount, 1)
		}
		r.LastToken = r.TokenAt[63]
		r.Done = r.LastToken + time.Millisecond
		row.Record = r
		if err := requests.Write(row); err != nil {
			b.Fatal(err)
		}
	}
	if err := requests.Close(); err != nil {
		b.Fatal(err)
	}
	domain := meter.Domain{Name: "gpu0", Device: "GPU-1", Source: "nvml", Kind: meter.KindCounter, UpdatePeriod: 100 * time.Millisecond, Quantum: meter.Millijoule, Limit: 700 * meter.Watt}
	table, err := runfolder.NewReadingsWriter(filepath.Join(folder, runfolder.ReadingsFile), runfolder.Describe([]meter.Domain{domain}), nil)
	if err != nil {
		b.Fatal(err)
	}
	var readings []meter.Reading
	for at := time.Duration(0); at <= cell.Window.End+time.Second; at += 100 * time.Millisecond {
		readings = append(readings, meter.Reading{Before: at, After: at + time.Millisecond, HasEnergy: true, Energy: meter.EnergyOf(400*meter.Watt, at), Status: meter.StatusOK})
	}
	if err := table.Write(readings); err != nil {
		b.Fatal(err)
	}
	if err := table.Close(); err != nil {
		b.Fatal(err)
	}
	return cell
}
