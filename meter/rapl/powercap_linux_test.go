package rapl_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfubench/meter"
	"cfubench/meter/rapl"
	"cfubench/meter/rapl/powercaptest"
)

// full is the range of a 61 µJ register: 2³² units.
const full = 262_143_328_850 * meter.Microjoule

// open opens the tree's registers; procfs is empty, so nothing is virtualised.
func open(t *testing.T, tree *powercaptest.Tree) ([]meter.Domain, meter.Source, []meter.Refusal) {
	t.Helper()
	return openBelow(t, tree.Root, t.TempDir())
}

func openBelow(t *testing.T, sysfs, procfs string) ([]meter.Domain, meter.Source, []meter.Refusal) {
	t.Helper()
	sources, left := rapl.Open(t.Context(), rapl.Options{Sysfs: sysfs, Procfs: procfs, Clock: meter.NewClock(time.Now())})
	if len(sources) == 0 {
		return nil, nil, left
	}
	t.Cleanup(func() {
		if err := sources[0].Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return sources[0].Domains(), sources[0], left
}

// refusal returns the refusal of a domain.
func refusal(t *testing.T, left []meter.Refusal, domain string) meter.Refusal {
	t.Helper()
	for _, r := range left {
		if r.Domain == domain {
			return r
		}
	}
	t.Fatalf("no refusal of %s in %+v", domain, left)
	return meter.Refusal{}
}

func names(domains []meter.Domain) (out []string) {
	for _, d := range domains {
		out = append(out, d.Name)
	}
	return out
}

func TestServerWithTwoDiesASocket(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Server()...)
	domains, src, left := open(t, tree)
	want := []string{
		"package-0-die-0", "package-0-die-0-core", "package-0-die-0-dram",
		"package-0-die-1", "package-0-die-1-core", "package-0-die-1-dram",
		"package-1-die-0", "package-1-die-0-core", "package-1-die-0-dram",
		"package-1-die-1", "package-1-die-1-core", "package-1-die-1-dram",
		"psys",
	}
	if got := names(domains); !slices.Equal(got, want) {
		t.Fatalf("domains %v\nwant %v", got, want)
	}
	for _, tt := range []struct {
		name, parent string
		scope        meter.Scope
		wrap         meter.Energy
		limit        meter.Power
	}{
		{"package-0-die-1", "", meter.ScopePackage, full, 250 * meter.Watt},
		{"package-0-die-1-core", "package-0-die-1", meter.ScopeCore, full, 0},
		{"package-0-die-1-dram", "", meter.ScopeDRAM, full / 4, 0},
		{"psys", "", meter.ScopePsys, full, 0},
	} {
		d := domains[slices.Index(want, tt.name)]
		if d.Scope != tt.scope || d.Parent != tt.parent || d.Range != tt.wrap || d.Limit != tt.limit || d.Kind != meter.KindCounter {
			t.Errorf("%s is %+v, want scope %s in %q, range %v, limit %v", tt.name, d, tt.scope, tt.parent, tt.wrap, tt.limit)
		}
	}
	if r := refusal(t, left, "package-0-die-0"); !strings.Contains(r.Reason, "second view of intel-rapl:0") {
		t.Errorf("memory-mapped twin: %q, want it called a second view of intel-rapl:0", r.Reason)
	}
	for _, r := range left {
		if strings.Contains(r.Reason, "dtpm") {
			t.Errorf("dtpm zone mentioned: %+v; it is no RAPL register", r)
		}
	}
	if n := len(src.Read(nil)); n != len(want) {
		t.Errorf("a read gives %d readings, want %d", n, len(want))
	}
	keep, _ := meter.Antichain(domains)
	if got := names(keep); len(got) != 8 || slices.Contains(got, "psys") || slices.Contains(got, "package-0-die-0-core") {
		t.Errorf("the sum is of %v, want four packages and their memories", got)
	}
}

// The register is read while it is being written: each value lies between what
// had been written before the read and what had after it.
func TestReadingsFollowTheRegister(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 50 * meter.Watt, Range: full, Start: 7 * meter.Joule})
	_, src, _ := open(t, tree)
	var last meter.Energy
	changes := 0
	for deadline := time.Now().Add(10 * time.Second); changes < 20; {
		low := tree.Counted("intel-rapl:0")
		r := src.Read(nil)[0]
		slack := meter.EnergyOf(50*meter.Watt, time.Second) // the write under way
		if high := tree.Counted("intel-rapl:0") + slack; !r.HasEnergy || r.Energy < low || r.Energy > high {
			t.Fatalf("read %v (%+v), want between %v and %v", r.Energy, r, low, high)
		}
		if r.After < r.Before {
			t.Fatalf("bracket %v to %v", r.Before, r.After)
		}
		if r.Energy != last {
			changes++
		}
		last = r.Energy
		if time.Now().After(deadline) {
			t.Fatalf("%d changes in 10 s, want 20", changes)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWrapInMidRun(t *testing.T) {
	const dir = "intel-rapl:0"
	tree := powercaptest.New(t, powercaptest.Zone{
		Dir: dir, Name: "package-0", Power: 400 * meter.Watt, Limit: 500 * meter.Watt,
		Range: full, Start: full - 100*meter.Joule, // wraps after 250 ms
	})
	_, src, _ := open(t, tree)
	s := meter.NewSampler(meter.NewClock(time.Now()), []meter.Source{src}, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []meter.Reading
	err := s.Run(ctx, func(batch []meter.Reading) error {
		got = append(got, batch...)
		if slices.ContainsFunc(batch, func(r meter.Reading) bool { return r.Status == meter.StatusWrap }) {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	total, wraps := meter.Energy(0), 0
	for i, r := range got[1:] {
		step := r.Energy - got[i].Energy
		switch r.Status {
		case meter.StatusWrap:
			wraps++
			step += full + 1
		case meter.StatusOK, meter.StatusGap:
		default:
			t.Fatalf("reading %d is %q: %+v", i+1, r.Status, r)
		}
		total += step
	}
	first, last := got[0], got[len(got)-1]
	if most := meter.EnergyOf(400*meter.Watt, last.After-first.Before) + meter.EnergyOf(400*meter.Watt, time.Second); wraps != 1 || total <= 0 || total > most {
		t.Errorf("%d wraps, %v through them in %v; want one and between 0 and %v", wraps, total, last.After-first.Before, most)
	}
}

func TestRegistersThatGiveNothing(t *testing.T) {
	tree := powercaptest.New(t,
		powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 50 * meter.Watt, Range: full},
		powercaptest.Zone{Dir: "intel-rapl:0:0", Name: "core", Failing: true, Range: full},
		powercaptest.Zone{Dir: "intel-rapl:0:1", Name: "uncore", Power: 0, Range: full},
		powercaptest.Zone{Dir: "intel-rapl:0:2", Name: "dram", Power: 5 * meter.Watt},
	)
	domains, src, left := open(t, tree)
	if got, want := names(domains), []string{"package-0", "package-0-dram"}; !slices.Equal(got, want) {
		t.Fatalf("domains %v, want %v", got, want)
	}
	if r := refusal(t, left, "package-0-core"); !strings.Contains(r.Reason, "not readable") || !strings.Contains(r.Remedy, "does not answer") {
		t.Errorf("register that fails: %+v, want not readable, and that the processor does not answer", r)
	}
	if r := refusal(t, left, "package-0-uncore"); !strings.Contains(r.Reason, "did not move") {
		t.Errorf("register at rest: %+v, want that it did not move", r)
	}
	if d := domains[1]; d.Range != 0 || !strings.Contains(d.Note, "no range") {
		t.Errorf("zone without range: %+v, want range 0 and a note", d)
	}
	// A register that goes bad in mid-run is a reading without a value.
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err := tree.Truncate("intel-rapl:0"); err != nil {
			t.Fatal(err)
		}
		r := src.Read(nil)[0]
		if !r.HasEnergy {
			if r.Status != meter.StatusTransient || r.Energy != 0 {
				t.Errorf("reading of an empty register: %+v, want transient and no value", r)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no read found the register empty")
		}
	}
}

// asNobody runs f as a user who may read what everybody may, whoever runs the
// tests. The thread that has changed users ends with f's goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

func TestRegistersOfRootAreRefusedAndNeverZero(t *testing.T) {
	tree := powercaptest.New(t,
		powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 50 * meter.Watt, Range: full, Unreadable: true},
		powercaptest.Zone{Dir: "intel-rapl:0:0", Name: "dram", Power: 5 * meter.Watt, Range: full},
	)
	procfs := t.TempDir()
	remedy := ""
	asNobody(t, func() {
		domains, _, left := openBelow(t, tree.Root, procfs)
		if got := names(domains); !slices.Equal(got, []string{"package-0-dram"}) {
			t.Errorf("domains %v, want the memory only", got)
		}
		path := filepath.Join(tree.Root, "class/powercap/intel-rapl:0/energy_uj")
		r := refusal(t, left, "package-0")
		if !strings.HasPrefix(r.Reason, "not readable: "+path) {
			t.Errorf("reason %q, want that %s is not readable", r.Reason, path)
		}
		if part := "sudo setcap cap_perfmon,cap_dac_read_search+ep /"; !strings.Contains(r.Remedy, part) {
			t.Errorf("remedy %q, want %q in it", r.Remedy, part)
		}
		remedy = r.Remedy
	})
	// The command that is printed is one that helps.
	command, _, ok := strings.Cut(strings.TrimPrefix(remedy, "sudo "), " (until reboot")
	if !ok || !strings.HasPrefix(command, "chmod a+r ") {
		t.Fatalf("remedy %q, want it to begin with a chmod", remedy)
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	asNobody(t, func() {
		if domains, _, left := openBelow(t, tree.Root, procfs); len(domains) != 2 {
			t.Errorf("after %q: got domains %v and refusals %+v, want both registers", command, names(domains), left)
		}
	})
}

func TestHostsWithoutRAPL(t *testing.T) {
	for _, tt := range []struct {
		does, cpuinfo  string
		class          bool
		reason, remedy string
	}{
		{"a bare machine without the driver", "flags\t\t: fpu vme sse\n", false, "no powercap tree", "modprobe intel_rapl_msr"},
		{"a machine with other zones only", "flags\t\t: fpu vme sse\n", true, "no RAPL zone", "modprobe intel_rapl_msr"},
		{"a guest", "flags\t\t: fpu vme hypervisor sse\n", false, "no powercap tree", "virtual machine"},
	} {
		root, proc := t.TempDir(), t.TempDir()
		if tt.class {
			if err := os.MkdirAll(filepath.Join(root, "class/powercap/dtpm:0"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(proc, "cpuinfo"), []byte(tt.cpuinfo), 0o644); err != nil {
			t.Fatal(err)
		}
		sources, left := rapl.Open(t.Context(), rapl.Options{Sysfs: root, Procfs: proc})
		if len(sources) != 0 || len(left) != 2 {
			t.Fatalf("%s: %d sources, refusals %+v; want none and one for each way", tt.does, len(sources), left)
		}
		if r := left[1]; !strings.Contains(r.Reason, tt.reason) || !strings.Contains(r.Remedy, tt.remedy) {
			t.Errorf("%s: %+v, want reason %q and remedy %q", tt.does, r, tt.reason, tt.remedy)
		}
	}
}

func TestCaveatsOfTheHostAreNoted(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 50 * meter.Watt, Range: full})
	proc := t.TempDir()
	if err := os.WriteFile(filepath.Join(proc, "cpuinfo"), []byte("processor : 0\nflags\t\t: fpu hypervisor sgx\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sources, _ := rapl.Open(t.Context(), rapl.Options{Sysfs: tree.Root, Procfs: proc})
	if len(sources) != 1 {
		t.Fatalf("%d sources, want 1", len(sources))
	}
	defer sources[0].Close()
	note := sources[0].Domains()[0].Note
	for _, part := range []string{"virtualised", "SGX"} {
		if !strings.Contains(note, part) {
			t.Errorf("note %q, want %q in it", note, part)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Server()...)
	_, src, _ := open(t, tree)
	tree.Stop() // each of its writes allocates, and the count is the whole process'
	dst := src.Read(nil)
	if n := testing.AllocsPerRun(200, func() { dst = src.Read(dst[:0]) }); n != 0 {
		t.Errorf("a read of %d registers allocates %v times, want 0", len(dst), n)
	}
}

// BenchmarkRead reads one register by pread on a kept-open file, and by
// opening it each time, as a shell or a library that keeps nothing does.
func BenchmarkRead(b *testing.B) {
	tree := powercaptest.New(b, powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 50 * meter.Watt, Range: full})
	b.Run("kept-open", func(b *testing.B) {
		sources, left := rapl.Open(b.Context(), rapl.Options{Sysfs: tree.Root})
		if len(sources) != 1 {
			b.Fatalf("no source: %+v", left)
		}
		defer sources[0].Close()
		var dst []meter.Reading
		for b.Loop() {
			dst = sources[0].Read(dst[:0])
		}
	})
	b.Run("open-read-close", func(b *testing.B) {
		path := filepath.Join(tree.Root, "class/powercap/intel-rapl:0/energy_uj")
		for b.Loop() {
			if _, err := os.ReadFile(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A guest's register that something fills once a second moves too seldom for a
// single request, and is taken.
func TestSlowRegisterIsTakenCoarse(t *testing.T) {
	root := t.TempDir()
	zone := filepath.Join(root, "class", "powercap", "intel-rapl:0")
	if err := os.MkdirAll(zone, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"name": "package-0", "max_energy_range_uj": "262143328850", "energy_uj": "1000000000"} {
		if err := os.WriteFile(filepath.Join(zone, name), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	filled := time.AfterFunc(400*time.Millisecond, func() {
		_ = os.WriteFile(filepath.Join(zone, "energy_uj"), []byte("1100000000\n"), 0o644) // seen below if it fails
	})
	defer filled.Stop()
	sources, left := rapl.Open(t.Context(), rapl.Options{Sysfs: root, Procfs: root})
	if len(sources) != 1 {
		t.Fatalf("got no source, refusals %+v", left)
	}
	defer sources[0].Close()
	if d := sources[0].Domains()[0]; !d.Coarse || d.UpdatePeriod != time.Second || !strings.Contains(d.Note, "about every 1s") {
		t.Errorf("got %+v, want a coarse register of about a second", d)
	}
}
