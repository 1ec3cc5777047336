//go:build !linux

package loadgen

import (
	"cfubench/internal/cpulist"
	"errors"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// PinCPUs is not possible outside Linux.
func PinCPUs(list string) error {
	if _, err := cpulist.Parse(list); err != nil {
		return err
	}
	return errors.New("pin to processors: only Linux can")
}

func pin([]int) error { return errors.New("only Linux can") }

func allowedCPUs() []int { return nil }

func onlineCPUs() []int { return nil }

func startOn(cmd *exec.Cmd, _ []int) (confined bool, err error) { return false, cmd.Start() }

// processCPU is the CPU time that this process has used.
func processCPU() time.Duration {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
