package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// ProcFS is where the kernel shows its processes.
const ProcFS = "/proc"

// userTick is the unit of the times in /proc/PID/stat, USER_HZ, which is 100 on
// every architecture that Go runs on (proc_pid_stat(5)).
const userTick = 10 * time.Millisecond

// Stat is what /proc/PID/stat says of a process (proc_pid_stat(5)).
type Stat struct {
	PID, Parent, Group, Session int
	Name                        string // of the command, up to 15 bytes
	State                       byte
	User, System                time.Duration // of its threads
	// ChildUser and ChildSystem are of children that it has waited for, theirs
	// included.
	ChildUser, ChildSystem time.Duration
	// Started is in clock ticks since boot. With PID it is an identity: the
	// kernel gives numbers again.
	Started uint64
}

// Ended reports whether nothing runs any more: a zombie waits for its parent,
// for ever where nobody reaps orphans.
func (s Stat) Ended() bool { return s.State == 'Z' || s.State == 'X' }

// ReadStat reads the stat of a process below procfs.
func ReadStat(procfs string, pid int) (Stat, error) {
	b, err := os.ReadFile(filepath.Join(procfs, strconv.Itoa(pid), "stat"))
	if err != nil {
		return Stat{}, err
	}
	s, err := ParseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("parse %s/%d/stat: %w", procfs, pid, err)
	}
	return s, nil
}

// ParseStat reads one stat line. The command's name, in parentheses, may hold
// anything, so fields are counted from the last parenthesis.
func ParseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return Stat{}, errors.New("no command name")
	}
	s := Stat{Name: string(b[open+1 : end])}
	var err error
	if s.PID, err = strconv.Atoi(string(bytes.TrimSpace(b[:open]))); err != nil {
		return Stat{}, fmt.Errorf("the process's number: %w", err)
	}
	// Field 3, the state, is the first after the name; fields count from 1.
	const first, last = 3, 22
	fields := bytes.Fields(b[end+1:])
	if len(fields) < last-first+1 {
		return Stat{}, fmt.Errorf("%d fields, want %d", len(fields)+first-1, last)
	}
	number := func(field int) uint64 {
		n, e := strconv.ParseUint(string(fields[field-first]), 10, 63)
		if e != nil && err == nil {
			err = fmt.Errorf("field %d: %w", field, e)
		}
		return n
	}
	ticks := func(field int) time.Duration { return time.Duration(number(field)) * userTick }
	s.State = fields[0][0]
	s.Parent, s.Group, s.Session = int(number(4)), int(number(5)), int(number(6))
	s.User, s.System, s.ChildUser, s.ChildSystem = ticks(14), ticks(15), ticks(16), ticks(17)
	s.Started = number(22)
	if err != nil {
		return Stat{}, err
	}
	return s, nil
}

// PIDs lists the processes below procfs.
func PIDs(procfs string) ([]int, error) {
	dir, err := os.Open(procfs)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// All reads the stat of every process below procfs; those that end meanwhile
// are left out.
func All(procfs string) ([]Stat, error) {
	pids, err := PIDs(procfs)
	if err != nil {
		return nil, err
	}
	all := make([]Stat, 0, len(pids))
	for _, pid := range pids {
		if s, err := ReadStat(procfs, pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}
