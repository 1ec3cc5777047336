package meter

import (
	"encoding/json"
	"math"
	"strconv"
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

// Bound is the upper bound of an energy as JSON has it: in microjoules, and null
// where it is Unbounded.
type Bound Energy

// MarshalJSON writes a number or null.
func (b Bound) MarshalJSON() ([]byte, error) {
	if Energy(b) == Unbounded {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(b), 10), nil
}

// UnmarshalJSON reads a number or null.
func (b *Bound) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*b = Bound(Unbounded)
		return nil
	}
	return json.Unmarshal(text, (*Energy)(b))
}
