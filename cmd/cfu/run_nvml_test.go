//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cfubench/meter"
	"cfubench/meter/nvml/fakenvml"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// TestRunWithNVML meters two GPUs of a stand-in library, in a process of its
// own: a library once loaded cannot be exchanged.
func TestRunWithNVML(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "GPUS=2", "POWER_MW=300000", "PERIOD_MS=20")
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, quick(e, out, "--meter", "nvml", "--nvml-library", library, "--expect-devices", "2",
		"--rate", "20", "--arrival", "constant", "--convention", "equal,token,phase")...)
	mustFinish(t, p.wait(t), p.stderr.String())
	run := closed(t, out)
	if want := "meter: gpu0-hbm (nvml, hbm, kind power) is recorded and not summed: contained in gpu0: adding it would count its energy twice; likewise gpu1-hbm\n"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("got no line %q in\n%s", want, &p.stderr)
	}
	gpus := map[string]bool{}
	for _, d := range run.Domains {
		if within := d.Scope == meter.ScopeHBM; within != (d.NotSummed != "") {
			t.Errorf("%s: got %q for why it is not summed, want a reason for memory alone", d.Name, d.NotSummed)
		}
		if d.Kind == meter.KindCounter && d.Scope == meter.ScopeGPU {
			gpus[d.Device] = true
		}
		if d.Kind == meter.KindModel {
			t.Errorf("%s: got a model, want what the library reads", d.Name)
		}
	}
	if len(gpus) != 2 {
		t.Errorf("got counters of the devices %v, want two", gpus)
	}
	var s summary.Summary
	b, err := os.ReadFile(filepath.Join(out, runfolder.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cells {
		if e := c.Whole.Energy; e == nil || 600 < float64(e.Lo)/c.Whole.Seconds || float64(e.Hi)/c.Whole.Seconds < 600 {
			t.Errorf("%s: got energy %+v over %.3f s, want a bracket around the 600 W that two GPUs draw", c.Cell, e, c.Whole.Seconds)
		}
	}
	if !strings.Contains(p.stdout.String(), "counter (measured)") || slices.Contains(s.Validity.Codes(), summary.ReasonModelled) {
		t.Errorf("the summary does not call counted joules measured:\n%s", &p.stdout)
	}
}

// A counter that shows less than the driver's own samples of power, and a gauge
// that agrees with it since it is of the same sensor: the samples tell.
func TestCounterBesideTheDriversSamples(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "POWER_MW=300000", "SAMPLES_MW=375000", "PERIOD_MS=20")
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, quick(e, out, "--meter", "nvml", "--nvml-library", library, "--rate", "4", "--arrival", "constant", "--num-requests", "28", "--convention", "equal")...)
	mustFinish(t, p.wait(t), p.stderr.String())
	run := closed(t, out)
	for _, d := range run.Domains {
		if d.Name == "gpu0" && d.Gauge != "instant" {
			t.Errorf("gpu0: got the register %q, want the instantaneous one, which this driver has", d.Gauge)
		}
	}
	var s summary.Summary
	b, err := os.ReadFile(filepath.Join(out, runfolder.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	got := float64(s.Cells[0].Sensors[0].ToSamples)
	if got < 0.75 || got > 0.85 || !slices.Contains(s.Validity.Codes(), summary.ReasonSamples) {
		t.Errorf("got %.3f of the samples' energy and reasons %v, want 0.8 and a warning of it", got, s.Validity.Codes())
	}
}

func TestExpectDevices(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		defines []string
		expect  string
		want    string // of the last line; "" if the run must go on
	}{
		{"a GPU that is missing ends the run before a request is sent", []string{"GPUS=2"}, "3", "--expect-devices 3: 2 GPUs are metered"},
		{"so does one too many: it would be in the sums", []string{"GPUS=2"}, "1", "--expect-devices 1: 2 GPUs are metered"},
		{"a superchip's module and the GPU in it are one device", []string{"SUPERCHIP", "PERIOD_MS=20"}, "1", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			library := fakenvml.Build(t, row.defines...)
			e := newEndpoint(t, slow)
			out := filepath.Join(t.TempDir(), "out")
			p := start(t, nil, quick(e, out, "--meter", "nvml", "--nvml-library", library, "--expect-devices", row.expect)...)
			code := p.wait(t)
			if row.want == "" {
				mustFinish(t, code, p.stderr.String())
				closed(t, out)
				return
			}
			if code != 1 {
				t.Errorf("got exit %d, want 1:\n%s", code, &p.stderr)
			}
			if got := errorLine(t, p.stderr.String()); !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if n := len(e.sent()); n != 0 {
				t.Errorf("got %d requests sent, want none before the devices are right", n)
			}
		})
	}
}

