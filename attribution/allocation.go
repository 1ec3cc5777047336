package attribution

import (
	"math"
	"time"

	"cfubench/meter"
)

// Allocation is one domain's energy divided among requests by one convention,
// as columns. Its rows are in the order of the Columns it was made from; it
// holds 40 bytes a request and computes the rest on demand.
type Allocation struct {
	Convention string
	Domain     meter.Domain
	Window     meter.Window
	// Counter is the register's own difference over the window, to which all
	// rows sum exactly.
	Counter Difference
	Notes   []string
	// Warnings are doubts; Refused says why there is no allocation, "" if
	// there is one.
	Warnings []Warning
	Refused  string
	// Costs are what the convention found of the engine's steps, nil for none.
	Costs *StepCosts

	fit      func(i int) float64
	requests Columns
	common   []string // flags of all rows
	timeline *Timeline
	split    bool
	// sharesCache: weights go by Columns.ShareCache
	sharesCache bool
	// tally holds each request's energy with its bracket and the time that
	// goes with it, by which idle power is divided; prefill the part of it that
	// goes with prefill, in µJ, under ByInstant. Else of says it.
	tally                   []integral
	prefill                 []float64
	of                      func(i int) (prefill, decode float64)
	idle, busy              part
	idlePower               Idle
	floor, limit            float64
	requestTotal, idleTotal meter.Energy
	rule                    rounding
	boundedUntil            time.Duration
	basis                   Basis
	residualLo, residualHi  meter.Energy
}

// Row is one row of an allocation: see Share.
type Row struct {
	Energy, Lo, Hi        meter.Energy
	Prefill, Decode, Idle meter.Energy
	Fit                   meter.Energy
}

// Len is the number of requests.
func (a *Allocation) Len() int { return len(a.tally) }

// Request returns the row of request i of the columns.
func (a *Allocation) Request(i int) Row {
	if a.Refused != "" {
		return Row{Hi: meter.Unbounded}
	}
	t := a.tally[i]
	r := Row{Energy: meter.Energy(a.rule.of(i, t.energy))}
	lo := max(t.energy-t.below, a.floor*t.time)
	hi := t.energy + t.above
	if a.limit > 0 && a.basis != Fixed {
		hi = min(hi, a.limit*t.time)
	}
	if a.domainUnbounded(i) {
		hi = math.Inf(1)
	}
	r.Lo, r.Hi = min(roundDown(lo), r.Energy), max(roundUp(hi), r.Energy)
	if a.split {
		r.Prefill = min(meter.Energy(math.Round(a.prefillOf(i))), r.Energy)
		r.Decode = r.Energy - r.Prefill
	}
	if a.idlePower.Known {
		r.Idle = min(meter.Energy(math.Round(rate(a.idlePower.Loaded)*t.time)), r.Energy)
	}
	if a.fit != nil {
		r.Fit = roundUp(a.fit(i) * t.energy)
	}
	return r
}

// prefillOf is the part of request i's energy that goes with its prefill, in µJ.
func (a *Allocation) prefillOf(i int) float64 {
	if a.basis == ByInstant {
		return a.prefill[i]
	}
	prefill, decode := a.of(i)
	if prefill <= 0 {
		return 0
	}
	return prefill / (prefill + decode) * a.tally[i].energy
}

// domainUnbounded reports whether request i was in flight when nothing bounds
// the curve from above.
func (a *Allocation) domainUnbounded(i int) bool {
	if a.limit > 0 {
		return false
	}
	if a.Domain.Kind == meter.KindPower {
		return true
	}
	if a.basis != ByInstant {
		return a.busy.end > a.boundedUntil
	}
	_, end, ok := a.requests.span(i, a.Window)
	return ok && end > a.boundedUntil
}

// IdleRow is the energy used while no request was in flight.
func (a *Allocation) IdleRow() Row {
	lo := max(a.idle.energy-a.idle.below, a.floor*a.idle.time)
	hi := a.idle.energy + a.idle.above
	switch {
	case a.limit > 0:
		hi = min(hi, a.limit*a.idle.time)
	case a.Domain.Kind == meter.KindPower || a.idle.end > a.boundedUntil:
		hi = math.Inf(1)
	}
	r := Row{Energy: a.idleTotal}
	r.Lo, r.Hi = min(roundDown(lo), r.Energy), max(roundUp(hi), r.Energy)
	r.Idle = r.Energy
	return r
}

// UnattributedRow is what is left of the counter's difference: the energy that
// the register had not published yet at the window's end less that at its
// start, which may be negative, and what a Fixed convention leaves over.
func (a *Allocation) UnattributedRow() Row {
	r := Row{Energy: a.Counter.Energy - a.requestTotal - a.idleTotal}
	r.Lo, r.Hi = min(a.residualLo, r.Energy), max(a.residualHi, r.Energy)
	return r
}

// Flags returns the flags of request i.
func (a *Allocation) Flags(i int) []string {
	c := a.requests
	var flags []string
	if c.failed(i) {
		flags = append(flags, FlagFailed)
	}
	start, end, ok := c.span(i, a.Window)
	switch {
	case c.Sent[i] < 0:
		return append(flags, FlagNotSent)
	case c.refused(i):
		return append(flags, FlagRefused)
	}
	if !ok {
		return flags
	}
	if end-start < 2*a.Domain.UpdatePeriod {
		flags = append(flags, FlagBelowResolution)
	}
	if a.timeline != nil && a.timeline.doubtful != nil && a.timeline.doubtful[i] {
		flags = append(flags, FlagQueueOrPrefill)
	}
	if a.sharesCache && c.sharesCache(i) {
		flags = append(flags, FlagCacheShared)
	}
	if a.domainUnbounded(i) {
		flags = append(flags, FlagUnbounded)
	}
	if !a.idlePower.Known {
		flags = append(flags, FlagIdleUnknown)
	}
	return flags
}
