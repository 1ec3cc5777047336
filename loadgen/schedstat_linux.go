package loadgen

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// readSchedstat reads /proc/self/task/*/schedstat: time on a processor, time
// waiting on a run queue (both ns) and number of turns (Linux,
// Documentation/scheduler/sched-stats.rst). It reports false if the kernel
// was built without it.
func readSchedstat(into map[int]threadWait) bool {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false
	}
	var buf [96]byte
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// Plain system calls: os.ReadFile would register each file with the
		// runtime's poller.
		fd, err := unix.Open("/proc/self/task/"+e.Name()+"/schedstat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT {
			if _, gone := os.Stat("/proc/self/task/" + e.Name()); gone != nil {
				continue // the thread ended meanwhile
			}
			return false
		}
		if err != nil {
			return false
		}
		n, err := unix.Read(fd, buf[:])
		unix.Close(fd)
		if err != nil {
			continue
		}
		if t, ok := parseSchedstat(buf[:n]); ok {
			into[id] = t
		}
	}
	return len(into) > 0
}

// parseSchedstat reads the second and third number of a schedstat line.
func parseSchedstat(b []byte) (threadWait, bool) {
	var fields [3]int64
	i := 0
	for f := range fields {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			fields[f] = fields[f]*10 + int64(b[i]-'0')
			i++
		}
		if i == from {
			return threadWait{}, false
		}
	}
	return threadWait{wait: time.Duration(fields[1]), turns: fields[2]}, true
}
