package cputime

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var errNone = errors.New("no such process")

// machine is a simulated host: processes that run, fork, end and are reaped.
type machine struct {
	processes map[int]*process
	next      int
	started   uint64
}

type process struct {
	parent      int
	own, waited time.Duration
	started     uint64
}

// newMachine has a root process 10 below init, which has run for a while.
func newMachine() *machine {
	m := &machine{processes: map[int]*process{}, next: 10}
	m.fork(1)
	m.run(10, 3*time.Second)
	return m
}

func (m *machine) fork(parent int) int {
	pid := m.next
	m.next++
	m.started++
	m.processes[pid] = &process{parent: parent, started: m.started}
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

func (m *machine) stat(pid int) (stat, error) {
	p, ok := m.processes[pid]
	if !ok {
		return stat{}, errNone
	}
	return stat{parent: p.parent, waited: p.waited.Truncate(userTick), started: p.started}, nil
}

func (m *machine) all() ([]int, error) {
	var pids []int
	for pid := range m.processes {
		pids = append(pids, pid)
	}
	return pids, nil
}

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
			m.processes[child] = &process{parent: 1, own: time.Hour, started: m.started}
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
	m.processes[10] = &process{parent: 1, own: time.Hour, started: 99}
	if got := tr.read() - tr.base; got != time.Second {
		t.Errorf("after the root's pid was given away %v, want 1s still", got)
	}
}

// Whatever lives and dies, the count never falls and never exceeds the truth;
// looked at after every event it misses less than a tick for each member's two
// truncated times.
func TestTreeNeverFallsNorExceedsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		tr := begin(t, m)
		tree := map[int]bool{10: true}
		always := rapid.Bool().Draw(t, "look after every event")
		var truth, last time.Duration
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
					m.exit(pid)
				}
			}
			if always || rapid.Bool().Draw(t, "look") {
				must(tr.discover())
			}
			got := tr.read() - tr.base
			if got < last {
				t.Fatalf("count fell from %v to %v", last, got)
			}
			if got > truth {
				t.Fatalf("counted %v of %v", got, truth)
			}
			if missed := truth - got; always && missed > time.Duration(len(tr.members))*userTick {
				t.Fatalf("counted %v of %v with %d members: %v missed", got, truth, len(tr.members), missed)
			}
			last = got
		}
	})
}

func TestParseStat(t *testing.T) {
	const tail = " 200 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 7 0 5150 1000 100 18446744073709551615"
	for _, tt := range []struct {
		does, text string
		want       stat
		fails      bool
	}{
		{"an ordinary line", "123 (llama-server) S 42 123" + tail, stat{parent: 42, waited: 770 * time.Millisecond, started: 5150}, false},
		{"a name with spaces and parentheses", "123 (a) (b) c) R 42 123" + tail, stat{parent: 42, waited: 770 * time.Millisecond, started: 5150}, false},
		{"no name", "123 S 42", stat{}, true},
		{"a line cut short", "123 (x) S 42 123 200", stat{}, true},
		{"words for numbers", "123 (x) S forty", stat{}, true},
		{"nothing", "", stat{}, true},
	} {
		got, err := parseStat([]byte(tt.text))
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: got %+v, %v; want %+v, error %v", tt.does, got, err, tt.want, tt.fails)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("123 (llama-server) S 42 123 200 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 7 0 5150"))
	f.Add([]byte("1 ()) S 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && s.parent < 0 {
			t.Errorf("parent %d of %q", s.parent, b)
		}
	})
}
