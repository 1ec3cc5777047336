//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"fmt"
	"math"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// State reads the slow state, without the processes. What the driver does not
// tell is in State.Unknown.
func (d *Device) State() State {
	d.lib.enter()
	defer d.lib.leave()
	s := State{Device: d.name, At: d.clock()}
	know := func(what string, ret nvml.Return) bool {
		if ret != nvml.SUCCESS {
			s.Unknown = append(s.Unknown, fmt.Sprintf("%s (%v)", what, ret))
		}
		return ret == nvml.SUCCESS
	}
	if v, ret := d.handle.GetClockInfo(nvml.CLOCK_SM); know("SM clock", ret) {
		s.SM = int(v)
	}
	if v, ret := d.handle.GetClockInfo(nvml.CLOCK_MEM); know("memory clock", ret) {
		s.Mem = int(v)
	}
	if v, ret := d.handle.GetTemperature(nvml.TEMPERATURE_GPU); know("temperature", ret) {
		s.Temperature = int(v)
	}
	if v, ret := d.handle.GetPerformanceState(); know("performance state", ret) {
		s.PState = int(v)
	}
	reasons, ret := d.handle.GetCurrentClocksEventReasons()
	if ret == nvml.ERROR_FUNCTION_NOT_FOUND { // its name until driver 535
		reasons, ret = d.handle.GetCurrentClocksThrottleReasons()
	}
	if know("throttle reasons", ret) {
		s.Throttled = throttleReasons(reasons)
	}
	if v, ret := d.handle.GetEnforcedPowerLimit(); know("power limit", ret) {
		s.Limit, _ = power(uint64(v))
	}
	if v, ret := d.handle.GetPersistenceMode(); know("persistence mode", ret) {
		s.Persistence = v == nvml.FEATURE_ENABLED
	}
	if v, _, ret := d.handle.GetMigMode(); ret == nvml.SUCCESS {
		s.MIG = v == nvml.DEVICE_MIG_ENABLE // a GPU without MIG says NOT_SUPPORTED
	}
	if v, ret := d.handle.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC); know("ECC errors", ret) {
		s.ECC = int64(min(v, math.MaxInt64))
	}
	return s
}

// throttleReasons names the bits that lower the clocks. Idle and the
// application's own setting do not.
func throttleReasons(bits uint64) []string {
	var names []string
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

// Processes returns the ids of the processes that compute on the GPU. The call
// takes milliseconds under the driver's lock: ask seldom, and outside of
// measured windows where that can be had.
func (d *Device) Processes() ([]int, error) {
	d.lib.enter()
	defer d.lib.leave()
	infos, ret := d.handle.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return nil, fmt.Errorf("list processes of %s: %w", d.name, ret)
	}
	pids := make([]int, len(infos))
	for i, p := range infos {
		pids[i] = int(p.Pid)
	}
	return pids, nil
}

// Samples appends the power samples that the driver has buffered since the last
// call, oldest first; of several callers each gets a part. The driver stamps them with the host's wall clock; the
// conversion compares both clocks at this call, so samples from before a step
// of the wall clock are off by it.
func (d *Device) Samples(dst []Sample) ([]Sample, error) {
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
		dst = append(dst, Sample{Before: before + offset - time.Microsecond, After: after + offset + time.Microsecond, Power: p})
	}
	return dst, nil
}
