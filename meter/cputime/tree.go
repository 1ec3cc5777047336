package cputime

import "time"

// host is what the tree asks of the system; the tests have another.
type host interface {
	cpu(pid int) (time.Duration, error)
	stat(pid int) (stat, error)
	all() ([]int, error)
}

// system is the host that this process runs on.
type system struct{ procfs string }

func (system) cpu(pid int) (time.Duration, error) { return processCPU(pid) }
func (s system) stat(pid int) (stat, error)       { return readStat(s.procfs, pid) }
func (s system) all() ([]int, error)              { return processes(s.procfs) }

// tree is the processor time of a process and all its descendants, from the
// moment it was made.
//
// The sum is over the processes alive: the time of each by its own clock, and
// the time of the children it has waited for by its stat file, to which the
// kernel adds a child's time (and its children's) when the child is reaped. So
// a process that lived and died between two looks at the tree is counted too. A
// descendant whose parent ended before it does not return to the sum by that
// way when it ends: what it had used last stays in the sum (kept).
type tree struct {
	host    host
	root    int
	members []member
	kept    time.Duration // of members that ended outside the tree's parentage
	base    time.Duration // at the start, to count from zero
	total   time.Duration // last sum returned: the counter does not fall
	gone    bool
}

type member struct {
	pid    int
	stat   stat
	own    time.Duration // last reading of its clock
	orphan bool          // its parent is no member
}

// newTree returns the tree below root, or the error of reading it.
func newTree(h host, root int) (*tree, error) {
	st, err := h.stat(root)
	if err != nil {
		return nil, err
	}
	if _, err := h.cpu(root); err != nil {
		return nil, err
	}
	t := &tree{host: h, root: root, members: []member{{pid: root, stat: st}}}
	if err := t.discover(); err != nil {
		return nil, err
	}
	t.base = t.read()
	return t, nil
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
		t.refresh()
	}
	sum := t.kept
	for i := range t.members {
		sum += t.members[i].own + t.members[i].stat.waited
	}
	t.total = max(t.total, sum)
	return t.total
}

// refresh reads every member's stat file and drops those that have gone.
func (t *tree) refresh() {
	alive := t.members[:0]
	for _, m := range t.members {
		st, err := t.host.stat(m.pid)
		if err == nil && st.started == m.stat.started {
			m.stat = st
			alive = append(alive, m)
			continue
		}
		if m.pid == t.root {
			t.gone = true
		}
		if m.orphan || t.gone {
			t.kept += m.own + m.stat.waited
		}
	}
	t.members = alive
	for i := range t.members {
		m := &t.members[i]
		m.orphan = m.pid != t.root && !t.has(m.stat.parent)
	}
}

// has reports whether pid is a member.
func (t *tree) has(pid int) bool {
	for i := range t.members {
		if t.members[i].pid == pid {
			return true
		}
	}
	return false
}

// discover refreshes the members and adds the processes whose parent is one.
func (t *tree) discover() error {
	t.refresh()
	pids, err := t.host.all()
	if err != nil {
		return err
	}
	in := make(map[int]bool, len(t.members))
	for _, m := range t.members {
		in[m.pid] = true
	}
	outside := make(map[int]stat, len(pids))
	for _, pid := range pids {
		if in[pid] {
			continue
		}
		if st, err := t.host.stat(pid); err == nil {
			outside[pid] = st
		}
	}
	for found := true; found; {
		found = false
		for pid, st := range outside {
			if !in[st.parent] {
				continue
			}
			in[pid], found = true, true
			delete(outside, pid)
			own, err := t.host.cpu(pid)
			if err == nil {
				t.members = append(t.members, member{pid: pid, stat: st, own: own})
			}
		}
	}
	return nil
}
