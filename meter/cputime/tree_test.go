package cputime

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter/process"
)

// ticks is the step of the times in stat files.
const ticks = 10 * time.Millisecond

var errNone = errors.New("no such process")

// machine is a simulated host: processes that run, fork, end and are reaped.
type machine struct {
	processes map[int]*proc
	next      int
	started   uint64
}

type proc struct {
	parent      int
	session     int // 0: none, as kernel threads have
	own, waited time.Duration
	started     uint64
}

// newMachine has a root process 10 below init, which has run for a while.
func newMachine() *machine {
	m := &machine{processes: map[int]*proc{}, next: 10}
	m.fork(1)
	m.run(10, 3*time.Second)
	return m
}

func (m *machine) fork(parent int) int {
	pid := m.next
	m.next++
	m.started++
	m.processes[pid] = &proc{parent: parent, started: m.started}
	return pid
}

func (m *machine) run(pid int, d time.Duration) { m.processes[pid].own += d }

// exit ends a process: its parent has waited for it, init takes its children.
func (m *machine) exit(pid int) {
	p := m.processes[pid]
	delete(m.processes, pid)
	if parent, ok := m.processes[p.parent]; ok {
		parent.waited += p.own + p.waited
	}
	for _, child := range m.processes {
		if child.parent == pid {
			child.parent = 1
		}
	}
}

func (m *machine) cpu(pid int) (time.Duration, error) {
	if p, ok := m.processes[pid]; ok {
		return p.own, nil
	}
	return 0, errNone
}

func (m *machine) stat(pid int) (process.Stat, error) {
	p, ok := m.processes[pid]
	if !ok {
		return process.Stat{}, errNone
	}
	return process.Stat{Parent: p.parent, Session: p.session, Waited: p.waited.Truncate(ticks), Started: p.started}, nil
}

func (m *machine) all() ([]int, error) {
	var pids []int
	for pid := range m.processes {
		pids = append(pids, pid)
	}
	return pids, nil
}

func (m *machine) last() int               { return m.next - 1 }
func (m *machine) leads(int) bool          { return true }
func (m *machine) sameGroup(a, b int) bool { return true }
func (m *machine) command(int) string      { return "worker" }

var _ host = (*machine)(nil)

// begin returns the tree below the machine's root.
func begin(t interface{ Fatal(...any) }, m *machine) *tree {
	tr, err := newTree(m, 10)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTreeCounts(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		does string
		life func(m *machine, tr *tree)
		want time.Duration
	}{
		{"nothing of what was used before it began", func(*machine, *tree) {}, 0},
		{"the root's own time", func(m *machine, _ *tree) { m.run(10, 70*ms) }, 70 * ms},
		{"a child's time once it is found, all of it", func(m *machine, tr *tree) {
			m.run(m.fork(10), 70*ms)
			must(tr.discover())
		}, 70 * ms},
		{"a grandchild's time", func(m *machine, tr *tree) {
			m.run(m.fork(m.fork(10)), 70*ms)
			must(tr.discover())
		}, 70 * ms},
		{"a child that lived and died unseen", func(m *machine, tr *tree) {
			pid := m.fork(10)
			m.run(pid, 70*ms)
			m.exit(pid)
			must(tr.discover())
		}, 70 * ms},
		{"a child that was seen and died, once", func(m *machine, tr *tree) {
			pid := m.fork(10)
			m.run(pid, 70*ms)
			must(tr.discover())
			tr.read()
			m.run(pid, 30*ms)
			m.exit(pid)
		}, 100 * ms},
		{"a grandchild through its dead parent, once", func(m *machine, tr *tree) {
			child := m.fork(10)
			grandchild := m.fork(child)
			m.run(grandchild, 70*ms)
			must(tr.discover())
			tr.read()
			m.exit(grandchild)
			m.exit(child)
		}, 70 * ms},
		{"an orphan's time to its end, which returns to nobody", func(m *machine, tr *tree) {
			child := m.fork(10)
			orphan := m.fork(child)
			must(tr.discover())
			m.exit(child)
			m.run(orphan, 70*ms)
			must(tr.discover())
			tr.read()
			m.exit(orphan)
		}, 70 * ms},
		{"not another process that got the pid of a dead child", func(m *machine, tr *tree) {
			child := m.fork(10)
			m.run(child, 70*ms)
			must(tr.discover())
			tr.read()
			m.exit(child)
			m.started++
			m.processes[child] = &proc{parent: 1, own: time.Hour, started: m.started}
			must(tr.discover())
		}, 70 * ms},
		{"not the processes beside it", func(m *machine, tr *tree) {
			m.run(m.fork(1), time.Hour)
			must(tr.discover())
		}, 0},
	} {
		m := newMachine()
		tr := begin(t, m)
		tt.life(m, tr)
		if got := tr.read() - tr.base; got != tt.want {
			t.Errorf("the tree counts %s: got %v, want %v", tt.does, got, tt.want)
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestTreeStopsWithItsRoot(t *testing.T) {
	m := newMachine()
	tr := begin(t, m)
	m.run(10, time.Second)
	tr.read()
	m.exit(10)
	if got := tr.read() - tr.base; got != time.Second || !tr.gone {
		t.Errorf("after the root's end %v, gone %v; want 1s, true", got, tr.gone)
	}
	m.processes[10] = &proc{parent: 1, own: time.Hour, started: 99}
	if got := tr.read() - tr.base; got != time.Second {
		t.Errorf("after the root's pid was given away %v, want 1s still", got)
	}
}

// Whatever lives and dies, the count never falls and never exceeds the truth;
// looked at after every event it misses less than a tick for each member, and for
// each orphan that has ended: the kernel tells the time of the children that they
// have waited for in whole ticks.
func TestTreeNeverFallsNorExceedsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		tr := begin(t, m)
		tree := map[int]bool{10: true}
		always := rapid.Bool().Draw(t, "look after every event")
		var truth, last time.Duration
		orphans := 0 // that have ended
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			var alive []int
			for pid := range 200 {
				if m.processes[pid] != nil && tree[pid] {
					alive = append(alive, pid)
				}
			}
			pid := rapid.SampledFrom(alive).Draw(t, "process")
			switch rapid.SampledFrom([]string{"run", "run", "fork", "exit"}).Draw(t, "event") {
			case "run":
				d := time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(t, "ns"))
				m.run(pid, d)
				truth += d
			case "fork":
				tree[m.fork(pid)] = true
			case "exit":
				if pid != 10 {
					tr.read() // the last look at it while it lives
					if m.processes[pid].parent == 1 {
						orphans++
					}
					m.exit(pid)
				}
			}
			if always || rapid.Bool().Draw(t, "look") {
				if rapid.Bool().Draw(t, "at all") {
					must(tr.discover())
				} else {
					must(tr.look())
				}
			}
			got := tr.read() - tr.base
			if got < last {
				t.Fatalf("count fell from %v to %v", last, got)
			}
			if got > truth {
				t.Fatalf("counted %v of %v", got, truth)
			}
			if missed := truth - got; always && missed > time.Duration(len(tr.members)+orphans)*ticks {
				t.Fatalf("counted %v of %v with %d members and %d orphans that have ended: %v missed", got, truth, len(tr.members), orphans, missed)
			}
			last = got
		}
	})
}

