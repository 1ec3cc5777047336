package rapl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfubench/meter"
)

// processor is a simulated perf_event: counters of known values, in groups.
type processor struct {
	fail   func(cpu int, config uint64) error
	fds    []counter
	reads  int
	still  map[uint64]bool // configs that do not count
	closed int
}

type counter struct {
	cpu, leader int
	config      uint64
}

func (p *processor) open(pmu uint32, config uint64, cpu, leader int) (int, error) {
	if pmu != 32 {
		return 0, fmt.Errorf("PMU %d, want 32", pmu)
	}
	if p.fail != nil {
		if err := p.fail(cpu, config); err != nil {
			return 0, err
		}
	}
	p.fds = append(p.fds, counter{cpu, leader, config})
	return len(p.fds) - 1, nil
}

// read gives a group's values: a count of 2³² (1 J) for each read so far, times
// the counter's config.
func (p *processor) read(fd int, buf []byte) (int, error) {
	p.reads++
	n := 0
	for i, c := range p.fds {
		if i != fd && c.leader != fd {
			continue
		}
		n++
		counts := uint64(p.reads) * c.config << 32
		if p.still[c.config] {
			counts = 0
		}
		binary.NativeEndian.PutUint64(buf[8*n:], counts)
	}
	binary.NativeEndian.PutUint64(buf, uint64(n))
	return 8 * (n + 1), nil
}

func (p *processor) close(int) error {
	p.closed++
	return nil
}

