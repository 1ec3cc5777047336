// Package powercaptest makes powercap trees whose registers count a known power,
// for the tests of everything that reads RAPL on hosts that have none.
package powercaptest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/meter"
)

// Zone is one directory of the tree.
type Zone struct {
	Dir   string // "intel-rapl:0", "intel-rapl:0:1", "intel-rapl-mmio:0", "dtpm:0"
	Name  string // "package-0", "dram", "psys"
	Power meter.Power
	// Range is the largest value, written to max_energy_range_uj; 0 leaves that
	// file out. Start is the register's value at the beginning.
	Range, Start meter.Energy
	// Limit is written as the peak power limit, if not 0, beside a long-term
	// limit of half as much.
	Limit meter.Power
	// Unreadable is a register of mode 0400 that belongs to another user.
	Unreadable bool
	// Failing is a register that opens and cannot be read, as where the
	// processor does not answer for a zone that the kernel lists (EINVAL there).
	Failing bool
}

// Tree is a sysfs root with a powercap class, written in place while the test
// runs, as readers with kept-open descriptors need it.
type Tree struct {
	// Root is what takes the place of /sys.
	Root  string
	files map[string]*register
	late  atomic.Int64
	begun time.Time
	// Stop ends the writes: the registers keep their last values. The end of the
	// test does it too.
	Stop func()
}

type register struct {
	zone    Zone
	file    *os.File
	written atomic.Int64

	mu sync.Mutex
	// What it had counted when its power last changed, and when that was.
	counted meter.Energy
	changed time.Duration
	power   meter.Power
}

// width is the fixed number of digits: a register never shrinks under a reader.
const width = 15

// New makes a tree and keeps its registers counting until the test ends, one
// write of each a millisecond or as often as the host gets to it.
func New(tb testing.TB, zones ...Zone) *Tree {
	tb.Helper()
	t := &Tree{Root: tb.TempDir(), files: map[string]*register{}, begun: time.Now()}
	open(tb, t.Root)
	for _, z := range zones {
		t.add(tb, z)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		last := time.Now()
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				t.write()
				now := time.Now()
				t.late.Store(max(t.late.Load(), int64(now.Sub(last))))
				last = now
			}
		}
	}()
	t.Stop = sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
	tb.Cleanup(func() {
		t.Stop()
		for _, r := range t.files {
			r.file.Close()
		}
	})
	return t
}

// open lets other users into root: the directory above a test's own is private.
func open(tb testing.TB, root string) {
	tb.Helper()
	for _, dir := range []string{filepath.Dir(root), root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
}

func (t *Tree) add(tb testing.TB, z Zone) {
	tb.Helper()
	dir := filepath.Join(t.Root, "class", "powercap", z.Dir)
	put := func(name, text string) {
		tb.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	put("name", z.Name)
	if z.Range > 0 {
		put("max_energy_range_uj", fmt.Sprint(int64(z.Range)))
	}
	if z.Limit > 0 {
		put("constraint_0_name", "long_term")
		put("constraint_0_power_limit_uw", fmt.Sprint(int64(z.Limit/2)))
		put("constraint_1_name", "peak_power")
		put("constraint_1_power_limit_uw", fmt.Sprint(int64(z.Limit)))
	}
	path := filepath.Join(dir, "energy_uj")
	if z.Failing {
		if err := os.Mkdir(path, 0o755); err != nil { // opens, and a read of it fails
			tb.Fatal(err)
		}
		return
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	if z.Unreadable {
		mode := os.FileMode(0o400)
		if os.Getuid() != 0 {
			mode = 0 // the file is this user's own
		}
		if err := f.Chmod(mode); err != nil {
			tb.Fatal(err)
		}
	}
	r := &register{zone: z, file: f, counted: z.Start, power: z.Power}
	t.files[z.Dir] = r
	if err := r.set(z.Start); err != nil {
		tb.Fatal(err)
	}
}

// write brings every register to what it has counted by now.
func (t *Tree) write() {
	for _, r := range t.files {
		r.mu.Lock()
		now := r.at(time.Since(t.begun))
		r.mu.Unlock()
		// A write can fail only while the test is being torn down.
		_ = r.set(now)
	}
}

// at is what the register has counted at a time since the tree began, which is
// taken under the lock: a time from before the last change of power would let the
// register fall.
func (r *register) at(since time.Duration) meter.Energy {
	return r.counted + meter.EnergyOf(r.power, since-r.changed)
}

// SetPower lets a zone draw p from now on.
func (t *Tree) SetPower(dir string, p meter.Power) {
	r := t.files[dir]
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Since(t.begun)
	r.counted, r.changed, r.power = r.at(now), now, p
}

// set writes the register, wrapped into its range.
func (r *register) set(e meter.Energy) error {
	raw := e
	if r.zone.Range > 0 {
		raw %= r.zone.Range + 1
	}
	_, err := r.file.WriteAt(fmt.Appendf(nil, "%0*d\n", width, int64(raw)), 0)
	r.written.Store(int64(e))
	return err
}

// Counted is what the zone's register has counted, its wraps undone, by the
// last write. The register itself may be one write ahead.
func (t *Tree) Counted(dir string) meter.Energy {
	return meter.Energy(t.files[dir].written.Load())
}

// Late is the longest time so far from one write to the end of the next: by so
// much may a register have been behind on a busy host.
func (t *Tree) Late() time.Duration { return time.Duration(t.late.Load()) }

// Truncate empties a zone's register, so that its reads give no number until
// the next write.
func (t *Tree) Truncate(dir string) error { return t.files[dir].file.Truncate(0) }

// Server is a two-socket machine with two dies a socket: package registers of
// 40, 50, 60 and 70 W, memory of 10 W and cores of half the package each, the
// platform, the first package's memory-mapped twin, and a dtpm zone.
func Server() []Zone {
	const full = 262_143_328_850 * meter.Microjoule // 2³² × 61.04 µJ
	zones := []Zone{
		{Dir: "intel-rapl:4", Name: "psys", Power: 400 * meter.Watt, Range: full},
		{Dir: "intel-rapl-mmio:0", Name: "package-0-die-0", Power: 40 * meter.Watt, Range: full},
		{Dir: "dtpm:0", Name: "pkg", Power: meter.Watt},
	}
	for i := range 4 {
		dir := fmt.Sprintf("intel-rapl:%d", i)
		power := meter.Power(40+10*i) * meter.Watt
		zones = append(zones,
			Zone{Dir: dir, Name: fmt.Sprintf("package-%d-die-%d", i/2, i%2), Power: power, Range: full, Limit: 250 * meter.Watt},
			Zone{Dir: dir + ":0", Name: "core", Power: power / 2, Range: full},
			Zone{Dir: dir + ":1", Name: "dram", Power: 10 * meter.Watt, Range: full / 4},
		)
	}
	return zones
}
