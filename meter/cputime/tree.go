package cputime

import (
	"fmt"
	"slices"
	"time"

	"cfubench/meter/process"
)

// host is what the tree asks of the system; the tests have another.
type host interface {
	cpu(pid int) (time.Duration, error)
	stat(pid int) (process.Stat, error)
	all() ([]int, error)
	// last is the number of the newest process or thread, 0 if it is not told.
	last() int
	// leads reports whether pid is a process and no thread of one.
	leads(pid int) bool
	// sameGroup reports whether two processes are in one control group.
	sameGroup(a, b int) bool
	command(pid int) string
}

// system is the host that this process runs on.
type system struct{ process.FS }

func (system) cpu(pid int) (time.Duration, error)   { return processCPU(pid) }
func (s system) stat(pid int) (process.Stat, error) { return s.Stat(pid) }
func (s system) all() ([]int, error)                { return s.All() }
func (s system) last() int                          { return s.Last() }
func (s system) leads(pid int) bool                 { return s.Leads(pid) }
func (s system) sameGroup(a, b int) bool            { return s.SameGroup(a, b) }
func (s system) command(pid int) string             { return s.Command(pid) }

// tree is the CPU time of a process and all its descendants, from the
// moment it was made.
//
// The sum is over the processes alive: the time of each by its own clock, and
// the time of the children it has waited for by its stat file, to which the
// kernel adds a child's time (and its children's) when the child is reaped. So
// a process that lived and died between two looks at the tree is counted too. A
// descendant whose parent ended before it does not return to the sum by that
// way when it ends: what it had used last stays in the sum (kept).
type tree struct {
	host     host
	root     int
	members  []member
	sessions []int         // of the members that were ever seen
	newest   int           // number of the newest process at the last look
	kept     time.Duration // of members that ended outside the tree's parentage
	base     time.Duration // at the start, to count from zero
	total    time.Duration // last sum returned: the counter does not fall
	gone     bool
	adopted  []string // processes that were taken for the engine's without being below it
}

type member struct {
	pid    int
	stat   process.Stat
	own    time.Duration // last reading of its clock
	orphan bool          // its parent is no member
}

// mostNew is how many process numbers are looked at one by one; after more than
// that all processes are.
const mostNew = 256

// newTree returns the tree below root, or the error of reading it.
func newTree(h host, root int) (*tree, error) {
	st, err := h.stat(root)
	if err != nil {
		return nil, err
	}
	if _, err := h.cpu(root); err != nil {
		return nil, err
	}
	t := &tree{host: h, root: root, members: []member{{pid: root, stat: st}}, sessions: []int{st.Session}}
	if err := t.discover(); err != nil {
		return nil, err
	}
	t.base = t.read()
	return t, nil
}

// look brings the members up to date: the processes that were started since the
// last look, and the time of children that have ended. It costs one small file
// where nothing was started, and one a member.
func (t *tree) look() error {
	newest := t.host.last()
	switch started := newest - t.newest; {
	case newest == 0 || started == 0:
	case started > 0 && started <= mostNew:
		found := make(map[int]process.Stat, started)
		for pid := t.newest + 1; pid <= newest; pid++ {
			if st, err := t.host.stat(pid); err == nil && !t.has(pid) {
				found[pid] = st
			}
		}
		t.newest = newest
		t.adopt(found)
	default:
		return t.discover()
	}
	t.settle()
	return nil
}

// read returns the tree's time by its members' clocks. It allocates nothing
// while the tree stays as it is; where a member has gone it looks at all of
// them anew.
func (t *tree) read() time.Duration {
	if t.gone {
		return t.total
	}
	changed := false
	for i := range t.members {
		m := &t.members[i]
		own, err := t.host.cpu(m.pid)
		if err != nil {
			changed = true
			continue
		}
		m.own = max(m.own, own)
	}
	if changed {
		t.settle()
	}
	sum := t.kept
	for i := range t.members {
		sum += t.members[i].own + t.members[i].stat.Waited
	}
	t.total = max(t.total, sum)
	return t.total
}

