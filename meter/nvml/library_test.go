//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/devices"
	"cfubench/meter/nvml/fakenvml"
)

// childEnv makes the test binary a program that opens the library it names,
// reads it and reports: a library once loaded cannot be exchanged, and whether
// the process survives is part of what is tested.
const childEnv = "CFU_TEST_NVML_LIBRARY"

// report is what the child found.
type report struct {
	Domains  []meter.Domain
	Left     []meter.Refusal
	Readings []meter.Reading
	States   []meter.DeviceState
	Samples  []meter.PowerSample
	Summary  []devices.Summary
	Stalled  bool // the sampler's watchdog reported the blocked call
}

func TestMain(m *testing.M) {
	library, ok := os.LookupEnv(childEnv)
	if !ok {
		os.Exit(m.Run())
	}
	if err := json.NewEncoder(os.Stdout).Encode(look(library)); err != nil {
		os.Exit(3)
	}
}

// look opens a library and reads each of its GPUs 25 times, 10 ms apart.
func look(library string) report {
	clock := meter.NewClock(time.Now())
	sources, left := Open(clock, library)
	r := report{Left: left}
	for _, s := range sources {
		r.Domains = append(r.Domains, s.Domains()...)
	}
	if os.Getenv("CFU_TEST_NVML_SAMPLER") != "" {
		r.Readings, r.Stalled = sampled(clock, sources)
	} else {
		for range 25 {
			for _, s := range sources {
				r.Readings = s.Read(r.Readings)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, s := range sources {
		d := s.(*Device)
		r.States = append(r.States, d.State())
		samples, err := d.PowerSamples(nil)
		if err == nil {
			r.Samples = append(r.Samples, samples...)
		}
	}
	o := devices.NewObserver(sources, func(int) bool { return false })
	watched := 100 * time.Millisecond
	if os.Getenv("CFU_TEST_NVML_WATCH") != "" {
		watched = 2500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), watched)
	defer cancel()
	if o.Run(ctx) == nil {
		r.Summary = o.Summaries()
	}
	for _, s := range sources {
		if err := s.Close(); err != nil {
			r.Left = append(r.Left, meter.Refusal{Reason: "close: " + err.Error()})
		}
	}
	return r
}

// sampled runs the sampler for three seconds.
func sampled(clock meter.Clock, sources []meter.Source) (all []meter.Reading, stalled bool) {
	s := meter.NewSampler(clock, sources, 20*time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	err := s.Run(ctx, func(batch []meter.Reading) error {
		all = append(all, batch...)
		return nil
	})
	for _, r := range all {
		stalled = stalled || r.Status == meter.StatusStalled
	}
	if err != nil {
		return nil, false
	}
	return all, stalled
}

// inChild opens library in a process of its own, which must end by itself.
func inChild(t *testing.T, library string, env ...string) report {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+library), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the process did not survive the library: %v\n%s", err, errs.String())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("child wrote %q: %v", out.String(), err)
	}
	return r
}

// names of the domains and why the others are not there, one a line.
func (r report) outline() string {
	var b strings.Builder
	for _, d := range r.Domains {
		b.WriteString(d.Name + " " + string(d.Kind) + " " + string(d.Scope))
		if d.Parent != "" {
			b.WriteString(" in " + d.Parent)
		}
		b.WriteByte('\n')
	}
	for _, l := range r.Left {
		b.WriteString("left out: " + l.Domain + ": " + l.Reason + "\n")
	}
	return b.String()
}

func TestLibraries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		defines []string
		want    string
	}{
		{"a GPU with a counter reads it, and its memory apart", nil,
			"gpu0 counter gpu\ngpu0-hbm power hbm in gpu0\n"},
		{"GPUs are numbered by PCI address, not by NVML's index", []string{"GPUS=2"},
			"gpu0 counter gpu\ngpu0-hbm power hbm in gpu0\ngpu1 counter gpu\ngpu1-hbm power hbm in gpu1\n"},
		{"a superchip's counter is the module's, its GPU a gauge within", []string{"SUPERCHIP"},
			"module0 counter module\ngpu0 power gpu in module0\ngpu0-hbm power hbm in gpu0\n"},
		{"where the field is not supported the older call is used", []string{"NO_ENERGY_FIELD"},
			"gpu0 counter gpu\ngpu0-hbm power hbm in gpu0\n"},
		{"without any counter the gauge stands in and says so", []string{"NO_ENERGY"},
			"gpu0 power gpu\ngpu0-hbm power hbm in gpu0\nleft out: gpu0: no energy counter (Not Supported)\n"},
		{"an old driver without field values still has its counter", []string{"MISSING_FIELDS"},
			"gpu0 counter gpu\n"},
		{"a driver without most functions ends nothing but the counter", []string{"MISSING_MOST"},
			"gpu0 power gpu\nleft out: gpu0: no energy counter (Unknown Error)\n"},
		{"MIG leaves the whole GPU and refuses its instances", []string{"MIG"},
			"gpu0 counter gpu\ngpu0-hbm power hbm in gpu0\nleft out: gpu0-mig: MIG instances have no energy counter of their own: each would show the whole GPU's\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := inChild(t, fakenvml.Build(t, row.defines...))
			if got.outline() != row.want {
				t.Errorf("got\n%swant\n%s", got.outline(), row.want)
			}
			for i, r := range got.Readings {
				if r.Status != meter.StatusOK {
					t.Errorf("reading %d: status %q, want ok: %+v", i, r.Status, r)
				}
				if r.Before > r.After {
					t.Errorf("reading %d: before %v, after %v", i, r.Before, r.After)
				}
				if kind := got.Domains[0].Kind; r.Domain == 0 && r.HasEnergy != (kind == meter.KindCounter) {
					t.Errorf("reading %d: has energy %t in a %s domain", i, r.HasEnergy, kind)
				}
			}
		})
	}
}

