// Package gauge says what power gauges are: over how long a figure is averaged,
// what part of the time the sensor looks, how often it is refreshed, how late
// it is, and how far its gain and offset can be off. It holds published
// measurements with their source and measures nothing itself; whoever can
// measure on the card at hand (a step of load at warm-up, a reference meter)
// knows better and says so in a Gauge of its own.
package gauge

import (
	"time"

	"cfubench/meter"
)

// Register is one of the figures that a card offers.
type Register string

// Registers. Usage is NVML's GetPowerUsage and nvidia-smi's power.draw, whose
// meaning depends on the architecture and the driver; Instant and Average are
// the two fields that newer drivers tell apart. Counter is the cumulative
// energy: what feeds it is published for no card.
const (
	Counter Register = "counter"
	Usage   Register = "usage"
	Instant Register = "instant"
	Average Register = "average"
)

// Gauge is what one register shows. The zero value is one of which nothing is
// known.
type Gauge struct {
	// Average is the time before its publication over which a figure is the
	// mean; 0 if unknown. A counter averages nothing.
	Average time.Duration
	// Look is the part of every period that the sensor sees, 1 for all of it;
	// 0 if unknown.
	Look float64
	// Period is the time between two publications, 0 if unknown.
	Period time.Duration
	// Lag is how late a figure is beyond its averaging and its period.
	Lag time.Duration
	// Gain is the standard uncertainty (k=1) of the sensor's gain, relative;
	// Offset that of its zero. Neither shrinks with time, and both are the same
	// in every window that one sensor measures. Calibrated says that they were
	// measured on this very sensor.
	Gain       float64
	Offset     meter.Power
	Calibrated bool
	// Measured says that Average, Period and Lag were measured on this very
	// sensor and not taken from a table.
	Measured bool
	// Source is where the figures were published, or what measured them.
	Source string
}

// Known reports whether it is known over how long the register averages.
func (g Gauge) Known() bool { return g.Average > 0 }

// PartTime reports whether the sensor is blind for part of every period.
func (g Gauge) PartTime() bool { return g.Look > 0 && g.Look < 1 }

// Tail is the time after a change of power by which the register shows nothing
// but the new power.
func (g Gauge) Tail() time.Duration { return g.Average + g.Period + 2*g.Lag }

const (
	// shortestLook is what a gauge of which nothing is known may average over, and
	// usualPeriod how often it is refreshed: those of GA100.
	shortestLook = 25 * time.Millisecond
	usualPeriod  = 100 * time.Millisecond
	// fullTime is what a register that looks all the time is taken to average over
	// at most where nothing is published.
	fullTime = time.Second
)

// Logged is the gauge as it shows in a log with a line every interval: where that
// is longer than its period, figures between two lines are lost, and what they
// were the mean of is not seen.
func (g Gauge) Logged(interval time.Duration) Gauge {
	period, seen, look := g.Period, g.Average, g.Look
	if period == 0 {
		period = usualPeriod
	}
	if seen == 0 {
		seen = shortestLook
		if look == 1 {
			seen = fullTime
		}
	}
	if interval <= period+period/5 {
		return g
	}
	if look == 0 {
		look = float64(shortestLook) / float64(usualPeriod)
	}
	g.Period, g.Look = interval, min(look, float64(seen)/float64(interval))
	return g
}