// TestBlockedDriver runs against a driver whose first GPU stops answering, for
// good, in the middle of a cell: the run keeps its rows, says which GPU it was,
// and ends. Shutting the library down would wait for that call.
func TestBlockedDriver(t *testing.T) {
	t.Parallel()
	stuck := filepath.Join(t.TempDir(), "stuck")
	library := fakenvml.Build(t, "GPUS=2", "PERIOD_MS=20", `BLOCK_FILE="`+stuck+`"`)
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, load(e, out, "--meter", "nvml", "--nvml-library", library, "--rate", "2", "--arrival", "constant", "--num-requests", "6")...)
	eventually(t, "the second request", func() bool { return len(e.sent()) >= 2 })
	if err := os.WriteFile(stuck, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != 1 {
		t.Errorf("got exit %d, want 1", code)
	}
	if line := errorLine(t, p.stderr.String()); !strings.Contains(line, "nvml (gpu1) did not respond") {
		t.Errorf("got %q, want it to say which GPU's driver does not return:\n%s", line, &p.stderr)
	}
	run, err := runfolder.ReadRun(out)
	if err != nil || len(run.Cells) != 1 || run.Cells[0].Complete || run.Cells[0].Requests != 6 {
		t.Errorf("got cells %+v and error %v, want one that is not complete and has its 6 rows", run.Cells, err)
	}

	readings, err := runfolder.ReadReadings(filepath.Join(runfolder.CellDir(out, "b0-rate2-r1"), runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	stalled := map[string]bool{}
	for i, d := range readings.Domains {
		for _, r := range readings.ByDomain[i] {
			stalled[d.Name] = stalled[d.Name] || r.Status == meter.StatusStalled
		}
	}
	if !stalled["gpu1"] || stalled["gpu0"] {
		t.Errorf("got stalled readings of %v, want those of gpu1 alone", stalled)
	}
}

// TestDriverThatHangsFromTheStart is a refusal, after the time that a driver
// may take to load its firmware.
func TestDriverThatHangsFromTheStart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	t.Parallel()
	stuck := filepath.Join(t.TempDir(), "stuck")
	library := fakenvml.Build(t, `BLOCK_FILE="`+stuck+`"`)
	if err := os.WriteFile(stuck, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "meters", "--meter", "nvml", "--nvml-library", library)
	if code := p.wait(t); code != 1 || !strings.Contains(p.stderr.String(), "the driver did not answer in") {
		t.Errorf("got exit %d, want 1 and the reason:\n%s", code, &p.stderr)
	}
}

// TestDriverThatBlocksUnderCalibration loses one GPU of two meanwhile: it is
// left out with a remedy, and the other is there.
func TestDriverThatBlocksUnderCalibration(t *testing.T) {
	t.Parallel()
	stuck := filepath.Join(t.TempDir(), "stuck")
	library := fakenvml.Build(t, "GPUS=2", "PERIOD_MS=20", `BLOCK_FILE="`+stuck+`"`, "BLOCK_FROM=100")
	if err := os.WriteFile(stuck, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "meters", "--meter", "nvml", "--nvml-library", library, "--calibrate", "--calibrate-for", "1s")
	code := p.wait(t)
	stdout := p.stdout.String()
	if code != 0 {
		t.Errorf("got exit %d, want 0, since one GPU is there:\n%s", code, &p.stderr)
	}
	if !strings.Contains(stdout, "nvml gpu1, gpu1-hbm: a call to the driver did not return in 2s") || !strings.Contains(stdout, "dmesg") {
		t.Errorf("got no word on the GPU that blocks:\n%s", stdout)
	}
	if !strings.Contains(stdout, "\ngpu0 ") {
		t.Errorf("the GPU that answers is not listed:\n%s", stdout)
	}
}

// TestMetersOfAnEightGPUNode reads the listing as somebody does who is about to
// use such a node: what is the same of all GPUs is said once, and what would
// spoil a run is said before it.
func TestMetersOfAnEightGPUNode(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "GPUS=8", "THROTTLED=0x4", "FOREIGN_PID=1", "PERSISTENCE=0")
	p := start(t, nil, "meters", "--meter", "nvml", "--nvml-library", library)
	if code := p.wait(t); code != 0 {
		t.Fatalf("got exit %d, want 0:\n%s", code, &p.stderr)
	}
	stdout := p.stdout.String()
	words := strings.Join(strings.Fields(stdout), " ") // wherever a line ends
	all := "gpu0, gpu1, gpu2, gpu3, gpu4, gpu5, gpu6, gpu7"
	for _, want := range []string{
		" nvml gpu0-hbm: contained in gpu0: adding it would count its energy twice likewise gpu1-hbm, gpu2-hbm,",
		" nvml " + all + ": persistence mode is off",
		" warning: " + all + ": processes [1] that are not the engine's",
		" warning: " + all + ": clocks were held back (sw_power_cap) in 1 of 1 looks",
	} {
		if strings.Count(words, want) != 1 {
			t.Errorf("want %q once in\n%s", want, stdout)
		}
	}
	if n := strings.Count(stdout, " 700 W\n"); n != 8 {
		t.Errorf("got the enforced limit of %d GPUs, want of 8:\n%s", n, stdout)
	}

	p = start(t, nil, "meters", "--meter", "nvml", "--nvml-library", library, "--format", "json", "--calibrate", "--calibrate-for", "1s")
	if code := p.wait(t); code != 0 {
		t.Fatalf("got exit %d, want 0:\n%s", code, &p.stderr)
	}
	for line := range strings.Lines(p.stdout.String()) {
		var o struct {
			Domain string   `json:"domain"`
			InSum  bool     `json:"in_sum"`
			Period float64  `json:"update_period_p95_ns"`
			Ratio  float64  `json:"counter_to_power_ratio"`
			Doubts []string `json:"warnings"`
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if counter := !strings.HasSuffix(o.Domain, "-hbm"); o.InSum != counter || (o.Ratio > 0) != counter || (o.Period > 0) != counter || (len(o.Doubts) == 2) != counter {
			t.Errorf("got %s, want a calibrated counter in the sum with two doubts, or a gauge outside", line)
		}
	}
}

// A GPU that is missing is found before an engine has loaded its weights.
func TestExpectedDevicesBeforeTheLaunch(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "GPUS=7")
	p := start(t, nil, "run", "--engine-cmd", "false {batch} {port}", "--out", filepath.Join(t.TempDir(), "out"), "--tokenizer", "words",
		"--meter", "nvml", "--nvml-library", library, "--expect-devices", "8")
	if code := p.wait(t); code != 1 {
		t.Errorf("got exit %d, want 1", code)
	}
	if got := p.stderr.String(); !strings.Contains(got, "--expect-devices 8: 7 GPUs are metered") || strings.Contains(got, "bare idle:") || strings.Contains(got, "engine for batch") {
		t.Errorf("got %q, want the missing GPU and nothing begun", got)
	}
}

