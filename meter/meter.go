// Package meter reads energy counters and power gauges of a host and says
// what each register held, when, and how far it can be trusted.
//
// It is opinionated: a cumulative counter is preferred to a power gauge, every
// read is bracketed by one monotonic clock, a register that cannot be read is a
// refusal with a reason and a remedy and never a zero, and a figure that comes
// from a model says so in its Kind. It knows nothing of requests: what a window
// of readings means is the business of package attribution.
package meter

import "time"

// Kind tells a counter from a gauge and both from a model.
type Kind string

// Kinds of domain.
const (
	KindCounter Kind = "counter" // cumulative energy register
	KindPower   Kind = "power"   // power gauge, to be integrated
	KindModel   Kind = "model"   // a stated model, not a sensor
)

// Scope is the part of a machine that a domain's register covers. Scopes form
// the containment graph from which only an antichain is ever summed.
type Scope string

// Scopes, from the whole node to its parts.
const (
	ScopeNode    Scope = "node"
	ScopePsys    Scope = "psys"
	ScopePackage Scope = "package"
	ScopeCore    Scope = "core"
	ScopeUncore  Scope = "uncore"
	ScopeDRAM    Scope = "dram"
	ScopeModule  Scope = "module" // GH200-style superchip
	ScopeGrace   Scope = "grace"
	ScopeGPU     Scope = "gpu"
	ScopeHBM     Scope = "hbm"
	ScopeProcess Scope = "process" // CPU time of a process tree (model)
)

// Domain is one register: what it covers, what it counts and how it wraps. Its
// JSON is what run.json, the readings' table and an agent's hello say of it: an
// attribute added here is in all of them.
type Domain struct {
	Name   string `json:"domain"` // unique within a run: "gpu0", "package-0"
	Device string `json:"device"` // stable identity: UUID and PCI address, sysfs path, URL
	// Product is the device's product name and Driver the version of its driver,
	// "" where they are not told.
	Product string `json:"product,omitempty"`
	Driver  string `json:"driver,omitempty"`
	// Host is the machine that the register is in, where it is not the one that
	// reads: registers of different hosts never cover the same part, but for a GPU
	// that its UUID shows to be one.
	Host   string `json:"host,omitempty"`
	Source string `json:"source"` // "nvml", "rapl", "cputime", …
	Kind   Kind   `json:"kind"`
	Scope  Scope  `json:"scope"`
	// Parent is the Name of the domain that contains this one, "" if none is
	// known to.
	Parent string `json:"parent,omitempty"`
	// Range is the value at which the counter wraps to zero, 0 if it never does.
	Range Energy `json:"range_uj,omitempty"`
	// Quantum is the counter's smallest step.
	Quantum Energy `json:"quantum_uj,omitempty"`
	// UpdatePeriod is the time between two publications of the register: a
	// documented prior until calibration has measured it.
	UpdatePeriod time.Duration `json:"update_period_ns"`
	// Limit is the highest power that the part can draw (the enforced power
	// limit), 0 if unknown; Floor the least power that bounds may rest on: what
	// calibration concludes from the lowest that it saw, 0 without one.
	Limit Power `json:"limit_uw,omitempty"`
	Floor Power `json:"floor_uw,omitempty"`
	// Gauge is the register that the domain's power comes from, of a card that has
	// several: one of package gauge's ("instant", "average", "usage").
	Gauge string `json:"gauge,omitempty"`
	// PartTime marks a domain whose power gauge looks at a part of the time only:
	// such a gauge says nothing against a counter.
	PartTime bool `json:"part_time_gauge,omitempty"`
	// Coarse marks registers that are refreshed too rarely for single requests
	// (exporters, BMCs): good for a run, not for a window of seconds.
	Coarse bool `json:"coarse,omitempty"`
	// Note is shown wherever the domain is listed: the model's statement, a
	// virtualised host, an unresolved scope.
	Note string `json:"note,omitempty"`
}

// Status is the verdict on one reading, from the reading before it and the
// domain's limits (docs/meters.md).
type Status string

// Statuses of a reading.
const (
	StatusOK        Status = "ok"
	StatusWrap      Status = "wrap"       // fell by a known range: unwrapped
	StatusReset     Status = "reset"      // fell otherwise: windows across it are invalid
	StatusGlitch    Status = "glitch"     // implausible jump that came back: dropped
	StatusStalled   Status = "stalled"    // unchanged for too long under power
	StatusLost      Status = "lost"       // device gone for the rest of the run
	StatusTransient Status = "transient"  // the read failed once: a missing sample
	StatusGap       Status = "gap"        // later than five polling periods
	StatusClockStep Status = "clock_step" // wall clock stepped or host suspended
)

// Reading is one read of one domain. Before and After are the monotonic clock
// on either side of the register access, since the run's origin.
type Reading struct {
	Domain        int // index into the Domains of the run
	Before, After time.Duration
	Energy        Energy // raw register value in µJ, if HasEnergy
	Power         Power  // instantaneous gauge, if HasPower
	HasEnergy     bool
	HasPower      bool
	Status        Status
}

// At is the middle of the read's bracket.
func (r Reading) At() time.Duration { return r.Before + (r.After-r.Before)/2 }

// Clock is a monotonic clock: nanoseconds since the run's origin. Sampler,
// sources and load generator of one run share one.
type Clock func() time.Duration

// NewClock returns the clock whose zero is origin, which must carry Go's
// monotonic reading (time.Now does).
func NewClock(origin time.Time) Clock {
	return func() time.Duration { return time.Since(origin) }
}

// Source is one family of registers that are read together (one GPU, one
// host's RAPL zones). A Source is used by one goroutine at a time.
type Source interface {
	// Domains lists what Read reports, in the order of its readings. The
	// result does not change over the life of the source.
	Domains() []Domain
	// Read appends one reading per domain to dst, with Domain numbered from 0
	// within this source, and allocates nothing in steady state. A register
	// that fails is a reading without a value and with its status.
	Read(dst []Reading) []Reading
	// Close releases what the source holds open.
	Close() error
}

// Refusal says why a source or a domain is not used, and how to get it.
type Refusal struct {
	Source string `json:"source"`
	Domain string `json:"domain,omitempty"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy,omitempty"`
}

// Line is the refusal in one line: source and domain, the reason, and the remedy in
// parentheses.
func (r Refusal) Line() string {
	line := r.Source
	if r.Domain != "" {
		line += " " + r.Domain
	}
	line += ": " + r.Reason
	if r.Remedy != "" {
		line += " (" + r.Remedy + ")"
	}
	return line
}