// settle refreshes until no member has gone meanwhile: one that ended after its
// parent was read is in neither's time.
func (t *tree) settle() {
	for range 3 {
		if !t.refresh() {
			return
		}
	}
}

// refresh reads every member's stat file, parents before children, and drops
// those that have gone. It reports whether any had.
func (t *tree) refresh() (ended bool) {
	alive := t.members[:0]
	for _, m := range t.members {
		st, err := t.host.stat(m.pid)
		if err == nil && st.Started == m.stat.Started {
			m.stat = st
			alive = append(alive, m)
			continue
		}
		ended = true
		if m.pid == t.root {
			t.gone = true
		}
		if m.orphan || t.gone {
			t.kept += m.own + m.stat.Waited
		}
	}
	t.members = alive
	for i := range t.members {
		m := &t.members[i]
		m.orphan = m.pid != t.root && !t.has(m.stat.Parent)
	}
	return ended
}

// has reports whether pid is a member.
func (t *tree) has(pid int) bool {
	return slices.ContainsFunc(t.members, func(m member) bool { return m.pid == pid })
}

// discover refreshes the members and adds the processes that belong to them.
func (t *tree) discover() error {
	t.settle()
	t.newest = t.host.last()
	pids, err := t.host.all()
	if err != nil {
		return err
	}
	outside := make(map[int]process.Stat, len(pids))
	for _, pid := range pids {
		if t.has(pid) {
			continue
		}
		if st, err := t.host.stat(pid); err == nil {
			outside[pid] = st
		}
	}
	t.adopt(outside)
	return nil
}

// adopt adds those of the processes outside whose parent is a member, and orphans.
func (t *tree) adopt(outside map[int]process.Stat) {
	if t.gone {
		return
	}
	for found := true; found; {
		found = false
		for pid, st := range outside {
			child := t.has(st.Parent)
			if !child && !t.orphaned(pid, st) {
				continue
			}
			delete(outside, pid)
			if !t.host.leads(pid) {
				continue // a thread, whose time is its process's
			}
			own, err := t.host.cpu(pid)
			if err != nil {
				continue
			}
			found = true
			t.members = append(t.members, member{pid: pid, stat: st, own: own, orphan: !child})
			if !slices.Contains(t.sessions, st.Session) {
				t.sessions = append(t.sessions, st.Session)
			}
			if !child && len(t.adopted) < adoptedKept {
				t.adopted = append(t.adopted, fmt.Sprintf("%d (%s)", pid, t.host.command(pid)))
			}
		}
	}
}

// adoptedKept bounds how many adopted processes are named.
const adoptedKept = 8

// orphaned reports whether a process that is below nobody of the tree was started
// by it: it came after the root, its parent has ended (it hangs below the first
// process, or below one that started the root), and it is in a session of the tree
// or, where it has left that too, in the root's control group with its session's
// leader gone, as daemons are that fork twice.
func (t *tree) orphaned(pid int, st process.Stat) bool {
	root := t.members[0].stat
	if st.Started < root.Started || pid == t.root || !t.above(st.Parent) || pid == st.Parent {
		return false
	}
	if st.Session == 0 {
		return false // a kernel thread
	}
	// The session that the root was started in is the launcher's: its other
	// children are below one that lives.
	if slices.Contains(t.sessions, st.Session) && (st.Parent == 1 || root.Session == t.root) {
		return true
	}
	if st.Session <= t.root || st.Session == pid {
		return false // in a session that was before, or leading one: a service, a login
	}
	if _, err := t.host.stat(st.Session); err == nil {
		return false
	}
	return t.host.sameGroup(pid, t.root)
}

// above reports whether pid is the first process or started the root.
func (t *tree) above(pid int) bool {
	if pid == 1 {
		return true
	}
	up := t.members[0].stat.Parent
	for range 16 {
		if up == pid {
			return true
		}
		st, err := t.host.stat(up)
		if err != nil || up <= 1 {
			return false
		}
		up = st.Parent
	}
	return false
}