// A worker whose parent has ended hangs below the first process: it is the engine's
// by its session or, if it has left that, by its control group.
func TestTreeAdoptsOrphans(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		does string
		life func(m *machine, worker *proc)
		want time.Duration
	}{
		{"one of the engine's session", func(_ *machine, w *proc) { w.session = 10 }, 70 * ms},
		{"a daemon whose session's leader has gone", func(_ *machine, w *proc) { w.session = 11 }, 70 * ms},
		{"not one of a session that was before", func(_ *machine, w *proc) { w.session = 5 }, 0},
		{"not a service, which leads its session", func(m *machine, w *proc) { w.session = m.next - 1 }, 0},
		{"not one that was there before the engine", func(_ *machine, w *proc) { w.session, w.started = 10, 0 }, 0},
		{"not a child of somebody else", func(m *machine, w *proc) { w.session, w.parent = 10, m.fork(1) }, 0},
	} {
		m := newMachine()
		m.processes[10].session = 10
		tr := begin(t, m)
		m.fork(10) // 11, the one in between
		worker := m.fork(11)
		m.exit(11)
		tt.life(m, m.processes[worker])
		must(tr.look())
		m.run(worker, 70*ms)
		if got := tr.read() - tr.base; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
		if named := len(tr.adopted) > 0; named != (tt.want > 0) {
			t.Errorf("%s: named %q", tt.does, tr.adopted)
		}
	}
}

// What a child used is in the count as soon as it has ended or a look has found it,
// and not at the next look at all processes.
func TestLookFindsWhatHasChanged(t *testing.T) {
	const ms = time.Millisecond
	m := newMachine()
	tr := begin(t, m)
	short := m.fork(10)
	m.run(short, 20*ms)
	m.exit(short)
	must(tr.look())
	if got := tr.read() - tr.base; got != 20*ms {
		t.Errorf("a child that lived and died between two looks: got %v, want 20ms", got)
	}
	m.run(m.fork(m.fork(10)), 30*ms)
	must(tr.look())
	if got := tr.read() - tr.base; got != 50*ms {
		t.Errorf("a grandchild that lives: got %v, want 50ms", got)
	}
	for range mostNew + 1 {
		m.fork(1)
	}
	m.run(m.fork(10), 10*ms)
	must(tr.look())
	if got := tr.read() - tr.base; got != 60*ms {
		t.Errorf("a child among very many new processes: got %v, want 60ms", got)
	}
}
