package process

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childOfWatchdog starts a process as the leader of a group, to be told to end when
// the watchdog's main thread does.
func childOfWatchdog() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// adoptOrphans makes this process the parent of all descendants whose own have ended
// (PR_SET_CHILD_SUBREAPER, prctl(2)), and names it. It reports whether it may.
func adoptOrphans() bool {
	if name, err := unix.BytePtrFromString(watchdogName); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
}

// isChild reports whether a process is this one's child, without /proc: the kernel
// waits for no others.
func isChild(pid int) bool {
	return unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}

// cgroup is a control group of one's own (cgroups(7)), made below that of this
// process. nil is none: its methods do nothing.
type cgroup struct {
	path string
	fd   *os.File
}

// newCgroup makes a control group, nil where that is not allowed: version 2 and
// the right to write are needed, which root and delegated units have.
func newCgroup() *cgroup {
	parent := ownCgroup()
	if parent == "" {
		return nil
	}
	path := filepath.Join(parent, fmt.Sprintf("cfu-%d-%s", os.Getppid(), rand.Text()[:8]))
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil
	}
	fd, err := os.Open(path)
	if err != nil {
		os.Remove(path)
		return nil
	}
	return &cgroup{path, fd}
}

// cgroupAt is the control group of a folder, nil of none.
func cgroupAt(folder string) *cgroup {
	if folder == "" {
		return nil
	}
	return &cgroup{path: folder}
}

// ownCgroup is the folder of this process's control group, "" without one of
// version 2.
func ownCgroup() string {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer mounts.Close()
	relative := ""
	for line := range strings.Lines(string(own)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			relative = p
		}
	}
	if relative == "" || strings.Contains(relative, "/..") { // of another namespace
		return ""
	}
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		// Fields 4 and 5 are the root in the file system and where it is
		// mounted; the type follows the dash (proc_pid_mountinfo(5)).
		before, after, ok := strings.Cut(lines.Text(), " - ")
		f := strings.Fields(before)
		if !ok || len(f) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		inside, err := filepath.Rel(f[3], relative)
		if err != nil || strings.HasPrefix(inside, "..") {
			continue
		}
		return filepath.Join(f[4], inside)
	}
	return ""
}

// use makes a process begin in the group.
func (c *cgroup) use(attr *syscall.SysProcAttr) {
	attr.UseCgroupFD, attr.CgroupFD = true, int(c.fd.Fd())
}

// used closes what use needed.
func (c *cgroup) used() { c.fd.Close() }

func (c *cgroup) folder() string {
	if c == nil {
		return ""
	}
	return c.path
}

// pids lists the members, those in groups below included.
func (c *cgroup) pids() ([]int, error) {
	if c == nil {
		return nil, nil
	}
	var pids []int
	err := filepath.WalkDir(c.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		b, err := os.ReadFile(path)
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return err
	})
	return pids, err
}

// kill ends all members at once, those that are being forked too (Linux 5.14).
func (c *cgroup) kill() {
	if c == nil {
		return
	}
	os.WriteFile(filepath.Join(c.path, "cgroup.kill"), []byte("1"), 0)
}

// remove removes the group, which must be empty.
func (c *cgroup) remove() error {
	if c == nil {
		return nil
	}
	c.fd.Close()
	var err error
	for range 200 { // on a busy host the last member's end takes its time to come through
		var below []string
		filepath.WalkDir(c.path, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				below = append(below, path)
			}
			return err
		})
		for i := len(below) - 1; i >= 0; i-- {
			os.Remove(below[i])
		}
		if _, err = os.Stat(c.path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove control group %s: it is not empty", c.path)
}
