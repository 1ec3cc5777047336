package meter

import "time"

// clockPeriod is the time between two comparisons of the clocks.
const clockPeriod = 10 * time.Second

// stepTolerance is how far the wall clock may move against the monotonic one
// between two comparisons before it counts as stepped: slewing corrects at
// most 0.5 ms a second, and the three clocks are not read at one instant.
const stepTolerance = 50 * time.Millisecond

// clocks is one reading of the wall, monotonic and boot-time clocks.
type clocks struct{ wall, mono, boot time.Duration }

// stepped reports whether, between a and b, the wall clock was set or the host
// was suspended (boot time counts suspension, the monotonic clock does not).
func stepped(a, b clocks) bool {
	wall := (b.wall - b.mono) - (a.wall - a.mono)
	boot := (b.boot - b.mono) - (a.boot - a.mono)
	return wall.Abs() > stepTolerance || boot.Abs() > stepTolerance
}