func TestUnusableLibraries(t *testing.T) {
	t.Parallel()
	notALibrary := t.TempDir() + "/libnvidia-ml.so.1"
	if err := os.WriteFile(notALibrary, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, library, wantReason, wantRemedy string }{
		{"no library", "/nonexistent/libnvidia-ml.so.1", "cannot be loaded", "install the NVIDIA driver"},
		{"a file that is no library", notALibrary, "cannot be loaded", "install the NVIDIA driver"},
		{"a library that is another", otherLibrary(t), "has no nvmlInit", "--nvml-library"},
		{"a library without its kernel module", fakenvml.Build(t, "INIT_ERROR=9"), "initialise", "modprobe nvidia"},
		{"a library of another version than its module", fakenvml.Build(t, "INIT_ERROR=18"), "initialise", "reboot"},
		{"no right to use the driver", fakenvml.Build(t, "INIT_ERROR=4"), "initialise", "/dev/nvidia"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := inChild(t, row.library)
			if len(got.Domains) != 0 || len(got.Left) != 1 {
				t.Fatalf("got %d domains and refusals %+v, want none and one", len(got.Domains), got.Left)
			}
			if l := got.Left[0]; !strings.Contains(l.Reason, row.wantReason) || !strings.Contains(l.Remedy, row.wantRemedy) {
				t.Errorf("got %+v, want a reason with %q and a remedy with %q", l, row.wantReason, row.wantRemedy)
			}
		})
	}
}

// otherLibrary is one that loads and has no NVML in it.
func otherLibrary(t *testing.T) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler (cc)")
	}
	dir := t.TempDir()
	source, library := dir+"/other.c", dir+"/libother.so"
	if err := os.WriteFile(source, []byte("int other(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return library
}

func TestCounterAdvancesByWholeUpdates(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t, "PERIOD_MS=50"))
	const update = 15 * meter.Joule // 300 W over 50 ms
	changes := 0
	var last meter.Energy
	for _, r := range got.Readings {
		if r.Domain != 0 {
			continue
		}
		if last != 0 && r.Energy != last {
			changes++
			if (r.Energy-last)%update != 0 || r.Energy < last {
				t.Errorf("counter went from %v to %v, want whole updates of %v", last, r.Energy, update)
			}
		}
		last = r.Energy
	}
	if changes == 0 {
		t.Error("the counter did not advance over 250 ms")
	}
	if d := got.Domains[0]; d.Limit != 700*meter.Watt || d.Quantum != meter.Millijoule {
		t.Errorf("got limit %v and quantum %v, want 700 W and 1 mJ", d.Limit, d.Quantum)
	}
}

func TestGaugesAreReadSeldom(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t))
	counters, gauges := 0, 0
	for _, r := range got.Readings {
		if r.Domain == 0 {
			counters++
			if r.HasPower && r.Power != 300*meter.Watt {
				t.Errorf("instantaneous power: got %v, want 300 W", r.Power)
			}
		} else {
			gauges++
			if r.Power != 37500*meter.Milliwatt {
				t.Errorf("memory power: got %v, want 37.5 W", r.Power)
			}
		}
	}
	if counters != 25 || gauges == 0 || gauges > counters/3 {
		t.Errorf("got %d readings of the counter and %d of the gauge, want 25 and a third or less", counters, gauges)
	}
}

func TestLostDeviceStaysLost(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t, "LOST_AFTER=16")) // six of them probe
	lost := false
	for i, r := range got.Readings {
		switch {
		case r.Status == meter.StatusLost:
			lost = true
			if r.HasEnergy || r.HasPower {
				t.Errorf("reading %d of a lost GPU has a value: %+v", i, r)
			}
		case lost:
			t.Errorf("reading %d: status %q after the GPU was lost", i, r.Status)
		}
	}
	if !lost {
		t.Error("no reading is lost")
	}
}

