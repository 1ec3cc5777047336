//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"cfubench/meter"
)

var _ meter.Observable = (*Device)(nil)

// State implements meter.Observable. A GPU without MIG says so by NOT_SUPPORTED,
// which is no gap in what is known.
func (d *Device) State() meter.DeviceState {
	d.lib.enter()
	defer d.lib.leave()
	s := meter.DeviceState{Device: d.name, At: d.clock()}
	know := func(what string, ret nvml.Return) bool {
		if ret != nvml.SUCCESS {
			s.Unknown = append(s.Unknown, fmt.Sprintf("%s (%v)", what, ret))
		}
		return ret == nvml.SUCCESS
	}
	if v, ret := d.handle.GetClockInfo(nvml.CLOCK_SM); know("SM clock", ret) {
		s.SMClock = told(int(v))
	}
	if v, ret := d.handle.GetClockInfo(nvml.CLOCK_MEM); know("memory clock", ret) {
		s.MemoryClock = told(int(v))
	}
	if v, ret := d.handle.GetTemperature(nvml.TEMPERATURE_GPU); know("temperature", ret) {
		s.Temperature = told(int(v))
	}
	if v, ret := d.handle.GetPerformanceState(); know("performance state", ret) {
		s.PState = told(int(v))
	}
	if v, ret := d.handle.GetUtilizationRates(); know("utilization", ret) {
		s.Utilization, s.MemoryUtilization = told(int(v.Gpu)), told(int(v.Memory))
	}
	if v, ret := d.handle.GetMemoryInfo(); know("memory", ret) && v.Total <= math.MaxInt64 && v.Used <= v.Total {
		s.MemoryUsed, s.MemoryTotal = told(int64(v.Used)), told(int64(v.Total))
	}
	reasons, ret := d.handle.GetCurrentClocksEventReasons()
	if ret == nvml.ERROR_FUNCTION_NOT_FOUND { // its name until driver 535
		reasons, ret = d.handle.GetCurrentClocksThrottleReasons()
	}
	if know("throttle reasons", ret) {
		s.Throttled = throttleReasons(reasons)
	}
	if v, ret := d.handle.GetEnforcedPowerLimit(); know("power limit", ret) && v > 0 {
		if p, ok := power(uint64(v)); ok {
			s.Limit = told(p)
		}
	}
	if v, ret := d.handle.GetPersistenceMode(); know("persistence mode", ret) {
		s.Persistence = told(v == nvml.FEATURE_ENABLED)
	}
	switch v, _, ret := d.handle.GetMigMode(); ret {
	case nvml.SUCCESS:
		s.MIG = told(v == nvml.DEVICE_MIG_ENABLE)
	case nvml.ERROR_NOT_SUPPORTED:
		s.MIG = told(false)
	}
	if v, ret := d.handle.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC); know("ECC errors", ret) {
		s.UncorrectedECC = told(int64(min(v, math.MaxInt64)))
	}
	return s
}

func told[T any](v T) *T { return &v }

// throttleReasons names the bits that lower the clocks. Idle and the
// application's own setting do not.
func throttleReasons(bits uint64) []string {
	names := []string{} // nil is not told
	for _, r := range []struct {
		bit  uint64
		name string
	}{
		{nvml.ClocksEventReasonSwPowerCap, "sw_power_cap"},
		{nvml.ClocksThrottleReasonHwSlowdown, "hw_slowdown"},
		{nvml.ClocksEventReasonSyncBoost, "sync_boost"},
		{nvml.ClocksEventReasonSwThermalSlowdown, "sw_thermal_slowdown"},
		{nvml.ClocksThrottleReasonHwThermalSlowdown, "hw_thermal_slowdown"},
		{nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, "hw_power_brake"},
		{nvml.ClocksEventReasonBoardLimit, "board_limit"},
		{nvml.ClocksEventReasonReliability, "reliability"},
	} {
		if bits&r.bit != 0 {
			names = append(names, r.name)
		}
	}
	return names
}

// Processes implements meter.Observable. Clients of a multi-process server are
// listed apart by the driver, and here with the others. The call takes milliseconds
// under the driver's lock.
func (d *Device) Processes() ([]meter.Process, error) {
	d.lib.enter()
	defer d.lib.leave()
	infos, ret := d.handle.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return nil, fmt.Errorf("list processes of %s: %w", d.name, ret)
	}
	if more, ret := d.handle.GetMPSComputeRunningProcesses(); ret == nvml.SUCCESS {
		infos = append(infos, more...)
	}
	var listed []meter.Process
	for _, p := range infos {
		if slices.ContainsFunc(listed, func(q meter.Process) bool { return q.PID == int(p.Pid) }) {
			continue // once a MIG instance, or in both lists
		}
		q := meter.Process{PID: int(p.Pid)}
		if p.UsedGpuMemory <= math.MaxInt64 { // all ones where it is not told
			q.Memory = int64(p.UsedGpuMemory)
		}
		listed = append(listed, q)
	}
	return listed, nil
}

// PowerSamples appends the power samples that the driver has buffered since the last
// call, oldest first; of several callers each gets a part. The driver stamps them with the host's wall clock; the
// conversion compares both clocks at this call, so samples from before a step
// of the wall clock are off by it.
func (d *Device) PowerSamples(dst []meter.PowerSample) ([]meter.PowerSample, error) {
	d.sampling.Lock()
	defer d.sampling.Unlock()
	d.lib.enter()
	defer d.lib.leave()
	before := d.clock()
	wall := time.Now().UnixMicro()
	after := d.clock()
	kind, samples, ret := d.handle.GetSamples(nvml.TOTAL_POWER_SAMPLES, d.seen)
	if ret == nvml.ERROR_NOT_FOUND {
		return dst, nil // none since the last
	}
	if ret != nvml.SUCCESS {
		return dst, fmt.Errorf("read buffered power of %s: %w", d.name, ret)
	}
	for _, s := range samples {
		n, ok := decode(kind, s.SampleValue)
		if !ok || s.TimeStamp <= d.seen || s.TimeStamp > math.MaxInt64 {
			continue
		}
		p, ok := power(n)
		if !ok {
			continue
		}
		d.seen = s.TimeStamp
		offset := time.Duration(int64(s.TimeStamp)-wall) * time.Microsecond
		dst = append(dst, meter.PowerSample{Before: before + offset - time.Microsecond, After: after + offset + time.Microsecond, Power: p})
	}
	return dst, nil
}
