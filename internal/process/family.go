package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// identity tells processes apart though the kernel gives numbers again.
type identity struct {
	pid     int
	started uint64
}

func identityOf(s Stat) identity { return identity{s.PID, s.Started} }

// family finds the processes of a group. It remembers whom it has seen: an
// orphan's parent is no longer one of the family.
type family struct {
	g      *Group
	leader uint64 // when the first process started, 0 if it has ended
	seen   map[identity]bool
	marked map[identity]bool // what the environment said
}

func newFamily(g *Group) *family {
	f := &family{g: g, seen: map[identity]bool{}, marked: map[identity]bool{}}
	if s, err := ReadStat(g.procfs, g.pid); err == nil {
		f.leader = s.Started
	}
	return f
}

// visible reports whether processes can be looked at: this one shows.
func (f *family) visible() bool {
	_, err := ReadStat(f.g.procfs, os.Getpid())
	return err == nil
}

// look lists the members that run now, looking through the whole host.
func (f *family) look() []Stat {
	all, err := All(f.g.procfs)
	if err != nil {
		return nil
	}
	contained := map[int]bool{}
	if pids, err := f.g.cgroup.pids(); err == nil {
		for _, pid := range pids {
			contained[pid] = true
		}
	}
	self := os.Getpid()
	member := map[int]bool{}
	for grown := true; grown; { // until no child of a member is missing
		grown = false
		for _, p := range all {
			id := identityOf(p)
			if member[p.PID] || p.PID == self || p.PID == 1 {
				continue
			}
			if p.Group == f.g.pid || member[p.Parent] || f.seen[id] || contained[p.PID] || f.hasMark(id) {
				member[p.PID], f.seen[id] = true, true
				grown = true
			}
		}
	}
	var alive []Stat
	for _, p := range all {
		if member[p.PID] && !p.Ended() {
			alive = append(alive, p)
		}
	}
	return alive
}

// hasMark reports whether the process began with the group's mark in its
// environment, which it keeps showing.
func (f *family) hasMark(id identity) bool {
	marked, known := f.marked[id]
	if !known {
		b, err := os.ReadFile(filepath.Join(f.g.procfs, strconv.Itoa(id.pid), "environ"))
		if err != nil {
			return false
		}
		for v := range bytes.SplitSeq(b, []byte{0}) {
			marked = marked || string(v) == f.g.mark
		}
		f.marked[id] = marked
	}
	return marked
}

// gone is signalled when those processes have ended, or it is time to look
// through the host again.
func (f *family) gone(alive []Stat) <-chan time.Time {
	c := make(chan time.Time, 1)
	until := time.Now().Add(lookAgain)
	go func() {
		for time.Now().Before(until) {
			there := false
			for _, p := range alive {
				now, err := ReadStat(f.g.procfs, p.PID)
				there = there || err == nil && now.Started == p.Started && !now.Ended()
			}
			if !there {
				break
			}
			time.Sleep(stopPoll)
		}
		c <- time.Now()
	}()
	return c
}
