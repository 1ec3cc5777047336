package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// process is what /proc/PID/stat says of one (proc_pid_stat(5)).
type process struct {
	pid, parent, group int
	start              uint64 // clock ticks since boot: with pid, an identity
	state              byte
}

// family is a process group with all descendants of its members, also those
// that have left the group since. It remembers whom it has seen: an orphan's
// parent is no longer one of the family.
type family struct {
	group int
	seen  map[int]uint64 // pid to start
}

func newFamily(group int) *family {
	return &family{group: group, seen: map[int]uint64{}}
}

// alive lists the members that run now. Zombies are not alive: where nobody
// reaps orphans they stay for ever.
func (f *family) alive() ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	member := make(map[int]bool)
	for grown := true; grown; { // until no child of a member is missing
		grown = false
		for _, p := range all {
			start, known := f.seen[p.pid]
			if !member[p.pid] && (p.group == f.group || member[p.parent] || known && start == p.start) {
				member[p.pid], f.seen[p.pid] = true, p.start
				grown = true
			}
		}
	}
	var alive []process
	for _, p := range all {
		if member[p.pid] && p.state != 'Z' && p.state != 'X' {
			alive = append(alive, p)
		}
	}
	return alive, nil
}

// processes lists those of the host.
func processes() ([]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // ended meanwhile
		}
		if p, ok := parseStat(pid, stat); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// parseStat reads one stat line. The command, in parentheses, may hold
// anything, so fields are counted from the last parenthesis.
func parseStat(pid int, stat []byte) (process, bool) {
	_, rest, ok := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(") "))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 20 {
		return process{}, false
	}
	parent, err1 := strconv.Atoi(string(fields[1]))
	group, err2 := strconv.Atoi(string(fields[2]))
	start, err3 := strconv.ParseUint(string(fields[19]), 10, 64)
	return process{pid, parent, group, start, fields[0][0]}, err1 == nil && err2 == nil && err3 == nil
}
