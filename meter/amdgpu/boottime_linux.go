package amdgpu

import "golang.org/x/sys/unix"

// bootTime reads CLOCK_BOOTTIME, on which the driver stamps its tables.
func bootTime() uint64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return uint64(t.Nano())
}
