package cputime

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// userTick is the unit of the times in /proc/PID/stat, USER_HZ, which is 100
// on every architecture that Go runs on (proc_pid_stat(5)).
const userTick = 10 * time.Millisecond

// stat is what /proc/PID/stat says that the tree needs.
type stat struct {
	parent  int
	waited  time.Duration // user and system time of waited-for children, theirs included
	started uint64        // start time in ticks since boot: tells a reused pid
}

func readStat(procfs string, pid int) (stat, error) {
	b, err := os.ReadFile(filepath.Join(procfs, strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(b)
	if err != nil {
		return stat{}, fmt.Errorf("parse /proc/%d/stat: %w", pid, err)
	}
	return s, nil
}

// parseStat reads the fields behind the command name, which is in parentheses
// and may hold any character.
func parseStat(b []byte) (stat, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("no command name")
	}
	// Field 3 (state) is the first after the name; fields count from 1.
	fields := bytes.Fields(b[end+1:])
	const first = 3
	number := func(field int) (uint64, error) {
		if field-first >= len(fields) {
			return 0, fmt.Errorf("%d fields, want %d", len(fields)+first-1, field)
		}
		return strconv.ParseUint(string(fields[field-first]), 10, 63)
	}
	parent, err := number(4)
	if err != nil {
		return stat{}, err
	}
	user, err := number(16)
	if err != nil {
		return stat{}, err
	}
	system, err := number(17)
	if err != nil {
		return stat{}, err
	}
	started, err := number(22)
	if err != nil {
		return stat{}, err
	}
	return stat{parent: int(parent), waited: time.Duration(user+system) * userTick, started: started}, nil
}

// processes lists the pids below procfs.
func processes(procfs string) ([]int, error) {
	dir, err := os.Open(procfs)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
