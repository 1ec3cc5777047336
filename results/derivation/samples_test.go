package derivation

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/simulated"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// The driver's samples go through the table of the devices into the curve: each
// comes back, and where the counter bears them out they place its energy better.
func TestSamplesShapeACurve(t *testing.T) {
	const ms = time.Millisecond
	rng := rand.New(rand.NewPCG(4, 1))
	c := simulated.NewCell(rng, 100*meter.Watt, 3*time.Second, 8*time.Second)
	trace := simulated.Accelerator(20*ms).Read(rng, c.Truth, 0, 0)
	samples := simulated.Dial{Period: 20 * ms, Average: 20 * ms}.Samples(rng, c.Truth)

	dir, cell := t.TempDir(), runfolder.Cell{ID: "b0-c1-r1"}
	path := runfolder.CellFile(dir, cell.ID, runfolder.DevicesFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := runfolder.DeviceStates().Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := samples[0]
	for from := 1; from < len(samples); from += 50 { // a look a second
		b := meter.BufferedPower{From: last.At(), Energy: 1}
		for _, s := range samples[from:min(from+50, len(samples))] {
			b.Stamps, b.Powers, b.To, last = append(b.Stamps, s.At()), append(b.Powers, s.Power), s.At(), s
		}
		if err := w.Write(runfolder.StateRow(runfolder.Key{Cell: cell.ID}, meter.DeviceState{Domain: "sim0", At: last.At(), Buffered: &b})); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	read, err := readSamples(context.Background(), dir, cell)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range read["sim0"] {
		for _, s := range b.each {
			n++
			if want := samples[n]; s.At() != want.At() || s.Power != want.Power/meter.Milliwatt*meter.Milliwatt {
				t.Fatalf("sample %d: got %v at %v, want %v at %v to the milliwatt", n, s.Power, s.At(), want.Power, want.At())
			}
		}
	}
	if n != len(samples)-1 {
		t.Fatalf("got %d samples, want %d", n, len(samples)-1)
	}

	curve, _ := attribution.NewCurve(trace.Domain, trace.Readings)
	about := attribution.Surroundings{IdleBefore: c.Before, IdleAfter: c.After}
	plain, bent := curve.Estimate(c.Window, about), shaped(curve, read["sim0"]).Estimate(c.Window, about)
	if !bent.Shaping.Used || plain.Shaping.Used {
		t.Fatalf("got %+v with the samples and %+v without, want them used", bent.Shaping, plain.Shaping)
	}
	var off, without float64
	for range 500 {
		w := simulated.Window(rng, c.Window, 100*ms, 100*ms)
		want := c.Truth.Over(w)
		a, b := (bent.Curve.Total(w) - want).Joules(), (plain.Curve.Total(w) - want).Joules()
		off, without = off+a*a, without+b*b
	}
	if off > without/2 {
		t.Errorf("windows of 100 ms: squared error %.3g with the samples and %.3g without, want less than half", off, without)
	}

	// A module's curve is not the GPU's alone.
	trace.Domain.Scope = meter.ScopeModule
	module, _ := attribution.NewCurve(trace.Domain, trace.Readings)
	if got := shaped(module, read["sim0"]); got != module {
		t.Error("a module's curve was shaped by its GPU's samples")
	}
}
