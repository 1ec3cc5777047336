package attribution

import (
	"fmt"
	"time"
)

// Warning is a doubt about a curve or a result that does not prevent it. It is
// data: whoever prints the figure prints the warning beside it.
type Warning struct {
	// Code is stable and short ("reset", "above_limit", …); Domain is the
	// meter domain it is about, "" if about none.
	Code, Domain string
	// At is where on the run's clock it begins, negative if nowhere.
	At   time.Duration
	Text string
}

// String is the warning in one line.
func (w Warning) String() string {
	s := w.Text
	if w.Domain != "" {
		s = w.Domain + ": " + s
	}
	if w.At >= 0 {
		s += fmt.Sprintf(" (at %.3f s)", w.At.Seconds())
	}
	return s
}

// Flags of intervals and shares. A flagged figure stays a figure unless the
// flag's comment says otherwise.
const (
	// FlagIdle and FlagUnattributed mark the two pseudo requests.
	FlagIdle         = "idle"
	FlagUnattributed = "unattributed"
	// FlagInvalidReset: the register was reset inside; there is no energy.
	FlagInvalidReset = "invalid_reset"
	// FlagOutside: the window is not wholly covered by readings; there is no
	// energy.
	FlagOutside = "outside_readings"
	// FlagBelowResolution: shorter than two update periods; only the bracket
	// is meaningful.
	FlagBelowResolution = "below_resolution"
	// FlagUnbounded: no upper bound is known; Hi is Unbounded.
	FlagUnbounded = "unbounded"
	// FlagCoarse: the register is refreshed too rarely for a single request.
	FlagCoarse = "coarse"
	// Flags of doubtful readings inside: see meter.Status.
	FlagStalled   = "stalled"
	FlagGap       = "gap"
	FlagClockStep = "clock_step"
	FlagGlitch    = "glitch"
	// FlagFailed: the request failed; it used energy all the same.
	FlagFailed = "failed"
	// FlagNotSent: the request was never sent and used none.
	FlagNotSent = "not_sent"
	// FlagRefused: the server refused the request and computed nothing for it:
	// it used none.
	FlagRefused = "refused"
	// FlagStepCells and FlagStepPrior: the costs of the engine's steps are not
	// the cell's own, but those of all of the run's cells, or given.
	FlagStepCells = "step_costs_of_cells"
	FlagStepPrior = "step_costs_given"
	// FlagStepDoubt: the costs of the engine's steps describe the run badly.
	FlagStepDoubt = "step_costs_doubtful"
	// FlagStepUnknown: steps are not known; phase stands in for step.
	FlagStepUnknown = "steps_unknown"
	// FlagCacheShared: the request pays for a part of a prompt that another one
	// computed, or others pay for a part of its.
	FlagCacheShared = "cache_shared"
	// FlagQueueOrPrefill: client stamps cannot tell the wait for a slot from
	// the prefill.
	FlagQueueOrPrefill = "queue_or_prefill"
	// FlagIdleUnknown: no idle power was measured, so the idle part is
	// unknown and stands as zero.
	FlagIdleUnknown = "idle_unknown"
)
