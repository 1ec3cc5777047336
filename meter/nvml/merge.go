package nvml

import (
	"maps"
	"slices"

	"cfubench/meter"
)

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
	out.SMMin, out.SMMax = min(s.SMMin, later.SMMin), max(s.SMMax, later.SMMax)
	out.LimitMin, out.LimitMax = min(s.LimitMin, later.LimitMin), max(s.LimitMax, later.LimitMax)
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
	out.ForeignProcesses = union(s.ForeignProcesses, later.ForeignProcesses)
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