// powerPMU writes a power PMU with the events, and a topology of two packages
// of two dies, with processors 0, 8, 16 and 24 as their readers.
func powerPMU(t *testing.T, kind, mask string, events map[string]string) string {
	t.Helper()
	root := t.TempDir()
	put := func(text string, path ...string) {
		t.Helper()
		file := filepath.Join(append([]string{root}, path...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const pmu = "bus/event_source/devices/power"
	put(kind, pmu, "type")
	put(mask, pmu, "cpumask")
	for name, text := range events {
		put(text, pmu, "events", name)
	}
	for cpu, at := range map[int]struct{ pkg, die, dieCPUs, pkgCPUs string }{
		0: {"0", "0", "0-7", "0-15"}, 8: {"0", "1", "8-15", "0-15"},
		16: {"1", "0", "16-23", "16-31"}, 24: {"1", "1", "24-31", "16-31"},
	} {
		dir := fmt.Sprintf("devices/system/cpu/cpu%d/topology", cpu)
		put(at.pkg, dir, "physical_package_id")
		put(at.die, dir, "die_id")
		put(at.dieCPUs, dir, "die_cpus_list")
		put(at.pkgCPUs, dir, "package_cpus_list")
	}
	return root
}

// event is a file set of one event of the kernel's usual scale, 2⁻³² J.
func eventFiles(events map[string]string, name, term string) {
	events[name] = term
	events[name+".scale"] = "2.3283064365386962890625e-10"
	events[name+".unit"] = "Joules"
}

// serverEvents are the events of an Intel server.
func serverEvents() map[string]string {
	events := map[string]string{}
	eventFiles(events, "energy-pkg", "event=0x02")
	eventFiles(events, "energy-ram", "event=0x03")
	eventFiles(events, "energy-psys", "event=0x05")
	return events
}

func openFake(t *testing.T, root string, p *processor) (meter.Source, []meter.Refusal) {
	t.Helper()
	o := Options{Sysfs: root, Procfs: t.TempDir()}.withDefaults()
	return openPerf(t.Context(), o, p)
}

func domainNamesOf(src meter.Source) (names []string) {
	for _, d := range src.Domains() {
		names = append(names, d.Name)
	}
	return names
}

func TestPerfReadsAGroupAPackage(t *testing.T) {
	p := &processor{}
	src, left := openFake(t, powerPMU(t, "32", "0,8,16,24", serverEvents()), p)
	if src == nil || len(left) > 0 {
		t.Fatalf("no source, or refusals %+v", left)
	}
	want := []string{
		"package-0-die-0", "package-0-die-0-dram", "psys", "package-0-die-1", "package-0-die-1-dram",
		"package-1-die-0", "package-1-die-0-dram", "package-1-die-1", "package-1-die-1-dram",
	}
	if got := domainNamesOf(src); !slices.Equal(got, want) {
		t.Fatalf("domains %v\nwant %v: the platform once", got, want)
	}
	reads := p.reads
	got := src.Read(nil)
	if n := p.reads - reads; n != 4 {
		t.Errorf("%d system calls for four packages, want 4", n)
	}
	if got[0].Before != got[2].Before || got[0].After != got[2].After {
		t.Errorf("brackets of one group differ: %+v, %+v", got[0], got[2])
	}
	if package0, psys := got[0].Energy, got[2].Energy; package0 != meter.Energy(2*(reads+1))*meter.Joule || psys != meter.Energy(5*(reads+1))*meter.Joule {
		t.Errorf("package %v and platform %v, want %d J and %d J", package0, psys, 2*(reads+1), 5*(reads+1))
	}
	for i, d := range src.Domains() {
		if d.Range != 0 || d.Kind != meter.KindCounter {
			t.Errorf("%s wraps at %v, kind %s; want a 64-bit counter", d.Name, d.Range, d.Kind)
		}
		if got[i].Domain != i || !got[i].HasEnergy {
			t.Errorf("reading %d is %+v", i, got[i])
		}
	}
	dst := got
	if n := testing.AllocsPerRun(100, func() { dst = src.Read(dst[:0]) }); n != 0 {
		t.Errorf("a read allocates %v times, want 0", n)
	}
	if err := src.Close(); err != nil || p.closed != len(p.fds) {
		t.Errorf("close: %v, %d of %d counters closed", err, p.closed, len(p.fds))
	}
}

func TestPerfRefusals(t *testing.T) {
	all := func(err error) func(int, uint64) error {
		return func(int, uint64) error { return err }
	}
	oddScale := serverEvents()
	oddScale["energy-ram.unit"] = "Watts"
	oddTerm := serverEvents()
	oddTerm["energy-ram"] = "config=3"
	for _, tt := range []struct {
		does           string
		mask           string
		events         map[string]string
		cpu            *processor
		domains        []string
		reason, remedy string
	}{
		{"no permission: the sysctl and the capability", "0", serverEvents(), &processor{fail: all(unix.EACCES)},
			nil, "energy-pkg on cpu 0: permission denied", "kernel.perf_event_paranoid=0 (now 2), or sudo setcap cap_perfmon"},
		{"an event that the kernel offers and the processor lacks", "0", serverEvents(), &processor{fail: func(_ int, config uint64) error {
			if config == 3 {
				return unix.EINVAL
			}
			return nil
		}}, []string{"package-0-die-0", "psys"}, "energy-ram on cpu 0: invalid argument", "does not have it"},
		{"a counter that stands still leaves the report and not its group", "0", serverEvents(), &processor{still: map[uint64]bool{2: true}},
			[]string{"package-0-die-0-dram", "psys"}, "did not move", "does not have the part"},
		{"a unit that is not joules", "0", oddScale, &processor{}, []string{"package-0-die-0", "psys"}, `unit "Watts"`, ""},
		{"an event term of another form", "0", oddTerm, &processor{}, []string{"package-0-die-0", "psys"}, `event term "config=3"`, ""},
		{"a mask that is no list", "zero", serverEvents(), &processor{}, nil, `cpumask of the power PMU "zero"`, ""},
	} {
		root := powerPMU(t, "32", tt.mask, tt.events)
		o := Options{Sysfs: root, Procfs: t.TempDir()}.withDefaults()
		sysctl := filepath.Join(o.Procfs, "sys/kernel/perf_event_paranoid")
		if err := errors.Join(os.MkdirAll(filepath.Dir(sysctl), 0o755), os.WriteFile(sysctl, []byte("2\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		src, left := openPerf(t.Context(), o, tt.cpu)
		var got []string
		if src != nil {
			got = domainNamesOf(src)
			if n := len(src.Read(nil)); n != len(got) {
				t.Errorf("%s: %d readings of %d domains", tt.does, n, len(got))
			}
		}
		if !slices.Equal(got, tt.domains) {
			t.Errorf("%s: domains %v, want %v", tt.does, got, tt.domains)
		}
		if len(left) == 0 || !strings.Contains(left[0].Reason, tt.reason) || !strings.Contains(left[0].Remedy, tt.remedy) {
			t.Errorf("%s: refusals %+v, want reason %q and remedy %q", tt.does, left, tt.reason, tt.remedy)
		}
	}
}

// The same path through the real system call: a PMU that every kernel has, the
// software one, whose cpu-clock and task-clock count nanoseconds. With a scale
// of 10⁻⁹ J a count it is a package of exactly 1 W a processor.
func TestPerfThroughTheKernel(t *testing.T) {
	events := map[string]string{
		"energy-pkg": "event=0x00", "energy-pkg.scale": "1e-9", "energy-pkg.unit": "Joules",
		"energy-ram": "event=0x00", "energy-ram.scale": "2e-9", "energy-ram.unit": "Joules",
	}
	root := powerPMU(t, fmt.Sprint(unix.PERF_TYPE_SOFTWARE), "0", events)
	clock := meter.NewClock(time.Now())
	o := Options{Sysfs: root, Procfs: "/proc", Clock: clock}.withDefaults()
	src, left := openPerf(t.Context(), o, kernel{})
	if src == nil {
		if !strings.Contains(left[0].Remedy, "perf_event_paranoid") && !strings.Contains(left[0].Remedy, "does not have it") {
			t.Errorf("refused without a remedy: %+v", left)
		}
		t.Skipf("perf_event is not for this user: %s", left[0].Reason)
	}
	defer src.Close()
	first := src.Read(nil)
	wait(t.Context(), 200*time.Millisecond)
	second := src.Read(nil)
	for i, watts := range []meter.Power{meter.Watt, 2 * meter.Watt} {
		got := second[i].Energy - first[i].Energy
		least := meter.EnergyOf(watts, second[i].Before-first[i].After)
		most := meter.EnergyOf(watts, second[i].After-first[i].Before)
		// The kernel counts with a clock of its own, which the host may trim.
		if got < least-least/100 || got > most+most/100 {
			t.Errorf("%s counted %v, want %v to %v", src.Domains()[i].Name, got, least, most)
		}
	}
	if first[0].Before != first[1].Before {
		t.Errorf("two brackets %v and %v for one group", first[0].Before, first[1].Before)
	}
}

func TestScale(t *testing.T) {
	s, err := newScale(2.3283064365386962890625e-10) // 2⁻³² J
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		counts uint64
		want   meter.Energy
	}{
		{0, 0},
		{1 << 32, meter.Joule},
		{1 << 31, meter.Joule / 2},
		{1<<32 + 1<<12, meter.Joule}, // a count is less than a thousandth of a microjoule
		{1 << 62, (1 << 30) * meter.Joule},
	} {
		if got := s.energy(tt.counts); got != tt.want {
			t.Errorf("%d counts: got %v, want %v", tt.counts, got, tt.want)
		}
	}
	for _, bad := range []float64{0, -1, 1e9} {
		if _, err := newScale(bad); err == nil {
			t.Errorf("scale of %g J a count accepted", bad)
		}
	}
}
