package loadgen

import (
	"cfubench/internal/cpulist"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PinCPUs keeps every thread of the process, and those it will start, on the
// processors of list ("0,2-5").
func PinCPUs(list string) error {
	cpus, err := cpulist.Parse(list)
	if err == nil && cpus[len(cpus)-1] >= cpulist.Mask {
		err = fmt.Errorf("processor list %q: the kernel's mask holds %d processors here", list, cpulist.Mask)
	}
	if err != nil {
		return err
	}
	if err := pin(cpus); err != nil {
		return fmt.Errorf("pin to processors %s: %w", list, err)
	}
	return nil
}

// pin sets the affinity of all threads. Threads inherit it from the one that
// starts them, so the task list is read until nothing in it is new.
func pin(cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	done := make(map[int]bool)
	for {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		fresh := false
		for _, e := range entries {
			id, err := strconv.Atoi(e.Name())
			if err != nil || done[id] {
				continue
			}
			switch err := unix.SchedSetaffinity(id, &set); {
			case errors.Is(err, unix.ESRCH): // it has ended
			case errors.Is(err, unix.EINVAL):
				return errors.New("this process may use none of them")
			case err != nil:
				return err
			}
			done[id], fresh = true, true
		}
		if !fresh {
			return nil
		}
	}
}

// allowedCPUs lists the processors that the calling thread may use.
func allowedCPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var cpus []int
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// onlineCPUs lists the host's processors, nil if it does not say.
func onlineCPUs() []int {
	b, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil
	}
	cpus, err := cpulist.Parse(strings.TrimSpace(string(b)))
	if err != nil {
		return nil
	}
	return cpus
}

// startOn starts a command on the given processors and reports whether it is
// confined to them: not if there are none or the process may not use them. A
// child inherits the affinity of the thread that forks it.
func startOn(cmd *exec.Cmd, cpus []int) (confined bool, err error) {
	if len(cpus) == 0 {
		return false, cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if unix.SchedGetaffinity(0, &before) == nil && unix.SchedSetaffinity(0, &set) == nil {
		confined = true
		defer unix.SchedSetaffinity(0, &before)
	}
	return confined, cmd.Start()
}

// processCPU is the CPU time that this process has used.
func processCPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
