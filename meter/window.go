package meter

import (
	"math"
	"time"
)

// Window is a span of the run's monotonic clock, [Start, End).
type Window struct {
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// Length is the window's duration.
func (w Window) Length() time.Duration { return w.End - w.Start }

// Unbounded is the upper bound of an energy of which no upper bound is known.
const Unbounded Energy = math.MaxInt64
