// Package process tells which processes of a host are the engine's: by parentage, by
// control group, and by what only passes requests on. It reads procfs below a root
// that is a parameter, and starts and ends nothing.
package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cfubench/internal/outside"
)

// FS is the root of a procfs: "/proc".
type FS string

// userTick is the unit of the times in /proc/PID/stat, USER_HZ, which is 100
// on every architecture that Go runs on (proc_pid_stat(5)).
const userTick = 10 * time.Millisecond

// Stat is what /proc/PID/stat says of a process.
type Stat struct {
	Parent  int
	Session int           // process that leads its session
	Waited  time.Duration // user and system time of waited-for children, theirs included, in whole ticks
	Started uint64        // start time in ticks since boot: tells a reused pid
}

// Stat reads a process's stat file.
func (fs FS) Stat(pid int) (Stat, error) {
	b, err := os.ReadFile(fs.file(pid, "stat"))
	if err != nil {
		return Stat{}, err
	}
	s, err := ParseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("parse %s: %w", fs.file(pid, "stat"), err)
	}
	return s, nil
}

func (fs FS) file(pid int, name string) string {
	return filepath.Join(string(fs), strconv.Itoa(pid), name)
}

// ParseStat reads the fields behind the command name, which is in parentheses
// and may hold any character.
func ParseStat(b []byte) (Stat, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return Stat{}, fmt.Errorf("no command name")
	}
	// Field 3 (state) is the first after the name; fields count from 1.
	var s Stat
	var user, system uint64
	field := 2
	for word := range bytes.FieldsSeq(b[end+1:]) {
		field++
		var into *uint64
		switch field {
		case 4, 6:
			n, err := strconv.Atoi(string(word))
			if err != nil {
				return Stat{}, err
			}
			if field == 4 {
				s.Parent = n
			} else {
				s.Session = n
			}
		case 16:
			into = &user
		case 17:
			into = &system
		case 22:
			into = &s.Started
		}
		if into != nil {
			n, err := strconv.ParseUint(string(word), 10, 63)
			if err != nil {
				return Stat{}, err
			}
			*into = n
		}
		if field == 22 {
			s.Waited = time.Duration(user+system) * userTick
			return s, nil
		}
	}
	return Stat{}, fmt.Errorf("%d fields, want 22", field)
}

// Parent is a process's parent, 0 if it cannot be read.
func (fs FS) Parent(pid int) int {
	s, err := fs.Stat(pid)
	if err != nil {
		return 0
	}
	return s.Parent
}

// All lists the processes.
func (fs FS) All() ([]int, error) {
	dir, err := os.Open(string(fs))
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

// Last is the number of the newest process or thread of the host, 0 if it is not
// told: as long as it stays, nothing was started.
func (fs FS) Last() int {
	b, err := os.ReadFile(filepath.Join(string(fs), "loadavg"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil {
		return 0
	}
	return n
}

// Arguments is a process's command line, nil if it cannot be read or has none.
func (fs FS) Arguments(pid int) []string {
	b, err := os.ReadFile(fs.file(pid, "cmdline"))
	if b = bytes.TrimRight(b, "\x00"); err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\x00")
}

// longestCommand bounds a command in a message.
const longestCommand = 80

// Command is a process's command line on one line, for messages: printable, cut,
// and without the values of options that look secret.
func (fs FS) Command(pid int) string {
	args := fs.Arguments(pid)
	if args == nil {
		b, err := os.ReadFile(fs.file(pid, "comm"))
		if err != nil {
			return "of an unknown command"
		}
		args = []string{strings.TrimSpace(string(b))}
	}
	words := make([]string, len(args))
	hide := false
	for i, a := range args {
		words[i] = a
		if hide {
			words[i], hide = "…", false
			continue
		}
		name, _, joined := strings.Cut(a, "=")
		if lower := strings.ToLower(name); strings.Contains(lower, "key") || strings.Contains(lower, "token") || strings.Contains(lower, "password") || strings.Contains(lower, "secret") {
			if joined {
				words[i] = name + "=…"
			} else if strings.HasPrefix(a, "-") {
				hide = true
			}
		}
	}
	line := []rune(outside.Clean(strings.Join(words, " ")))
	if len(line) > longestCommand {
		line = append(line[:longestCommand-1], '…')
	}
	return string(line)
}

// deepest bounds the way up a process tree.
const deepest = 64

// Descends reports whether process p is root or below it.
func (fs FS) Descends(p, root int) bool {
	for range deepest {
		if p == root {
			return true
		}
		if p = fs.Parent(p); p <= 1 {
			return false
		}
	}
	return false
}

// Exists reports whether the process is to be seen.
func (fs FS) Exists(pid int) bool {
	_, err := os.Stat(filepath.Join(string(fs), strconv.Itoa(pid)))
	return err == nil
}

// Leads reports whether pid is a process and no thread of one.
func (fs FS) Leads(pid int) bool {
	b, err := os.ReadFile(fs.file(pid, "status"))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("Tgid:")); ok {
			return string(bytes.TrimSpace(v)) == strconv.Itoa(pid)
		}
	}
	return false
}

// SameGroup reports whether two processes are in the same control groups.
func (fs FS) SameGroup(a, b int) bool {
	x, errX := os.ReadFile(fs.file(a, "cgroup"))
	y, errY := os.ReadFile(fs.file(b, "cgroup"))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
