package rapl

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is perf_event_open(2).
type kernel struct{}

func (kernel) open(pmu uint32, config uint64, cpu, leader int) (int, error) {
	attr := unix.PerfEventAttr{
		Type: pmu, Config: config, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Read_format: unix.PERF_FORMAT_GROUP,
	}
	return unix.PerfEventOpen(&attr, -1, cpu, leader, unix.PERF_FLAG_FD_CLOEXEC)
}

func (kernel) read(fd int, buf []byte) (int, error) { return unix.Read(fd, buf) }
func (kernel) close(fd int) error                   { return unix.Close(fd) }