func TestFailedCallIsAMissingSample(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t, "FLAKY"))
	var good, missing int
	for i, r := range got.Readings {
		switch {
		case r.Status == meter.StatusTransient && !r.HasEnergy && !r.HasPower:
			missing++
		case r.Status == meter.StatusOK && (r.HasEnergy || r.HasPower):
			good++
		default:
			t.Errorf("reading %d: got %+v, want a value that is ok or none that is transient", i, r)
		}
	}
	if good == 0 || missing == 0 {
		t.Errorf("got %d good and %d missing readings, want some of both", good, missing)
	}
}

func TestBlockedCallIsReported(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	got := inChild(t, fakenvml.Build(t, "BLOCK_AFTER=20"), "CFU_TEST_NVML_SAMPLER=1")
	if !got.Stalled {
		t.Error("no reading is stalled although a call was blocked for 1.5 s")
	}
	if n := len(got.Readings); n == 0 || !got.Readings[n-1].HasEnergy && !got.Readings[n-1].HasPower {
		t.Error("the readings did not go on after the blocked call")
	}
}

func TestSlowState(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t, "THROTTLED=0x44", "FOREIGN_PID=4242"))
	s := got.States[0]
	if *s.SMClock != 1980 || *s.MemoryClock != 2619 || *s.Temperature != 61 || *s.Limit != 700*meter.Watt || !*s.Persistence || *s.MIG {
		t.Errorf("got %+v", s)
	}
	if *s.Utilization != 90 || *s.MemoryUtilization != 40 || *s.MemoryUsed != 70<<30 || *s.MemoryTotal != 80<<30 {
		t.Errorf("got %+v, want 90 %% and 40 %% busy and 70 of 80 GiB used", s)
	}
	if d := got.Domains[0]; d.Product != "Simulated H100" || d.Driver != "580.00" || !d.PartTime {
		t.Errorf("got product %q, driver %q, part-time gauge %v; want those that the library tells, and an instantaneous gauge taken for part-time", d.Product, d.Driver, d.PartTime)
	}
	if strings.Join(s.Throttled, " ") != "sw_power_cap hw_thermal_slowdown" {
		t.Errorf("throttled: got %v, want sw_power_cap and hw_thermal_slowdown", s.Throttled)
	}
	if len(s.Unknown) != 1 || !strings.HasPrefix(s.Unknown[0], "ECC errors") {
		t.Errorf("unknown: got %v, want the ECC errors, which this library does not count", s.Unknown)
	}
	sum := got.Summary[0]
	if len(sum.ForeignProcesses) != 1 || sum.ForeignProcesses[0] != 4242 {
		t.Errorf("foreign processes: got %v, want 4242", sum.ForeignProcesses)
	}
	if warnings := strings.Join(sum.Doubts(), "\n"); !strings.Contains(warnings, "4242") || !strings.Contains(warnings, "hw_thermal_slowdown") {
		t.Errorf("warnings do not name the process and the throttling:\n%s", warnings)
	}
}

func TestBufferedSamples(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t))
	if n := len(got.Samples); n < 100 {
		t.Fatalf("got %d samples, want the driver's 119", n)
	}
	for i, s := range got.Samples {
		if s.Power != 300*meter.Watt || s.Before > s.After {
			t.Fatalf("sample %d: got %+v", i, s)
		}
		if i > 0 && s.Before <= got.Samples[i-1].Before {
			t.Fatalf("sample %d at %v is not after %v", i, s.Before, got.Samples[i-1].Before)
		}
	}
}

func TestObserverSumsUpTheSamples(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	got := inChild(t, fakenvml.Build(t), "CFU_TEST_NVML_WATCH=1").Summary[0]
	if got.Samples < 50 || got.SampleSpacing != 20*time.Millisecond || got.SampleMean != 300*meter.Watt {
		t.Errorf("got %d samples %v apart of %v on average, want those of two seconds, 20 ms apart, of 300 W", got.Samples, got.SampleSpacing, got.SampleMean)
	}
}

func TestPersistenceOffIsNoted(t *testing.T) {
	t.Parallel()
	got := inChild(t, fakenvml.Build(t, "PERSISTENCE=0"))
	if note := got.Domains[0].Note; !strings.Contains(note, "persistence mode is off") {
		t.Errorf("note: got %q, want that persistence mode is off", note)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	sources, left := Open(meter.NewClock(time.Now()), fakenvml.Build(t))
	if len(sources) != 1 {
		t.Fatalf("got %d sources, refusals %+v", len(sources), left)
	}
	defer sources[0].Close()
	dst := make([]meter.Reading, 0, 8)
	got := testing.AllocsPerRun(1000, func() { dst = sources[0].Read(dst[:0]) })
	if got != 0 {
		t.Errorf("got %v allocations a read, want 0", got)
	}
}
