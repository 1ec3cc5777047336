package meter

import "time"

// DeviceState is what a device is doing at one moment: what explains its power
// afterwards. What was not told is nil; a look that fails is never a zero.
type DeviceState struct {
	// Domain is the first of the device's domains in the run, where the run is known.
	Domain string        `json:"domain,omitempty"`
	Device string        `json:"device"` // as in its domains
	At     time.Duration `json:"at_ns"`
	// Clocks of the processors and the memory, in MHz.
	SMClock     *int `json:"sm_clock_mhz,omitempty"`
	MemoryClock *int `json:"memory_clock_mhz,omitempty"`
	Temperature *int `json:"temperature_celsius,omitempty"`
	PState      *int `json:"performance_state,omitempty"` // 0 is the fastest
	// Utilization is the share of the last sample period in which something ran on
	// the processors, MemoryUtilization that in which memory was read or written.
	Utilization       *int   `json:"utilization_percent,omitempty"`
	MemoryUtilization *int   `json:"memory_utilization_percent,omitempty"`
	MemoryUsed        *int64 `json:"memory_used_bytes,omitempty"`
	MemoryTotal       *int64 `json:"memory_total_bytes,omitempty"`
	Limit             *Power `json:"limit_uw,omitempty"` // the enforced power limit
	// Throttled lists why the clocks are lower than asked for ("sw_power_cap",
	// "hw_thermal_slowdown", …): empty if nothing holds them.
	Throttled []string `json:"throttled"`
	// Persistence tells whether the driver stays loaded without clients, MIG
	// whether the GPU is divided into instances.
	Persistence *bool `json:"persistence,omitempty"`
	MIG         *bool `json:"mig,omitempty"`
	// UncorrectedECC counts the memory errors since the driver was loaded.
	UncorrectedECC *int64 `json:"uncorrected_ecc_errors,omitempty"`
	// Processes are those that computed on it when they were last listed.
	Processes []Process `json:"processes"`
	// Role is the part of a disaggregated server that the engine's processes on it
	// say they are: "prefill" or "decode"; "" where they say nothing.
	Role string `json:"role,omitempty"`
	// Buffered is what the driver's own samples of power come to since the look
	// before, nil without any.
	Buffered *BufferedPower `json:"buffered,omitempty"`
	// Unknown names what the driver did not tell, with its answer.
	Unknown []string `json:"unknown,omitempty"`
}

// BufferedPower is the integral of a driver's samples of power from one of them
// to another, by trapezoids. Successive ones join.
type BufferedPower struct {
	From    time.Duration `json:"from_ns"`
	To      time.Duration `json:"to_ns"`
	Energy  Energy        `json:"energy_uj"`
	Samples int           `json:"samples"`
	// Stamps and Powers are those of them after From.
	Stamps []time.Duration `json:"stamps_ns,omitempty"`
	Powers []Power         `json:"powers_uw,omitempty"`
}

// Process is one that computes on a device.
type Process struct {
	PID    int   `json:"pid"`
	Memory int64 `json:"memory_bytes,omitempty"` // of the device, 0 if not told
	// Engine tells whether it is the engine's, nil where that is not known.
	Engine *bool  `json:"engine,omitempty"`
	Role   string `json:"role,omitempty"`
}

// PowerSample is one entry of a driver's own buffer of power samples.
type PowerSample struct {
	// Before and After bound, on the run's clock, the time that the driver
	// stamped; they are apart by what the conversion from the wall clock adds.
	Before, After time.Duration
	Power         Power
}

// At is the middle of what bounds the sample's time.
func (s PowerSample) At() time.Duration { return s.Before + (s.After-s.Before)/2 }

// Observable is a source whose device can be looked at beside its readings, while
// another goroutine reads.
type Observable interface {
	// State looks at what changes slowly, without the processes.
	State() DeviceState
	// Processes lists those that compute on the device. It may take milliseconds
	// under the driver's lock: ask seldom.
	Processes() ([]Process, error)
	// PowerSamples appends what the driver has buffered since the last call,
	// oldest first; a device without such a buffer appends nothing.
	PowerSamples(dst []PowerSample) ([]PowerSample, error)
}
