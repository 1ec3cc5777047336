package devices

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cfubench/meter"
)

// Summary is what one GPU's slow state was between the first look and the last.
// Of what no look told, the figures are 0 and the name is in Unknown.
type Summary struct {
	Device         string         `json:"device"`
	Looks          int            `json:"looks"`
	SMMin          int            `json:"sm_clock_min_mhz"`
	SMMax          int            `json:"sm_clock_max_mhz"`
	TemperatureMax int            `json:"temperature_max_celsius"`
	LimitMin       meter.Power    `json:"limit_min_uw"`
	LimitMax       meter.Power    `json:"limit_max_uw"`
	Throttled      map[string]int `json:"throttled_looks,omitempty"` // looks by reason
	Persistence    bool           `json:"persistence"`
	MIG            bool           `json:"mig"`
	UncorrectedECC int64          `json:"uncorrected_ecc_errors"`
	// The driver's own power samples: their number, the median time between two
	// and the mean power over them, to hold the counter's against.
	Samples       int           `json:"buffered_samples"`
	SampleSpacing time.Duration `json:"buffered_sample_spacing_ns"`
	SampleMean    meter.Power   `json:"buffered_mean_power_uw"`
	// Listed is whether the processes on it were ever listed, EngineTold whether
	// the engine's can be told from others. Those of the engine, those that are
	// not, and those of whom nobody knows.
	Listed           bool     `json:"processes_listed,omitempty"`
	EngineTold       bool     `json:"engine_told,omitempty"`
	EngineProcesses  []int    `json:"engine_processes,omitempty"`
	ForeignProcesses []int    `json:"foreign_processes,omitempty"`
	OtherProcesses   []int    `json:"other_processes,omitempty"`
	Unknown          []string `json:"unknown,omitempty"`
	// Last is the newest look.
	Last *meter.DeviceState `json:"last,omitempty"`
}

// add takes one look.
func (s *Summary) add(look meter.DeviceState) {
	s.Device = look.Device
	s.Looks++
	if look.SMClock != nil {
		s.SMMin, s.SMMax = least(s.SMMin, *look.SMClock), max(s.SMMax, *look.SMClock)
	}
	if look.Limit != nil {
		s.LimitMin, s.LimitMax = least(s.LimitMin, *look.Limit), max(s.LimitMax, *look.Limit)
	}
	if look.Temperature != nil {
		s.TemperatureMax = max(s.TemperatureMax, *look.Temperature)
	}
	for _, reason := range look.Throttled {
		if s.Throttled == nil {
			s.Throttled = map[string]int{}
		}
		s.Throttled[reason]++
	}
	if look.Persistence != nil {
		s.Persistence = *look.Persistence
	}
	if look.MIG != nil {
		s.MIG = *look.MIG
	}
	if look.UncorrectedECC != nil {
		s.UncorrectedECC = *look.UncorrectedECC
	}
	for _, u := range look.Unknown {
		s.unknown(u)
	}
	s.Last = &look
}

// least is the lower of a and b, of which 0 says that nothing is known.
func least[N int | meter.Power](a, b N) N {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func (s *Summary) unknown(what string) {
	if !slices.Contains(s.Unknown, what) {
		s.Unknown = append(s.Unknown, what)
	}
}

func (s Summary) clone() Summary {
	s.Throttled = maps.Clone(s.Throttled)
	s.EngineProcesses = slices.Clone(s.EngineProcesses)
	s.ForeignProcesses = slices.Clone(s.ForeignProcesses)
	s.OtherProcesses = slices.Clone(s.OtherProcesses)
	s.Unknown = slices.Clone(s.Unknown)
	return s
}

// WithoutSamples is the summary without the driver's samples, one by one, of the
// newest look.
func (s Summary) WithoutSamples() Summary {
	if s.Last == nil || s.Last.Buffered == nil {
		return s
	}
	look, buffered := *s.Last, *s.Last.Buffered
	buffered.Stamps, buffered.Powers = nil, nil
	look.Buffered, s.Last = &buffered, &look
	return s
}

// Merge joins the summary of a GPU with one of the same GPU over a later time, of
// which nothing was seen in between.
func (s Summary) Merge(later Summary) Summary {
	if s.Looks == 0 {
		return later
	}
	if later.Looks == 0 {
		return s
	}
	out := later
	out.Looks += s.Looks
	out.SMMin, out.SMMax = least(s.SMMin, later.SMMin), max(s.SMMax, later.SMMax)
	out.LimitMin, out.LimitMax = least(s.LimitMin, later.LimitMin), max(s.LimitMax, later.LimitMax)
	out.TemperatureMax = max(s.TemperatureMax, later.TemperatureMax)
	out.Throttled = maps.Clone(s.Throttled)
	for reason, looks := range later.Throttled {
		if out.Throttled == nil {
			out.Throttled = map[string]int{}
		}
		out.Throttled[reason] += looks
	}
	if out.Samples += s.Samples; out.Samples > 0 {
		total := float64(s.SampleMean)*float64(s.Samples) + float64(later.SampleMean)*float64(later.Samples)
		out.SampleMean = meter.Power(total / float64(out.Samples))
	}
	out.SampleSpacing = max(s.SampleSpacing, later.SampleSpacing)
	out.Listed, out.EngineTold = s.Listed || later.Listed, s.EngineTold || later.EngineTold
	out.EngineProcesses = union(s.EngineProcesses, later.EngineProcesses)
	out.ForeignProcesses = union(s.ForeignProcesses, later.ForeignProcesses)
	out.OtherProcesses = union(s.OtherProcesses, later.OtherProcesses)
	out.Unknown = union(s.Unknown, later.Unknown)
	return out
}

// union is a with what only b has.
func union[E comparable](a, b []E) []E {
	out := slices.Clone(a)
	for _, e := range b {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// Doubts says in a line each what about s makes its GPU's figures doubtful.
func (s Summary) Doubts() []string {
	var w []string
	if len(s.ForeignProcesses) > 0 {
		w = append(w, fmt.Sprintf("processes %v that are not the engine's computed on it: its energy is not the engine's alone", s.ForeignProcesses))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Throttled)) {
		w = append(w, fmt.Sprintf("clocks were held back (%s) in %d of %d looks", reason, s.Throttled[reason], s.Looks))
	}
	if s.LimitMin != s.LimitMax {
		w = append(w, fmt.Sprintf("its power limit changed between %v and %v", s.LimitMin, s.LimitMax))
	}
	if s.UncorrectedECC > 0 {
		w = append(w, fmt.Sprintf("%d uncorrected memory errors since the driver was loaded", s.UncorrectedECC))
	}
	return w
}

// Use is what s shows of the engine's processes, for meter.Choice.
func (s Summary) Use() meter.Use {
	return meter.Use{
		Device: s.Device, Engine: s.EngineProcesses, Told: s.Listed && s.EngineTold,
		Others: union(s.ForeignProcesses, s.OtherProcesses),
	}
}

// UseOf lists the processes that compute on a device now. owns tells the engine's
// from others; nil for not known.
func UseOf(device string, d meter.Observable, owns func(pid int) bool) meter.Use {
	o := Observer{owns: owns, role: func(int) string { return "" }, summaries: make([]Summary, 1), processes: make([][]meter.Process, 1)}
	o.summaries[0].Device = device
	listed, err := d.Processes()
	o.noteProcesses(0, listed, err)
	return o.summaries[0].Use()
}
