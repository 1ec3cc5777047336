package runfolder

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/meter"
)

// DeviceState is a row of devices.arrow: what one accelerator was doing at one
// moment of the run's clock, looked at once a second beside its readings. A figure
// that the driver did not tell is NaN.
type DeviceState struct {
	Key
	At                             time.Duration
	Domain, Device                 string
	SMClock, MemoryClock           float64 // MHz
	Temperature                    float64 // °C
	Utilization, MemoryUtilization float64 // percent of the last sample period
	MemoryUsed, MemoryTotal        float64 // bytes
	Limit                          float64 // W, the enforced power limit
	// Throttled are the reasons why clocks are lower than asked for, Processes the
	// process numbers of those that compute on it, the engine's with a star.
	Throttled []string
	Processes string
	Role      string // "prefill" or "decode" of a disaggregated server
	// BufferedEnergy is the integral, in µJ, of the driver's own samples of power
	// from BufferedFrom to BufferedTo (−1 where there are none), between this look
	// and the one before.
	BufferedFrom, BufferedTo time.Duration
	BufferedEnergy           float64
	// SampleAt and SamplePower, in mW, are those samples.
	SampleAt    []time.Duration
	SamplePower []int32
}

// DeviceFigures are the figures of a look that a mean may stand for.
type DeviceFigures [7]*float64

// Figures are those of the row, NaN where the driver did not tell.
func (r *DeviceState) Figures() DeviceFigures {
	return DeviceFigures{&r.SMClock, &r.MemoryClock, &r.Temperature, &r.Utilization, &r.MemoryUtilization, &r.MemoryUsed, &r.MemoryTotal}
}

// DeviceStates is the table of devices.arrow.
func DeviceStates() Table[DeviceState] {
	noSamples := time.Duration(-1)
	type R = DeviceState
	figure := func(name, unit string, at func(*R) *float64) column[R] {
		return number(name, unit, true, math.NaN(), at)
	}
	return Table[R]{name: "devices", columns: slices.Concat(
		in(func(r *R) *Key { return &r.Key }, keyColumns()),
		[]column[R]{
			whole("at_ns", "ns", nil, func(r *R) *time.Duration { return &r.At }),
			code("domain", func(r *R) *string { return &r.Domain }),
			text("device", false, func(r *R) *string { return &r.Device }),
			figure("sm_clock_mhz", "MHz", func(r *R) *float64 { return &r.SMClock }),
			figure("memory_clock_mhz", "MHz", func(r *R) *float64 { return &r.MemoryClock }),
			figure("temperature_celsius", "°C", func(r *R) *float64 { return &r.Temperature }),
			figure("utilization_percent", "%", func(r *R) *float64 { return &r.Utilization }),
			figure("memory_utilization_percent", "%", func(r *R) *float64 { return &r.MemoryUtilization }),
			figure("memory_used_bytes", "B", func(r *R) *float64 { return &r.MemoryUsed }),
			figure("memory_total_bytes", "B", func(r *R) *float64 { return &r.MemoryTotal }),
			figure("limit_w", "W", func(r *R) *float64 { return &r.Limit }),
			flags("throttled", func(r *R) *[]string { return &r.Throttled }),
			text("processes", false, func(r *R) *string { return &r.Processes }),
			code("role", func(r *R) *string { return &r.Role }),
			whole("buffered_from_ns", "ns", &noSamples, func(r *R) *time.Duration { return &r.BufferedFrom }),
			whole("buffered_to_ns", "ns", &noSamples, func(r *R) *time.Duration { return &r.BufferedTo }),
			figure("buffered_energy_uj", "uJ", func(r *R) *float64 { return &r.BufferedEnergy }),
			later(moments("sample_ns", func(r *R) *[]time.Duration { return &r.SampleAt })),
			later(counts("sample_mw", "mW", func(r *R) *[]int32 { return &r.SamplePower })),
		}), own: ownSamples, bytes: heldSamples}
}

// ownSamples gives a row samples of its own, which outlive the next row.
func ownSamples(r *DeviceState) {
	r.SampleAt, r.SamplePower = slices.Clone(r.SampleAt), slices.Clone(r.SamplePower)
}

// heldSamples is about how much memory a row holds.
func heldSamples(r DeviceState) int { return 400 + 12*len(r.SampleAt) }

// StateRow is a look at a device as a row of its cell.
func StateRow(key Key, s meter.DeviceState) DeviceState {
	row := DeviceState{
		Key: key, At: s.At, Domain: s.Domain, Device: s.Device, Throttled: s.Throttled, Role: s.Role,
		SMClock: told(s.SMClock), MemoryClock: told(s.MemoryClock), Temperature: told(s.Temperature),
		Utilization: told(s.Utilization), MemoryUtilization: told(s.MemoryUtilization),
		MemoryUsed: told(s.MemoryUsed), MemoryTotal: told(s.MemoryTotal), Limit: math.NaN(),
		BufferedFrom: -1, BufferedTo: -1, BufferedEnergy: math.NaN(),
	}
	if b := s.Buffered; b != nil {
		row.BufferedFrom, row.BufferedTo, row.BufferedEnergy = b.From, b.To, float64(b.Energy)
		for i, p := range b.Powers {
			row.SampleAt = append(row.SampleAt, b.Stamps[i])
			row.SamplePower = append(row.SamplePower, int32(min(p/meter.Milliwatt, math.MaxInt32)))
		}
	}
	if s.Limit != nil {
		row.Limit = s.Limit.Watts()
	}
	var processes []string
	for _, p := range s.Processes {
		name := strconv.Itoa(p.PID)
		if p.Engine != nil && *p.Engine {
			name += "*"
		}
		processes = append(processes, name)
	}
	row.Processes = strings.Join(processes, " ")
	return row
}

// told is a figure, NaN where nobody told it.
func told[T int | int64](v *T) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v)
}