// A superchip shows its module through two drivers, and Grace and the GPU within
// it beside: what auto sums is the module, once.
func TestSuperchipIsSummedOnce(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "SUPERCHIP")
	sysfs := t.TempDir()
	for i, m := range []struct{ covers, microwatts string }{
		{"Module Power Socket 0", "500000000"}, {"Grace Power Socket 0", "150000000"}, {"CPU Power Socket 0", "100000000"}, {"SysIO Power Socket 0", "20000000"},
	} {
		dir := filepath.Join(sysfs, "class", "hwmon", "hwmon"+strconv.Itoa(i))
		for name, text := range map[string]string{"name": "power_meter", "device/power1_oem_info": m.covers, "device/power1_average": m.microwatts, "device/power1_average_interval": "50"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := start(t, nil, "meters", "--sysfs", sysfs, "--nvml-library", library, "--format", "json")
	if code := p.wait(t); code != 0 {
		t.Fatalf("got exit %d, want 0:\n%s", code, &p.stderr)
	}
	var summed []string
	read := 0
	for line := range strings.Lines(p.stdout.String()) {
		var o struct {
			Domain   string `json:"domain"`
			Readable bool   `json:"readable"`
			InSum    bool   `json:"in_sum"`
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if o.Readable {
			read++
		}
		if o.InSum {
			summed = append(summed, o.Domain)
		}
	}
	if !slices.Equal(summed, []string{"module0"}) || read != 7 {
		t.Errorf("got %v of %d registers in the sum, want module0 of 7:\n%s", summed, read, &p.stdout)
	}
}
