package segments

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// days is how long TestStoreLong has its board metered.
var days = flag.Int("record-days", 3, "simulate this many days")

// A board whose power changes every few seconds, exactly.
func powerAt(t time.Duration) meter.Power {
	return meter.Power(100+50*((t/(3*time.Second))%7)) * meter.Watt
}

// consumed is the board's energy from 0 to t.
func consumed(t time.Duration) meter.Energy {
	const cycle = 7 * 3 * time.Second
	var sum meter.Energy
	whole := t / cycle
	for k := range time.Duration(7) {
		sum += meter.EnergyOf(powerAt(k*3*time.Second), 3*time.Second)
	}
	sum *= meter.Energy(whole)
	for at := whole * cycle; at < t; at += 3 * time.Second {
		sum += meter.EnergyOf(powerAt(at), min(3*time.Second, t-at))
	}
	return sum
}

func board(kind meter.Kind) meter.Domain {
	return meter.Domain{Name: "gpu0", Device: "GPU-1", Source: "simulated", Kind: kind, Scope: meter.ScopeGPU,
		Quantum: meter.Millijoule, UpdatePeriod: 100 * time.Millisecond}
}

// readingAt is what the board's register shows at t: its energy or power as it was
// published last.
func readingAt(d meter.Domain, t, late time.Duration) meter.Reading {
	published := t - t%d.UpdatePeriod
	r := meter.Reading{Before: t, After: t + late, Status: meter.StatusOK}
	if d.Kind == meter.KindPower {
		r.Power, r.HasPower = powerAt(published), true
	} else {
		e := consumed(published)
		r.Energy, r.HasEnergy = e-e%d.Quantum, true
	}
	return r
}

