package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// clockSched is CPUCLOCK_SCHED, the precise clock of a process
// (include/linux/posix-timers_types.h): clock ids of processes are made of the
// complement of the pid, shifted by three, and the kind of clock.
const clockSched = 2

// processCPU returns the CPU time of a process, all its threads and
// those that have ended included. The time of a thread that is running now
// advances with the scheduler's tick.
func processCPU(pid int) (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|clockSched), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}
