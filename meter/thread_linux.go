package meter

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU returns the CPU time of the calling thread.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// readClocks reads the three clocks whose differences show a stepped wall
// clock and a suspended host.
func readClocks() clocks {
	var wall, mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil ||
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return clocks{}
	}
	return clocks{
		wall: time.Duration(wall.Nano()),
		mono: time.Duration(mono.Nano()),
		boot: time.Duration(boot.Nano()),
	}
}
