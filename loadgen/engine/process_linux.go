package engine

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup starts a process as the leader of a group, to be told to end when
// the thread that forked it does.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// bindThread binds the calling thread, and so the processes that it starts.
func (l cpuList) bindThread() error {
	if l == nil {
		return nil
	}
	var set unix.CPUSet
	for _, c := range l {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to cores %v: %w (does the host have them?)", []int(l), err)
	}
	return nil
}
