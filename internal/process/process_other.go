//go:build unix && !linux

package process

import "syscall"

// childOfWatchdog starts a process as the leader of a group. If the watchdog is
// killed, nobody tells it here.
func childOfWatchdog() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// adoptOrphans is Linux's alone.
func adoptOrphans() bool { return false }

// isChild knows of none here but the group's first process.
func isChild(int) bool { return false }

// cgroup is Linux's alone.
type cgroup struct{}

func newCgroup() *cgroup                 { return nil }
func cgroupAt(string) *cgroup            { return nil }
func (*cgroup) use(*syscall.SysProcAttr) {}
func (*cgroup) used()                    {}
func (*cgroup) folder() string           { return "" }
func (*cgroup) pids() ([]int, error)     { return nil, nil }
func (*cgroup) kill()                    {}
func (*cgroup) remove() error            { return nil }
