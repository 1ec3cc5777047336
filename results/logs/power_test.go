package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter"
)

// scratch writes text to a temporary file and returns its path.
func scratch(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mapped(t testing.TB, texts ...string) Columns {
	t.Helper()
	c := Columns{}
	for _, text := range texts {
		if err := c.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Every format gives the recording that it was made from: devices by their
// names, and the energy of the two busy seconds.
func TestPowerFormats(t *testing.T) {
	utc := Options{Clock: clock(t, "local:UTC")}
	busy := Window{noon.UnixNano() + 1e9, noon.UnixNano() + 29e8}
	for _, tt := range []struct {
		file, format string
		o            Options
		devices      []string
		joules       []float64 // of the busy window, 0 for a counter
		warning      string
	}{
		{"nvidia-smi", "nvidia-smi", utc, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"nvidia-smi nounits", "nvidia-smi", utc, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"nvidia-smi noheader", "nvidia-smi", utc, []string{"GPU-00000000", "GPU-00000001"}, []float64{570, 380}, ""},
		{"nvidia-smi noheader nounits", "csv", Options{Clock: clock(t, "local:UTC"), Columns: mapped(t, "time=1", "gpu=2", "power=3:W")}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"nvidia-smi one GPU without an index", "nvidia-smi", utc, []string{"gpu0"}, []float64{570}, ""},
		{"nvidia-smi several GPUs without an index", "nvidia-smi", Options{Clock: clock(t, "local:UTC"), RowsPerTick: 2}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"nvidia-smi an incomplete tick without an index", "nvidia-smi", Options{Clock: clock(t, "local:UTC"), RowsPerTick: 2}, []string{"gpu0", "gpu1"}, []float64{570, 380}, "1 ticks had fewer rows than GPUs"},
		{"nvidia-smi failed queries", "nvidia-smi", utc, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"hl-smi", "nvidia-smi", utc, []string{"gpu0", "gpu1"}, nil, ""},
		{"dmon", "dmon", utc, []string{"gpu0", "gpu1"}, nil, ""},
		{"amd-smi", "amd-smi", Options{}, []string{"gpu0", "gpu1"}, nil, ""},
		{"rocm-smi", "rocm-smi", Options{}, []string{"gpu0", "gpu1"}, nil, ""},
		{"dcgm", "dcgm", Options{}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"dcgm fields", "dcgm", Options{}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"prometheus", "prometheus", Options{}, []string{"GPU-00000000", "GPU-00000001"}, []float64{570, 380}, ""},
		{"prometheus with a line of time", "prometheus", Options{}, []string{"gpu0"}, []float64{570}, ""},
		{"aiperf-telemetry", "aiperf-telemetry", Options{}, []string{"a/GPU-00000000", "a/GPU-00000001"}, []float64{570, 380}, ""},
		{"spl", "spl", utc, []string{"wall"}, []float64{570}, ""},
		{"zeus", "zeus", Options{}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"csv with units in its names", "csv", Options{}, []string{"gpu0", "gpu1"}, []float64{570, 380}, ""},
		{"csv of a GPU's power beside a processor's", "csv", Options{}, []string{"gpu0"}, []float64{570}, "those named cpu_power_w were not read"},
		{"csv wide", "csv", Options{Columns: mapped(t, "time=timestamp", "power=GPU0:W,GPU1:W")}, []string{"GPU0", "GPU1"}, []float64{570, 380}, ""},
		{"csv of a counter", "csv", Options{}, []string{"gpu0"}, nil, ""},
		{"csv of seconds since its start", "csv", Options{Clock: clock(t, "perf_counter:1772366400")}, []string{"gpu0"}, nil, ""},
		{"json", "json", Options{Columns: mapped(t, "time=timestamp", "gpu=gpu_index", "power=power_draw:W")}, []string{"gpu0"}, []float64{570}, ""},
	} {
		p, s := readSeries(t, scratch(t, powerFiles()[tt.file]), "", tt.o)
		if p.Format != tt.format || len(p.Devices) != len(tt.devices) {
			t.Errorf("%s: got format %s with %d devices, want %s with %d", tt.file, p.Format, len(p.Devices), tt.format, len(tt.devices))
			continue
		}
		for i, want := range tt.devices {
			if p.Devices[i].Name != want {
				t.Errorf("%s: got device %q, want %q", tt.file, p.Devices[i].Name, want)
			}
			if tt.joules != nil {
				// Queries within a tick move the edges by 7 ms.
				near(t, tt.file+", joules of "+want, joules(s[want], busy), tt.joules[i], 0.05)
			}
		}
		if all := strings.Join(p.Warnings, "\n"); !strings.Contains(all, tt.warning) {
			t.Errorf("%s: got warnings %q, want %q", tt.file, all, tt.warning)
		}
	}
}

// A counter is one, with its energy in µJ, and a gauge beside it is another
// sensor.
func TestCounters(t *testing.T) {
	p, s := readSeries(t, scratch(t, powerFiles()["csv of a counter"]), "", Options{})
	last := s["gpu0"][len(s["gpu0"])-1]
	if p.Devices[0].Kind != meter.KindCounter || last.HasPower || last.Energy != 400*meter.Joule {
		t.Errorf("got a %s of %v at the end, want a counter of 400 J", p.Devices[0].Kind, last.Energy)
	}
	line := `{"timestamp_ns":1772366400000000000,"gpu_uuid":"GPU-1","telemetry_data":{"nvidia_energy_consumption":0.00125}}` + "\n"
	p, s = readSeries(t, scratch(t, line), "", Options{})
	if got := s["GPU-1"][0]; p.Devices[0].Kind != meter.KindCounter || got.Energy != 1250*meter.Joule {
		t.Errorf("AIPerf's megajoules: got a %s of %v, want a counter of 1250 J", p.Devices[0].Kind, got.Energy)
	}
}

// What cannot be placed, told apart or believed is refused in one line that
// says which flag gives what is missing.
func TestPowerRefusals(t *testing.T) {
	utc := Options{Clock: clock(t, "local:UTC")}
	for _, tt := range []struct {
		file, text, format string
		o                  Options
		want               string
	}{
		{"nvidia-smi", "", "", Options{}, "--clock local:ZONE"},
		{"nvidia-smi", "", "", Options{Clock: clock(t, "epoch")}, "--clock local:ZONE"},
		{"nvidia-smi", "", "tegrastats", utc, `unknown format "tegrastats": want one of`},
		{"nvidia-smi several GPUs without an index", "", "", utc, "--gpus-per-tick N"},
		{"nvidia-smi noheader nounits", "", "", utc, "--column time=1 --column power=2:W"},
		{"dmon without times", "", "", utc, "nvidia-smi dmon -s p -o DT"},
		{"prometheus without times", "", "", Options{}, "# TIME UNIX"},
		{"csv wide", "", "", Options{}, "its columns are timestamp, GPU0, GPU1; say which are which"},
		{"csv wide", "", "", Options{Columns: mapped(t, "time=timestamp", "power=GPU0")}, "--column power=NAME:W"},
		{"csv wide", "", "", Options{Columns: mapped(t, "time=when", "power=GPU0:W")}, `no column "when"`},
		{"csv of a counter that runs backwards", "", "", Options{}, "the energy counter of gpu0 runs backwards"},
		{"csv of times that run backwards", "", "", Options{}, "the times of gpu0 run backwards, by 0.100 s"},
		{"csv of seconds since its start", "", "", Options{}, "--clock perf_counter:UNIX[@COUNT]"},
		{"csv of numbers alone", "", "", Options{}, "no names of columns, no time that can be told and no unit"},
		{"json", "", "", Options{}, "--column time=NAME"},
		{"empty", " ", "", Options{}, "it is no table"},
		{"a record without an end", "epoch_ns,gpu,power_mw\n" + strings.Repeat("1", 2*maxRecord), "", Options{}, "record is longer than 1 MiB"},
		{"text in a value", "epoch_ns,gpu,power_mw\n1772366400000000000,0,many\n", "", Options{}, `:2: "many" is not a number of mW`},
		{"text in a time", "epoch_ns,gpu,power_mw\n1772366400000000000,0,5\nlater,0,5\n", "", Options{}, `:3: "later" is not a time as the lines before have it`},
		{"a time of twelve hours", "timestamp,power_w\n11/28/2025 03:20:00 AM,5\n", "", Options{}, ":2: \"11/28/2025 03:20:00 AM\" is not a time that can be told: want a Unix time, or a date with the year first"},
		{"thousands and a decimal comma", "time;power_w\n1772366400,0;1.100,50\n", "", Options{}, `:2: "1.100,50" is not a number of W`},
		{"two hosts' gpu 0 in one log", "epoch_ms,gpu,power_w\n1772366400100,0,100\n1772366400100,0,300\n1772366400600,0,100\n1772366400600,0,300\n", "", Options{},
			"gpu0 has powers that differ at the same time, 2 times in 2: rows of several devices under one name; say what tells them apart with --column gpu=NAME"},
		{"no value at all", "epoch_ns,gpu,power_mw\n1772366400000000000,0,N/A\n", "", Options{}, "no reading of a power or an energy"},
	} {
		text := tt.text
		if text == "" {
			text = powerFiles()[tt.file]
		}
		_, err := ReadPower(scratch(t, text), tt.format, tt.o, func(Sample) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.file, err, tt.want)
		}
	}
}

// A file that a kill cut in mid-line gives all but that line.
func TestFilesThatWereCut(t *testing.T) {
	whole := powerFiles()["nvidia-smi"]
	for _, cut := range []int{1, 5, 20, 60} {
		p, s := readSeries(t, scratch(t, whole[:len(whole)-cut]), "", Options{Clock: clock(t, "local:UTC")})
		if got := len(s["gpu1"]); !p.Cut || got != synthSamples-1 {
			t.Errorf("%d bytes short: got %d samples and cut %v, want %d and cut", cut, got, p.Cut, synthSamples-1)
		}
	}
}

func TestNeeds(t *testing.T) {
	all := func(file string) string { return powerFiles()[file] }
	window := func(from, to float64) Window {
		return Window{noon.UnixNano() + int64(from*1e9), noon.UnixNano() + int64(to*1e9)}
	}
	flat := strings.NewReplacer(",1,200000", ",1,100000", ",1,100010", ",1,100000").Replace(all("csv with units in its names"))
	idle := strings.ReplaceAll(all("csv with units in its names"), ",1,200000", ",1,101000")
	for _, tt := range []struct {
		why, text string
		n         Needs
		want      string // "" for no refusal
	}{
		{"the window lies inside", all("csv with units in its names"), Needs{Window: window(1, 3)}, ""},
		{"it begins before the log", all("csv with units in its names"), Needs{Window: window(-1, 3)}, "do not bracket the requests: they begin 1.000 s after"},
		{"it ends after the log", all("csv with units in its names"), Needs{Window: window(1, 5)}, "end 0.993 s before the last ended"},
		{"a little may be held", all("csv with units in its names"), Needs{Window: window(1, 4.02), EdgeSlack: 5e7}, ""},
		{"another day", all("csv with units in its names"), Needs{Window: window(1e5, 1e5+2)}, "do not overlap"},
		{"more GPUs than logged", all("csv with units in its names"), Needs{Window: window(1, 3), Count: 4}, "used 4 GPUs and the log has 2"},
		{"fewer GPUs than logged", all("csv with units in its names"), Needs{Window: window(1, 3), Count: 1}, "name them with --gpus"},
		{"the one that served", all("csv with units in its names"), Needs{Window: window(1, 3), Count: 1, GPUs: []string{"0"}}, ""},
		{"one that is not there", all("csv with units in its names"), Needs{Window: window(1, 3), GPUs: []string{"7"}}, "the log has no such device: it has gpu0 (0), gpu1 (1)"},
		{"a GPU that idles beside", flat, Needs{Window: window(0.5, 3.5), GPUs: []string{"0"}}, ""},
		{"a GPU that idles beside, unnamed", idle, Needs{Window: window(0.5, 3.5)}, "gpu1 does not follow the load as others of the host do"},
		{"a gauge that never changed", flat, Needs{Window: window(0.5, 3.5)}, "gpu1 never changed in 41 readings"},
	} {
		x := NewInspector(tt.n.Window)
		p, err := ReadPower(scratch(t, tt.text), "", Options{}, func(s Sample) error { x.Take(s); return nil })
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		var texts []string
		for _, err := range tt.n.Refuse(p, x.Result(p)) {
			texts = append(texts, err.Error())
		}
		got := strings.Join(texts, "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
		}
	}
}

func TestQuality(t *testing.T) {
	text := powerFiles()["csv with units in its names"]
	lines := strings.Split(text, "\n")
	// A second is missing from the middle: samples 15 to 24 of both.
	gap := strings.Join(append(append([]string{}, lines[:31]...), lines[51:]...), "\n")
	x := NewInspector(Window{noon.UnixNano() + 1e9, noon.UnixNano() + 3e9})
	p, err := ReadPower(scratch(t, gap), "", Options{}, func(s Sample) error { x.Take(s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	q := x.Result(p)[0]
	if q.Interval < 99e6 || q.Interval > 101e6 || q.Gaps != 1 || q.LongestGap != 11e8 || q.Covered < 0.44 || q.Covered > 0.46 || !q.Bracketed || q.Samples != 31 {
		t.Errorf("got %+v, want 31 samples every 100 ms with one gap of 1.1 s of 2 s", q)
	}
}

func TestClocks(t *testing.T) {
	for _, tt := range []struct {
		text  string
		basis Basis
		ns    int64
		want  int64
	}{
		{"epoch", BasisEpoch, 5, 5},
		{"offset:-0.25", BasisEpoch, 1e9, 75e7},
		{"perf_counter:1000", BasisCounter, 5e9, 1005e9},
		{"perf_counter:1000@5", BasisCounter, 5e9, 1000e9},
		{"perf_counter:1000,offset:1", BasisCounter, 0, 1001e9},
	} {
		c := clock(t, tt.text)
		if err := c.check(tt.basis); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if got := c.place(tt.basis, tt.ns); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.text, got, tt.want)
		}
	}
	for _, text := range []string{"", "local", "local:", "local:Mars/Olympus", "local:Local", "local:+99", "epoch:5", "perf_counter:boot", "utc", "offset:soon"} {
		if _, err := ParseClock(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// One instant in the forms in which logs write it.
func TestTimes(t *testing.T) {
	want := noon.UnixNano() + 25e7
	for _, tt := range []struct{ zone, text string }{
		{"UTC", "2026/03/01 12:00:00.250"},
		{"+02:00", "2026/03/01 14:00:00.250"},
		{"America/Los_Angeles", "2026-03-01 04:00:00.250000"},
		{"UTC", "2026-03-01T12:00:00.25"},
		{"Asia/Tokyo", "2026-03-01T12:00:00.25Z"},
		{"Asia/Tokyo", "2026-03-01T13:00:00.25+01:00"},
		{"Asia/Tokyo", "2026-03-01 13:00:00.25 +0100"},
		{"UTC", "03-01-2026 12:00:00.250"},
		{"UTC", "1772366400.25"},
		{"UTC", "1772366400250"},
		{"UTC", "1772366400250000"},
		{"UTC", "1772366400250000000"},
	} {
		s := stamps{zone: clock(t, "local:"+tt.zone).zone}
		for range 2 { // the second is from what is kept of the first
			if got, ok := s.read([]byte(tt.text)); !ok || got != want {
				t.Errorf("%s in %s: got %d (%v), want %d", tt.text, tt.zone, got, ok, want)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		text  string
		scale int
		want  int64
		ok    bool
	}{
		{"56.20", 6, 56200000, true},
		{"-1", 6, -1000000, true},
		{"1763638585.215", 9, 1763638585215000000, true},
		{"0.1234567", 6, 123457, true},
		{"1e2", 3, 100000, true},
		{"1784445422586307983", 0, 1784445422586307983, true},
		{"", 0, 0, false}, {"-", 0, 0, false}, {"NaN", 0, 0, false}, {"0x10", 0, 0, false}, {"1_0", 0, 0, false}, {"1.2.3", 3, 0, false}, {"99999999999999999999", 0, 0, false},
	} {
		if got, ok := decimal([]byte(tt.text), tt.scale); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q × 10^%d: got %d %v, want %d %v", tt.text, tt.scale, got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzPower feeds files to every reader: no panic, errors of one line, times
// that never go back.
func FuzzPower(f *testing.F) {
	for name, text := range powerFiles() {
		f.Add(name, text[:min(len(text), 600)])
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		utc, _ := ParseClock("local:UTC,perf_counter:0")
		for _, format := range append(PowerFormats(), "") {
			last := map[int]int64{}
			_, err := ReadPower(scratch(t, text), format, Options{Clock: utc}, func(s Sample) error {
				if s.UnixNS < last[s.Device] {
					t.Fatalf("device %d goes back", s.Device)
				}
				last[s.Device] = s.UnixNS
				return nil
			})
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %q, want one line", err)
			}
		}
	})
}
