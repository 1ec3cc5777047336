package segments

import (
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

const sampleEvery = 20 * time.Millisecond

// lookAt is what a busy board says of itself at a moment, with the samples of power
// since the second before.
func lookAt(device string, at time.Duration, random *rand.Rand) meter.DeviceState {
	figure := func(about, spread int) *int { v := about + random.IntN(spread); return &v }
	used, total, limit := int64(60e9)+random.Int64N(1e9), int64(80e9), 700*meter.Watt
	s := meter.DeviceState{
		Domain: device, Device: "GPU-" + device, At: at, SMClock: figure(1400, 580), MemoryClock: figure(2619, 1), Temperature: figure(55, 8),
		Utilization: figure(80, 21), MemoryUtilization: figure(40, 30), MemoryUsed: &used, MemoryTotal: &total, Limit: &limit,
		Processes: []meter.Process{{PID: 4711}},
	}
	if random.IntN(3) == 0 {
		s.Throttled = []string{"sw_power_cap"}
	}
	b := &meter.BufferedPower{From: at - at%second - second, To: at - at%second}
	for k := range time.Duration(second / sampleEvery) {
		b.Stamps, b.Powers = append(b.Stamps, b.From+(k+1)*sampleEvery), append(b.Powers, meter.Power(400+random.IntN(300))*meter.Watt)
		b.Energy += meter.EnergyOf(b.Powers[k], sampleEvery)
	}
	b.Samples = len(b.Powers)
	s.Buffered = b
	return s
}

// TestLooksLong has two boards looked at for hours: with the readings, a month of one
// takes what the documentation says, and the driver's own samples keep their energy.
func TestLooksLong(t *testing.T) {
	t.Parallel()
	length := 4 * time.Hour
	dir := filepath.Join(t.TempDir(), "cells", "record")
	if err := runfolder.MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	// A reading, without which there is nothing to finish.
	s := New(dir, runfolder.Describe([]meter.Domain{board(meter.KindCounter)}), nil)
	if err := errors.Join(s.Write([]meter.Reading{readingAt(board(meter.KindCounter), second, 0)}), s.Close()); err != nil {
		t.Fatal(err)
	}
	l := NewLooks(dir, runfolder.Key{Cell: "record", Repeat: 1}, nil)
	random := rand.New(rand.NewPCG(5, 6))
	var truth meter.Energy
	devices := []string{"gpu0", "gpu1"}
	for at := second; at <= length; at += second {
		for i, device := range devices {
			look := lookAt(device, at+time.Duration(i)*20*time.Millisecond, random)
			truth += look.Buffered.Energy
			l.Write(look)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Write(lookAt("gpu0", length, random)) // of a driver that answers at last
	if err := Finish(dir, s.domains, nil); err != nil {
		t.Fatal(err)
	}
	sizes := map[bool]*runfolder.DerivedWriter[runfolder.DeviceState]{}
	for rolled, name := range map[bool]string{true: "rolled.arrow", false: "raw.arrow"} {
		w, err := runfolder.DeviceStates().Derive(filepath.Join(dir, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		sizes[rolled] = w
	}
	var rolled, raw int
	var energy float64
	last := map[string]runfolder.DeviceState{}
	for row, err := range runfolder.DeviceStates().Scan(t.Context(), filepath.Join(dir, runfolder.DevicesFile)) {
		if err != nil {
			t.Fatal(err)
		}
		if err := sizes[len(row.SampleAt) == 0].Write(row); err != nil {
			t.Fatal(err)
		}
		energy += row.BufferedEnergy
		if before, ok := last[row.Device]; ok && before.BufferedTo != row.BufferedFrom {
			t.Fatalf("%s at %v: the samples begin at %v, those before end at %v", row.Device, row.At, row.BufferedFrom, before.BufferedTo)
		}
		if len(row.SampleAt) > 0 {
			raw++
		} else if rolled++; math.Abs(row.SMClock-1690) > 300 || row.Limit != 700 || row.Processes != "4711" {
			t.Fatalf("rolled up to %+v, want means of what was seen", *row)
		}
		last[row.Device] = *row
	}
	if math.Abs(energy-float64(truth)) > 1 {
		t.Errorf("the driver's samples come to %.0f µJ, %d were written", energy, truth)
	}
	seconds := length.Seconds() * float64(len(devices))
	if kept := float64(rolled) / (seconds - float64(raw)); kept > 0.11 {
		t.Errorf("%d rows of the %.0f looks that are rolled up, want one in ten", rolled, seconds-float64(raw))
	}
	// What is raw is there once, however long the record.
	bytes := map[bool]float64{}
	for rolled, name := range map[bool]string{true: "rolled.arrow", false: "raw.arrow"} {
		if err := sizes[rolled].Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		bytes[rolled] = float64(info.Size()) / float64(len(devices))
	}
	const month = 30 * 24 * time.Hour
	perMonth := bytes[false] + bytes[true]/(seconds-float64(raw))*float64(len(devices))*month.Seconds()
	t.Logf("%d raw rows, %d rolled up: %.1f MB a device and month, of which %.1f are raw", raw, rolled, perMonth/1e6, bytes[false]/1e6)
	if perMonth > 33e6 {
		t.Errorf("a device and month takes %.0f MB beside its readings, want 33 at most", perMonth/1e6)
	}
	for _, pattern := range []string{"looks-*", "thin-*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
	}
}

func TestThinner(t *testing.T) {
	nan := math.NaN()
	look := func(at time.Duration, change func(*runfolder.DeviceState)) runfolder.DeviceState {
		row := runfolder.DeviceState{
			At: at * second, Domain: "gpu0", Device: "GPU-1", SMClock: 1000, MemoryClock: nan, Temperature: 50, Utilization: 100, MemoryUtilization: nan,
			MemoryUsed: 1, MemoryTotal: 2, Limit: nan, BufferedFrom: -1, BufferedTo: -1, BufferedEnergy: nan,
		}
		if change != nil {
			change(&row)
		}
		return row
	}
	samples := func(from, to time.Duration) func(*runfolder.DeviceState) {
		return func(r *runfolder.DeviceState) {
			r.BufferedFrom, r.BufferedTo, r.BufferedEnergy = from*second, to*second, float64(to-from)
			r.SampleAt, r.SamplePower = []time.Duration{to * second}, []int32{1}
		}
	}
	for _, tt := range []struct {
		does string
		in   []runfolder.DeviceState
		want int
		is   func(rows []runfolder.DeviceState) bool
	}{
		{"ten seconds are one row", []runfolder.DeviceState{look(10, nil), look(11, nil), look(19, nil)}, 1,
			func(rows []runfolder.DeviceState) bool { return rows[0].At == 19*second && rows[0].SMClock == 1000 }},
		{"and the next ten another", []runfolder.DeviceState{look(19, nil), look(20, nil)}, 2, nil},
		{"a figure is the mean of those that were told", []runfolder.DeviceState{
			look(10, func(r *runfolder.DeviceState) { r.Temperature = nan }), look(11, func(r *runfolder.DeviceState) { r.Temperature = 60 }), look(12, nil)}, 1,
			func(rows []runfolder.DeviceState) bool { return rows[0].Temperature == 55 }},
		{"one that nobody told stays unknown", []runfolder.DeviceState{look(10, nil), look(11, nil)}, 1,
			func(rows []runfolder.DeviceState) bool {
				return math.IsNaN(rows[0].MemoryClock) && math.IsNaN(rows[0].Limit)
			}},
		{"all reasons of the ten seconds are kept", []runfolder.DeviceState{
			look(10, func(r *runfolder.DeviceState) { r.Throttled = []string{"hw_slowdown"} }), look(11, nil)}, 1,
			func(rows []runfolder.DeviceState) bool { return len(rows[0].Throttled) == 1 }},
		{"a limit that changes begins a row", []runfolder.DeviceState{look(10, nil), look(11, func(r *runfolder.DeviceState) { r.Limit = 300 })}, 2, nil},
		{"so does a process that comes", []runfolder.DeviceState{look(10, nil), look(11, func(r *runfolder.DeviceState) { r.Processes = "7*" })}, 2, nil},
		{"the driver's samples are summed, and go", []runfolder.DeviceState{look(10, nil), look(11, samples(10, 11)), look(12, samples(11, 12)), look(13, nil)}, 1,
			func(rows []runfolder.DeviceState) bool {
				r := rows[0]
				return r.BufferedFrom == 10*second && r.BufferedTo == 12*second && r.BufferedEnergy == 2 && r.SampleAt == nil
			}},
		{"a gap between them begins a row", []runfolder.DeviceState{look(11, samples(10, 11)), look(13, samples(12, 13))}, 2, nil},
		{"each device has its own", []runfolder.DeviceState{look(10, nil), look(10, func(r *runfolder.DeviceState) { r.Domain = "gpu1" }), look(11, nil)}, 2, nil},
	} {
		var thin thinner
		var rows []runfolder.DeviceState
		keep := func(r *runfolder.DeviceState) error { rows = append(rows, *r); return nil }
		for _, row := range tt.in {
			if err := thin.add(row, keep); err != nil {
				t.Fatal(err)
			}
		}
		if err := thin.end(keep); err != nil {
			t.Fatal(err)
		}
		if len(rows) != tt.want || tt.is != nil && !tt.is(rows) {
			t.Errorf("%s: got %+v, want %d rows", tt.does, rows, tt.want)
		}
	}
}

// TestLooksStopped has the writer killed with a segment under way.
func TestLooksStopped(t *testing.T) {
	d := board(meter.KindCounter)
	for _, tt := range []struct {
		does  string
		looks int
	}{
		{"what was looked at is in the table", 3},
		{"without a look there is no table", 0},
	} {
		dir := filepath.Join(t.TempDir(), "cells", "record")
		if err := runfolder.MakeDir(dir); err != nil {
			t.Fatal(err)
		}
		s := New(dir, runfolder.Describe([]meter.Domain{d}), nil)
		if err := errors.Join(s.Write([]meter.Reading{readingAt(d, second, 0)}), s.Close()); err != nil {
			t.Fatal(err)
		}
		l := NewLooks(dir, runfolder.Key{Cell: "record"}, nil)
		random := rand.New(rand.NewPCG(7, 8))
		for k := range tt.looks {
			l.Write(lookAt("gpu0", time.Duration(k+1)*second, random))
		}
		if l.out != nil {
			if err := l.out.Abort(); err != nil { // its journal stays, as a killed one's
				t.Fatal(err)
			}
		}
		if err := Finish(dir, s.domains, nil); err != nil {
			t.Fatalf("%s: %v", tt.does, err)
		}
		rows, _, err := runfolder.DeviceStates().Read(filepath.Join(dir, runfolder.DevicesFile))
		if tt.looks == 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || len(rows) != tt.looks {
			t.Errorf("%s: got %d rows and error %v, want %d", tt.does, len(rows), err, tt.looks)
		}
	}
}
