package amdgpu

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

const ms = time.Millisecond

// Whatever the device's clock does within its drift, and however late the
// reads, no sample is placed before it was taken, and the samples stay in
// their order. The stamps are believed once half a percent of the time, which is
// what the drift leaves of agreeWithin, is longer than the first change waited to
// be read.
func TestSampleIsNeverPlacedBeforeItWasTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := 1 + rapid.Float64Range(-0.005, 0.005).Draw(t, "rate of the device's clock, less 1")
		begun := rapid.Int64Range(0, 1<<40).Draw(t, "ticks at the start")
		period := time.Duration(rapid.Int64Range(int64(ms), int64(100*ms)).Draw(t, "time between samples"))
		var c deviceClock
		var now, placed time.Duration
		believed := false
		poll := rapid.Int64Range(int64(12*ms), int64(20*ms)).Draw(t, "poll")
		for range 400 {
			now += time.Duration(rapid.Int64Range(poll, poll*5/4).Draw(t, "this poll"))
			taken := now.Truncate(period) // the firmware's newest sample
			after := now + time.Duration(rapid.Int64Range(0, int64(3*ms)).Draw(t, "latency"))
			at, _ := c.note(uint64(begun)+uint64(float64(taken)*rate)/uint64(firmwareTick), after)
			if at < taken-firmwareTick || at > after && at > placed || at < placed {
				t.Fatalf("sample taken at %v, read by %v, placed at %v, after %v: want it between both and in order", taken, after, at, placed)
			}
			believed = believed || c.agrees
			placed, now = at, after
		}
		if !believed {
			t.Fatalf("the stamps were not believed in %v, polled every %v", now, time.Duration(poll))
		}
	})
}

func TestStampsThatAreNotBelieved(t *testing.T) {
	for _, row := range []struct {
		name  string
		stamp func(read int) uint64 // reads are 10 ms apart
	}{
		{"nanoseconds", func(i int) uint64 { return uint64(i) * 10_000_000 }},
		{"milliseconds", func(i int) uint64 { return uint64(i) * 10 }},
		{"one that stands", func(int) uint64 { return 42 }},
		{"one that jumps", func(i int) uint64 { return uint64(i) * uint64(i) * 1_000_000 }},
		{"one that falls", func(i int) uint64 { return uint64(1e12) - uint64(i)*1_000_000 }},
		{"one beyond what a time holds", func(i int) uint64 { return 1<<63 + uint64(i)*1_000_000 }},
	} {
		var c deviceClock
		for i := range 500 {
			after := time.Duration(i) * 10 * ms
			if at, stale := c.note(row.stamp(i), after); at != after || stale {
				t.Fatalf("%s: read %d at %v: got %v, stale %v; want the read's own end", row.name, i, after, at, stale)
			}
		}
	}
}

// A firmware that hands out one sample over and over is stalled: its reads are
// of the sample's time, and not of energy that stood still.
func TestFirmwareStall(t *testing.T) {
	root := t.TempDir()
	table := metricsV13{metricsV11: metricsV11{Power: 320, Energy: steps}, Firmware: 1}
	card(t, root, "card0", map[string]string{"vendor": "0x1002\n", "gpu_metrics": string(blob(t, &table.headerFields, &table, 1, 3))})
	var now time.Duration
	sources, _ := Open(func() time.Duration { return now }, root)
	if len(sources) != 1 {
		t.Fatalf("got %d sources, want one", len(sources))
	}
	defer sources[0].Close()
	f, err := os.OpenFile(filepath.Join(root, "class", "drm", "card0", "device", "gpu_metrics"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	publish := func() {
		t.Helper()
		for at, v := range map[int64]uint64{24: steps + uint64(now/ms)*1000, 96: 1000 + uint64(now/firmwareTick)} {
			if _, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, v), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func() meter.Reading {
		t.Helper()
		return sources[0].Read(nil)[0]
	}
	for range 150 {
		now += 10 * ms
		publish()
		if r := read(); r.Status != meter.StatusOK {
			t.Fatalf("at %v: got %+v, want it ok", now, r)
		}
	}
	published := now
	var first time.Duration
	for range 50 {
		now += 10 * ms
		r := read()
		if r.After > published+ms || !r.HasEnergy {
			t.Fatalf("at %v: got %+v, want the sample of %v", now, r, published)
		}
		if r.Status == meter.StatusStalled && first == 0 {
			first = now - published
		} else if first != 0 && r.Status != meter.StatusStalled {
			t.Fatalf("at %v: got %+v, want it stalled still", now, r)
		}
	}
	if first < 30*ms || first > 60*ms {
		t.Errorf("got the first stalled reading %v after the last sample, want it after three of the usual 10 ms", first)
	}
	now += 10 * ms
	publish()
	if r := read(); r.Status != meter.StatusOK || r.After < now-4*ms {
		t.Errorf("got %+v at %v, want the new sample", r, now)
	}
}

// An MI250 is two GPUs to the system; the first has the registers of both.
func TestSecondDieIsNotAnIdleGPU(t *testing.T) {
	root := t.TempDir()
	first := metricsV13{metricsV11: metricsV11{Power: 320, Energy: steps}}
	var second metricsV13
	for name, table := range map[string]*metricsV13{"card0": &first, "card1": &second} {
		card(t, root, name, map[string]string{"vendor": "0x1002\n", "device": "0x740c\n", "hwmon/hwmon0/power1_average": "0\n",
			"gpu_metrics": string(blob(t, &table.headerFields, table, 1, 3))})
	}
	sources, left := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 || len(left) != 1 {
		t.Fatalf("got %d sources and refusals %+v, want one of each", len(sources), left)
	}
	defer sources[0].Close()
	if d := sources[0].Domains()[0]; d.Name != "gpu0" || d.Kind != meter.KindCounter || d.Note != "the register of the module: both of its dies, which the system shows as two GPUs" {
		t.Errorf("got domain %+v, want the first die's counter, which says that it covers both", d)
	}
	if l := left[0]; l.Domain != "gpu1" || l.Reason != "the second die of a module: the first die's register covers both" {
		t.Errorf("got refusal %+v, want the second die's", l)
	}
}
