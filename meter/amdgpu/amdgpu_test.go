package amdgpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// card writes files of a card below a fake sysfs.
func card(t *testing.T, root, name string, files map[string]string) {
	t.Helper()
	for file, text := range files {
		path := filepath.Join(root, "class", "drm", name, "device", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen(t *testing.T) {
	tables := revisions(t)
	zero := metricsV13{metricsV11: metricsV11{Power: 320}}
	tables["no accumulator"] = blob(t, &zero.headerFields, &zero, 1, 3)
	const hwmon = "hwmon/hwmon3/"
	for _, row := range []struct {
		name   string
		files  map[string]string
		kind   meter.Kind // "" for no source
		scope  meter.Scope
		first  meter.Reading // without times
		refuse string
	}{
		{"a table with an accumulator is a counter", map[string]string{"gpu_metrics": string(tables["v1.3"])},
			meter.KindCounter, meter.ScopeGPU, meter.Reading{Energy: joules, HasEnergy: true, Power: watts, HasPower: true}, ""},
		{"an accumulator that stands at zero is none", map[string]string{"gpu_metrics": string(tables["no accumulator"])},
			meter.KindPower, meter.ScopeGPU, meter.Reading{Power: watts, HasPower: true}, "no energy counter"},
		{"an APU's table has power alone, of the package", map[string]string{"gpu_metrics": string(tables["v3.0"])},
			meter.KindPower, meter.ScopePackage, meter.Reading{Power: watts, HasPower: true}, "no energy counter"},
		{"where the table does not state the unit hwmon does", map[string]string{"gpu_metrics": string(tables["v2.1"]), hwmon + "power1_input": "15000000\n"},
			meter.KindPower, meter.ScopePackage, meter.Reading{Power: 15 * meter.Watt, HasPower: true}, "no energy counter"},
		{"without a table there is hwmon", map[string]string{hwmon + "power1_average": "95000000\n"},
			meter.KindPower, meter.ScopeGPU, meter.Reading{Power: 95 * meter.Watt, HasPower: true}, "no gpu_metrics"},
		{"a revision of the future falls back to hwmon", map[string]string{"gpu_metrics": "\x08\x00\x09\x01\x00\x00\x00\x00", hwmon + "power1_average": "95000000\n"},
			meter.KindPower, meter.ScopeGPU, meter.Reading{Power: 95 * meter.Watt, HasPower: true}, "v9.1 is not known"},
		{"with neither there is a reason", map[string]string{}, "", "", meter.Reading{}, "neither gpu_metrics nor hwmon"},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := t.TempDir()
			row.files["vendor"] = "0x1002\n"
			row.files["uevent"] = "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:C3:00.0\n"
			row.files["unique_id"] = "7f2a\n"
			row.files[hwmon+"power1_cap"] = "750000000\n"
			card(t, root, "card1", row.files)
			card(t, root, "card0", map[string]string{"vendor": "0x8086\n"})
			if err := os.MkdirAll(filepath.Join(root, "class", "drm", "card1-DP-1"), 0o755); err != nil {
				t.Fatal(err)
			}
			sources, left := Open(meter.NewClock(time.Now()), root)
			reasons := ""
			for _, l := range left {
				reasons += l.Reason + "\n"
			}
			if row.refuse == "" && reasons != "" || !strings.Contains(reasons, row.refuse) {
				t.Errorf("refusals: got %q, want %q", reasons, row.refuse)
			}
			if row.kind == "" {
				if len(sources) != 0 {
					t.Errorf("got %d sources, want none", len(sources))
				}
				return
			}
			if len(sources) != 1 {
				t.Fatalf("got %d sources, want one", len(sources))
			}
			defer sources[0].Close()
			d := sources[0].Domains()[0]
			if d.Kind != row.kind || d.Scope != row.scope || d.Device != "7f2a 0000:c3:00.0" || d.Limit != 750*meter.Watt {
				t.Errorf("domain: got %+v, want kind %s and scope %s", d, row.kind, row.scope)
			}
			r := sources[0].Read(nil)[0]
			if r.Before > r.After {
				t.Errorf("bounds: got %v to %v", r.Before, r.After)
			}
			r.Before, r.After = 0, 0
			row.first.Status = meter.StatusOK
			if r != row.first {
				t.Errorf("reading: got %+v, want %+v", r, row.first)
			}
			dst := make([]meter.Reading, 0, 1)
			if n := testing.AllocsPerRun(100, func() { dst = sources[0].Read(dst[:0]) }); n != 0 {
				t.Errorf("got %v allocations a read, want 0", n)
			}
		})
	}
}

func TestCounterOf32BitsWraps(t *testing.T) {
	root := t.TempDir()
	card(t, root, "card0", map[string]string{"vendor": "0x1002\n", "gpu_metrics": string(revisions(t)["v1.0"])})
	sources, _ := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 {
		t.Fatalf("got %d sources, want one", len(sources))
	}
	defer sources[0].Close()
	if got, want := sources[0].Domains()[0].Range, meter.Energy(65_535_999_984); got != want {
		t.Errorf("range: got %d µJ, want %d", got, want)
	}
}

// A value that comes and goes is a missing sample, never a zero.
func TestCounterThatIsNotAvailableForOnce(t *testing.T) {
	root := t.TempDir()
	tables := revisions(t)
	card(t, root, "card0", map[string]string{"vendor": "0x1002\n", "gpu_metrics": string(tables["v1.3"])})
	sources, _ := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 {
		t.Fatalf("got %d sources, want one", len(sources))
	}
	defer sources[0].Close()
	path := filepath.Join(root, "class", "drm", "card0", "device", "gpu_metrics")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("\xff", 8)), 24); err != nil {
		t.Fatal(err)
	}
	r := sources[0].Read(nil)[0]
	if r.HasEnergy || r.HasPower || r.Status != meter.StatusTransient {
		t.Errorf("got %+v, want a transient reading without a value", r)
	}
}

// The driver's stamp bounds the read from above where it lies within it, and
// only there.
func TestDriverStampTightensTheRead(t *testing.T) {
	for _, row := range []struct {
		name  string
		stamp uint64 // boot time; the read is from 1000 to 2000 of it
		want  time.Duration
	}{
		{"a stamp within the read is its end", 1300, 300},
		{"a stamp after it says nothing", 5000, 1000},
		{"nor does one from before it", 400, 1000},
	} {
		root := t.TempDir()
		table := metricsV13{metricsV11: metricsV11{SystemClock: row.stamp, Power: 320, Energy: steps}}
		card(t, root, "card0", map[string]string{"vendor": "0x1002\n", "gpu_metrics": string(blob(t, &table.headerFields, &table, 1, 3))})
		calls := 0
		ticks := []time.Duration{0, 0, 1000}
		sources, _ := Open(func() time.Duration { calls++; return ticks[(calls-1)%len(ticks)] }, root)
		if len(sources) != 1 {
			t.Fatalf("got %d sources, want one", len(sources))
		}
		sources[0].(*gpu).boot = func() uint64 { return 1000 }
		if r := sources[0].Read(nil)[0]; r.Before != 0 || r.After != row.want {
			t.Errorf("%s: got %d to %d, want 0 to %d", row.name, r.Before, r.After, row.want)
		}
		sources[0].Close()
	}
}
