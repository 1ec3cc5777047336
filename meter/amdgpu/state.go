package amdgpu

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

var _ meter.Observable = (*gpu)(nil)

// State implements meter.Observable from the driver's files
// (Documentation/gpu/amdgpu/thermal.rst, .../driver-misc.rst). Why clocks are held
// back is in no file that all of these GPUs have, and is not told.
func (g *gpu) State() meter.DeviceState {
	s := meter.DeviceState{Device: g.domain.Device, At: g.clock()}
	look := func(what, path string, set func(v int64)) {
		v, err := sysfs.Number(path)
		switch {
		case path == "" || err != nil && sysfs.Missing(err):
			s.Unknown = append(s.Unknown, what+" (no file)")
		case err != nil || v < 0:
			s.Unknown = append(s.Unknown, what+" (not readable)")
		default:
			set(v)
		}
	}
	number := func(at **int, per int64) func(int64) {
		return func(v int64) {
			n := int(v / per)
			*at = &n
		}
	}
	bytes := func(at **int64) func(int64) { return func(v int64) { *at = &v } }
	file := func(name string) string { return filepath.Join(g.dir, name) }
	look("SM clock", hwmonFile(g.dir, "freq1_input"), number(&s.SMClock, 1e6))            // Hz
	look("memory clock", hwmonFile(g.dir, "freq2_input"), number(&s.MemoryClock, 1e6))    // Hz
	look("temperature", hwmonFile(g.dir, "temp1_input"), number(&s.Temperature, 1e3))     // m°C
	look("utilization", file("gpu_busy_percent"), number(&s.Utilization, 1))              // %
	look("memory utilization", file("mem_busy_percent"), number(&s.MemoryUtilization, 1)) // %
	look("memory used", file("mem_info_vram_used"), bytes(&s.MemoryUsed))
	look("memory", file("mem_info_vram_total"), bytes(&s.MemoryTotal))
	look("power limit", hwmonFile(g.dir, "power1_cap"), func(v int64) {
		p := meter.Power(v)
		s.Limit = &p
	})
	s.Unknown = append(s.Unknown, "throttle reasons (no file)")
	return s
}

// leastMemory is what a process must hold of a GPU's memory to count as computing
// on it: the runtime holds some on every GPU that it may use.
const leastMemory = 256 << 20

var errNoKFD = errors.New("the compute driver (kfd) does not show this GPU")

// Processes implements meter.Observable: those that hold memory of the GPU through
// the compute driver, /sys/class/kfd/kfd/proc/PID/vram_GPUID in bytes (the kernel's
// amdkfd/kfd_process.c). The files of other users are root's.
func (g *gpu) Processes() ([]meter.Process, error) {
	id, err := g.kfd()
	if err != nil {
		return nil, fmt.Errorf("list processes of %s: %w", g.domain.Name, err)
	}
	files, err := filepath.Glob(filepath.Join(g.root, "class", "kfd", "kfd", "proc", "[0-9]*", "vram_"+id))
	if err != nil {
		return nil, err
	}
	listed := []meter.Process{}
	for _, path := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		held, err := sysfs.Number(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // ended meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list processes of %s: %w", g.domain.Name, err)
		}
		if held >= leastMemory {
			listed = append(listed, meter.Process{PID: pid, Memory: held})
		}
	}
	return listed, nil
}

// kfd finds the number by which the compute driver knows the GPU: its node's
// location_id is bus << 8 | device << 3 | function, beside the PCI domain.
func (g *gpu) kfd() (string, error) {
	var domain, bus, slot, function int64
	address := sysfs.PCIAddress(g.dir)
	if _, err := fmt.Sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function); err != nil {
		return "", errNoKFD
	}
	nodes, err := filepath.Glob(filepath.Join(g.root, "class", "kfd", "kfd", "topology", "nodes", "*"))
	if err != nil {
		return "", err
	}
	for _, node := range nodes {
		text, err := readLines(filepath.Join(node, "properties"))
		if err != nil {
			continue
		}
		if text["location_id"] == bus<<8|slot<<3|function && text["domain"] == domain && text["simd_count"] > 0 {
			return sysfs.Text(filepath.Join(node, "gpu_id"))
		}
	}
	return "", errNoKFD
}

// readLines reads a file of lines with a name and a number.
func readLines(path string) (map[string]int64, error) {
	text, err := sysfs.Lines(path)
	if err != nil {
		return nil, err
	}
	found := map[string]int64{}
	for _, line := range text {
		name, value, ok := strings.Cut(line, " ")
		if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil {
			found[name] = n
		}
	}
	return found, nil
}

// PowerSamples implements meter.Observable: the driver has no buffer of them.
func (*gpu) PowerSamples(dst []meter.PowerSample) ([]meter.PowerSample, error) { return dst, nil }