// TestStoreLong has a board metered for days of simulated time (30 by flag): the energy of
// the whole is that of the raw readings, within its bounds, and the disk holds
// what the documentation says.
func TestStoreLong(t *testing.T) {
	t.Parallel()
	length := time.Duration(*days*24) * time.Hour
	if testing.Short() { // one goroutine writes: the race detector needs no more of it
		length = min(length, 24*time.Hour)
	}
	poll := 400 * time.Millisecond
	d := board(meter.KindCounter)
	dir := t.TempDir()
	s := New(dir, runfolder.Describe([]meter.Domain{d}), nil)
	random := rand.New(rand.NewPCG(1, 2))
	batch := make([]meter.Reading, 0, 64)
	files := 0
	for at := time.Duration(0); at <= length; at += poll {
		jitter := time.Duration(random.IntN(int(5 * time.Millisecond)))
		if batch = append(batch, readingAt(d, at+jitter, time.Duration(20_000+random.IntN(50_000)))); len(batch) == cap(batch) {
			if err := s.Write(batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
		if at%(6*time.Hour) == 0 {
			files = max(files, rawFiles(t, dir))
		}
	}
	if err := s.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Finish(dir, s.domains, nil); err != nil {
		t.Fatal(err)
	}
	table, err := runfolder.ReadReadings(filepath.Join(dir, runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	curve, warnings := attribution.NewCurve(d, table.ByDomain[0])
	if len(warnings) > 0 {
		t.Errorf("got the warnings %v, want none", warnings)
	}
	// The window begins and ends in raw readings.
	w := meter.Window{Start: 10 * time.Second, End: length - 10*time.Second}
	got, truth := curve.Energy(w), consumed(w.End)-consumed(w.Start)
	if truth < got.Lo || truth > got.Hi {
		t.Errorf("the true %v are outside [%v, %v]", truth, got.Lo, got.Hi)
	}
	if width := got.Hi - got.Lo; width > 500*meter.Joule {
		t.Errorf("the bounds are %v apart, want what the two ends leave open", width)
	}
	if got, truth := curve.Counter(w).Energy, truth; got < truth-250*meter.Joule || got > truth+250*meter.Joule {
		t.Errorf("the register counted %v over the window, the truth is %v", got, truth)
	}
	var size int64
	for _, name := range []string{runfolder.ReadingsFile, runfolder.PowerFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %.1f a second", name, info.Size(), float64(info.Size())/length.Seconds())
		size += info.Size()
	}
	if perMonth := float64(size) / length.Hours() * 24 * 30; perMonth > 100e6 {
		t.Errorf("a device and month takes %.0f MB, want 100 at most", perMonth/1e6)
	}
	if files > 7 {
		t.Errorf("%d segments were raw at a time, want those of the last hour and a quarter, and the first", files)
	}
	if left, _ := segments(dir); len(left) > 0 {
		t.Errorf("segments %v are left", left)
	}
}

// rawFiles counts the segments that are raw.
func rawFiles(t *testing.T, dir string) int {
	names, err := filepath.Glob(filepath.Join(dir, "raw-*.arrow*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, n := range names {
		seen[n[:len(filepath.Join(dir, "raw-000000"))]] = true
	}
	return len(seen)
}

// thin rolls readings up.
func thin(t *testing.T, d meter.Domain, readings []meter.Reading) (kept []meter.Reading, power []runfolder.PowerSecond) {
	t.Helper()
	r := rollup{domain: d, kept: never,
		keep:  func(one meter.Reading) error { kept = append(kept, one); return nil },
		power: func(p runfolder.PowerSecond) error { power = append(power, p); return nil },
	}
	for _, one := range readings {
		if err := r.add(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	return kept, power
}

// series are the readings of a board over a time.
func series(d meter.Domain, length, poll time.Duration, random *rand.Rand) (all []meter.Reading) {
	for at := time.Duration(0); at <= length; at += poll {
		all = append(all, readingAt(d, at+time.Duration(random.IntN(int(poll/4))), 30*time.Microsecond))
	}
	return all
}

// TestRollupCounter holds that a rolled-up register has the energy, with its bounds,
// of all readings at the changes that were kept.
func TestRollupCounter(t *testing.T) {
	d := board(meter.KindCounter)
	random := rand.New(rand.NewPCG(3, 4))
	readings := series(d, 10*time.Minute+900*time.Millisecond, 20*time.Millisecond, random)
	kept, power := thin(t, d, readings)
	if len(kept) > 2*61+200 {
		t.Errorf("%d of %d readings are kept, want two in ten seconds", len(kept), len(readings))
	}
	all, _ := attribution.NewCurve(d, readings)
	rolled, _ := attribution.NewCurve(d, kept)
	// Both ends lie in seconds that are not whole, and so raw.
	whole := meter.Window{Start: time.Second / 2, End: 10*time.Minute + time.Second/2}
	if a, b := all.Energy(whole), rolled.Energy(whole); a.Energy != b.Energy || a.Lo != b.Lo || a.Hi != b.Hi {
		t.Errorf("over the whole got %v [%v, %v], all readings give %v [%v, %v]", b.Energy, b.Lo, b.Hi, a.Energy, a.Lo, a.Hi)
	}
	for range 200 {
		from := time.Duration(random.Int64N(int64(9 * time.Minute)))
		w := meter.Window{Start: from, End: from + 10*time.Second}
		e, truth := rolled.Energy(w), consumed(w.End)-consumed(w.Start)
		if truth < e.Lo || truth > e.Hi {
			t.Errorf("%v: the true %v are outside [%v, %v]", w, truth, e.Lo, e.Hi)
		}
	}
	if len(power) < 590 {
		t.Errorf("got the power of %d seconds, want of all whole ones", len(power))
	}
	for _, p := range power {
		if p.Min > p.Mean || p.Mean > p.Max || p.Min < 90*meter.Watt || p.Max > 460*meter.Watt {
			t.Errorf("got %+v, want 100 to 400 W", p)
		}
	}
}

// TestRollupGauge holds that the energy of a gauge's seconds is kept.
func TestRollupGauge(t *testing.T) {
	d := board(meter.KindPower)
	readings := series(d, 10*time.Minute+900*time.Millisecond, 20*time.Millisecond, rand.New(rand.NewPCG(5, 6)))
	kept, _ := thin(t, d, readings)
	if len(kept) > 250 {
		t.Errorf("%d rows are kept, want two in ten seconds", len(kept))
	}
	all, _ := attribution.NewCurve(d, readings)
	rolled, _ := attribution.NewCurve(d, kept)
	w := meter.Window{Start: time.Second / 2, End: 10*time.Minute + time.Second/2}
	a, b := all.Energy(w).Energy, rolled.Energy(w).Energy
	if off := (b - a).Joules(); off > 10 || off < -10 { // a poll at each of the two seams
		t.Errorf("got %v, all readings give %v", b, a)
	}
}

// TestRollupEvents holds that what happened to a register is kept with what stands
// beside it.
func TestRollupEvents(t *testing.T) {
	d := board(meter.KindCounter)
	for _, status := range []meter.Status{meter.StatusWrap, meter.StatusReset, meter.StatusGap, meter.StatusGlitch} {
		readings := series(d, time.Minute, 100*time.Millisecond, rand.New(rand.NewPCG(7, 8)))
		readings[300].Status = status
		kept, _ := thin(t, d, readings)
		at := -1
		for i, r := range kept {
			if r == readings[300] {
				at = i
			}
		}
		if at < 1 || at+1 >= len(kept) || kept[at-1] != readings[299] || kept[at+1] != readings[301] {
			t.Errorf("%s: want the reading and its neighbours kept", status)
		}
	}
	// A device that is gone for an hour says so twice a second at most.
	var gone []meter.Reading
	for at := time.Duration(0); at < time.Hour; at += 100 * time.Millisecond {
		gone = append(gone, meter.Reading{Before: at, After: at + 1, Status: meter.StatusTransient})
	}
	if kept, _ := thin(t, d, gone); len(kept) > 2*3601 {
		t.Errorf("%d of %d failed reads are kept, want two a second", len(kept), len(gone))
	}
}

// TestStoreStopped stops the writing at any moment: what finish makes of the files
// holds every reading that was written in full.
func TestStoreStopped(t *testing.T) {
	t.Parallel()
	d := board(meter.KindCounter)
	random := rand.New(rand.NewPCG(9, 10))
	for range 6 {
		dir := t.TempDir()
		s := New(dir, runfolder.Describe([]meter.Domain{d}), nil)
		s.Length, s.Raw = 30*time.Second, time.Minute
		length := time.Duration(random.IntN(600)) * time.Second
		for at := time.Duration(0); at <= length; at += 200 * time.Millisecond {
			if err := s.Write([]meter.Reading{readingAt(d, at, 1000)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.rolls.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := s.out.Abort(); err != nil { // as a kill leaves it
			t.Fatal(err)
		}
		// A roll-up that was stopped before its raw segment was removed.
		if there(rawFile(dir, 2)) {
			if err := rollUp(dir, 2); err == nil {
				if err := os.WriteFile(rawFile(dir, 2), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := Finish(dir, s.domains, nil); err != nil {
			t.Fatal(err)
		}
		end, err := Covered(filepath.Join(dir, runfolder.ReadingsFile))
		if err != nil {
			t.Fatal(err)
		}
		if end < length {
			t.Errorf("written until %v, found until %v", length, end)
		}
		table, err := runfolder.ReadReadings(filepath.Join(dir, runfolder.ReadingsFile))
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(table.ByDomain[0]); i++ {
			if a, b := table.ByDomain[0][i-1], table.ByDomain[0][i]; b.Before <= a.Before || b.Energy < a.Energy {
				t.Fatalf("reading %d is out of order: %+v after %+v", i, b, a)
			}
		}
	}
}

// simulated is a board on a clock of its own.
type simulated struct {
	clock meter.Clock
	d     meter.Domain
}

func (s simulated) Domains() []meter.Domain { return []meter.Domain{s.d} }
func (s simulated) Read(dst []meter.Reading) []meter.Reading {
	return append(dst, readingAt(s.d, s.clock(), time.Microsecond))
}
func (s simulated) Close() error { return nil }

// TestSamplerIntoStore runs the sampler itself over hours that pass in no time.
func TestSamplerIntoStore(t *testing.T) {
	dir := t.TempDir()
	d := board(meter.KindCounter)
	const length = 3 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		s := New(dir, runfolder.Describe([]meter.Domain{d}), nil)
		sampler := meter.NewSampler(clock, []meter.Source{simulated{clock, d}}, 500*time.Millisecond)
		ctx, stop := context.WithTimeout(t.Context(), length)
		defer stop()
		if err := sampler.Run(ctx, s.Write); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if err := Finish(dir, runfolder.Describe([]meter.Domain{d}), nil); err != nil {
		t.Fatal(err)
	}
	table, err := runfolder.ReadReadings(filepath.Join(dir, runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	curve, _ := attribution.NewCurve(d, table.ByDomain[0])
	w := meter.Window{Start: 10 * time.Second, End: length - 10*time.Second}
	got, truth := curve.Energy(w), consumed(w.End)-consumed(w.Start)
	if truth < got.Lo || truth > got.Hi || got.Hi-got.Lo > 1000*meter.Joule {
		t.Errorf("the true %v, got [%v, %v]", truth, got.Lo, got.Hi)
	}
}
