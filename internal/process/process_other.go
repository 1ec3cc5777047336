//go:build unix && !linux

package process

import "syscall"

// ownGroup starts a process as the leader of a group. If this process is
// killed, only the watchdog ends it here.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// cgroup is Linux's alone.
type cgroup struct{}

func newCgroup() *cgroup                 { return nil }
func (*cgroup) use(*syscall.SysProcAttr) {}
func (*cgroup) used()                    {}
func (*cgroup) folder() string           { return "" }
func (*cgroup) pids() ([]int, error)     { return nil, nil }
func (*cgroup) kill()                    {}
func (*cgroup) remove() error            { return nil }
