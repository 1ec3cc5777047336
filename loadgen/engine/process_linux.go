package engine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

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
