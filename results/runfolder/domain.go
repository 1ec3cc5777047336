package runfolder

import (
	"fmt"
	"time"

	"cfubench/meter"
)

// DomainInfo is one metered domain, its calibration and its reader's own cost.
type DomainInfo struct {
	meter.Domain
	UpdatePeriodP5  time.Duration `json:"update_period_p5_ns,omitempty"`
	UpdatePeriodP95 time.Duration `json:"update_period_p95_ns,omitempty"`
	Poll            time.Duration `json:"poll_ns"`
	CallP50         time.Duration `json:"call_ns_p50"`
	CallP99         time.Duration `json:"call_ns_p99"`
	// InsideCalls is the share of the run that the sampler spent in reads.
	InsideCalls float64 `json:"inside_calls_ratio"`
	// ReadCPU is the CPU time of reading, judging and storing what the domain's
	// source read in the last cell, without the wake-ups; Reads its calls, Missed
	// the polls that fell due during a late one, Backoffs how often its period was
	// doubled because its calls were slow.
	ReadCPU  time.Duration `json:"read_cpu_ns,omitempty"`
	Reads    int64         `json:"reads,omitempty"`
	Missed   int64         `json:"missed_polls,omitempty"`
	Backoffs int           `json:"backoffs,omitempty"`
	// LateP50 and LateP99 say how long after it was due a read began.
	LateP50 time.Duration `json:"read_late_p50_ns,omitempty"`
	LateP99 time.Duration `json:"read_late_p99_ns,omitempty"`
	// CounterToPower is the counter's mean power over the gauge's, 0 if there
	// is no gauge to hold it against.
	CounterToPower float64 `json:"counter_to_power_ratio,omitempty"`
	// Reference is what a reference meter found of this very sensor, nil without
	// one.
	Reference *SensorReference `json:"reference,omitempty"`
	// NotSummed says why the domain, though recorded, is in no sum; "" if it is.
	// It is the one answer to what counts, given once, when the meters are opened.
	NotSummed string `json:"not_summed,omitempty"`
}

// Summed reports whether the domain counts in a cell's energy.
func (d DomainInfo) Summed() bool { return d.NotSummed == "" }

// Describe gives domains as a run keeps them: those that others contain, or that
// stand beside what is summed, with the reason why they are in no sum.
// Those that are excluded were left out by somebody with a reason of his own.
func Describe(domains []meter.Domain, excluded ...meter.Excluded) []DomainInfo {
	out := make([]DomainInfo, len(domains))
	_, contained := meter.Antichain(domains, excluded...)
	for i, d := range domains {
		out[i].Domain = d
		for _, r := range contained {
			if r.Domain == d.Name {
				out[i].NotSummed = r.Reason
			}
		}
	}
	return out
}

// Summed are the domains that count in a cell's energy.
func Summed(domains []DomainInfo) []DomainInfo {
	var out []DomainInfo
	for _, d := range domains {
		if d.Summed() {
			out = append(out, d)
		}
	}
	return out
}

// SetCalibrations keeps what the calibration found of the domains, in their order,
// and returns its warnings.
func SetCalibrations(domains []DomainInfo, found []meter.Calibration) (warnings []string) {
	for i, c := range found[:min(len(found), len(domains))] {
		d := &domains[i]
		d.UpdatePeriodP5, d.UpdatePeriodP95 = c.UpdateP5, c.UpdateP95
		d.CallP50, d.CallP99, d.CounterToPower = c.CallP50, c.CallP99, c.CounterToPower
		for _, w := range c.Warnings {
			warnings = append(warnings, fmt.Sprintf("meter %s: %s", d.Name, w))
		}
	}
	return warnings
}

// SetCosts keeps what reading the sources cost. The costs count the sampler's
// domains, which are found by their names.
func SetCosts(domains []DomainInfo, sampled []meter.Domain, costs []meter.SourceCost) {
	for _, c := range costs {
		for _, i := range c.Domains {
			for k := range domains {
				if d := &domains[k]; d.Name == sampled[i].Name {
					d.Poll, d.CallP50, d.CallP99, d.InsideCalls = c.Poll, c.CallP50, c.CallP99, c.InsideCalls
					d.ReadCPU, d.Reads, d.Missed, d.Backoffs = c.CPU, c.Reads, c.Missed, c.Backoffs
					d.LateP50, d.LateP99 = c.JitterP50, c.JitterP99
				}
			}
		}
	}
}

// String is a line on what the domain is, and on why it is in no sum.
func (d DomainInfo) String() string {
	line := fmt.Sprintf("%s (%s, %s, kind %s)", d.Name, d.Source, d.Scope, d.Kind)
	switch {
	case d.NotSummed != "":
		line += " is recorded and not summed: " + d.NotSummed
	case d.Note != "":
		line += ": " + d.Note
	}
	return line
}
