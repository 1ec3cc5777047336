package amdgpu

import (
	"math"
	"time"
)

// firmwareTick is the unit of the firmware's timestamp (the kernel's
// kgd_pp_interface.h: "10ns resolution").
const firmwareTick = 10 * time.Nanosecond

const (
	// agreeOver is how long the firmware's clock must have run beside the host's
	// before it is believed, agreeWithin by what part they may then differ: a
	// stamp in another unit never passes, one that is some milliseconds old does.
	agreeOver   = time.Second
	agreeWithin = 0.01
	// clockDrift bounds the difference of the two clocks' rates. The firmware
	// counts a 100 MHz reference, which spread-spectrum clocking may slow by
	// 0.5 %.
	clockDrift = 0.006
	// staleAfter is how many times longer than a sample usually lasts an
	// unchanged stamp is the same sample and no new one of the same energy.
	staleAfter = 3
)

// deviceClock places the firmware's timestamps on the run's clock. What the
// firmware sampled at a stamp had been sampled by the end of the read that
// showed it, so every read bounds how far the clocks are apart, the fastest
// one best; later ones are bounded by it and the drift since. The zero value
// knows nothing.
type deviceClock struct {
	started          bool
	first, last      time.Duration // stamps, first being that of the first change
	firstAt, freshAt time.Duration // ends of the reads that first showed them
	// ahead is the least that the run's clock is known to be ahead of the
	// device's: an upper bound on the time of a stamp, less the stamp.
	ahead time.Duration
	// placed is the latest result, lasting the usual time between two stamps.
	placed, lasting time.Duration
	agrees          bool
}

// note takes in the stamp of a read that ended at after. at is the latest time
// at which the sample can have been taken, after itself while the stamps are
// not believed, and never earlier than that of the sample before; stale reports
// that the firmware has no newer sample although it is long due.
func (c *deviceClock) note(stamp uint64, after time.Duration) (at time.Duration, stale bool) {
	if stamp > math.MaxInt64/uint64(firmwareTick) {
		*c = deviceClock{}
		return after, false
	}
	device := time.Duration(stamp) * firmwareTick
	switch {
	case !c.started || device < c.last: // the first, or the device was reset
		*c = deviceClock{started: true, first: device, last: device, firstAt: after, freshAt: after, ahead: after - device}
	case device == c.last && c.agrees:
		return c.placed, after-c.freshAt > staleAfter*c.lasting
	case device > c.last:
		c.advance(device, after)
	}
	bound := after
	if c.agrees {
		bound = min(c.last+c.ahead, after)
	}
	c.placed = max(bound, c.placed)
	return c.placed, false
}

// advance takes in a new stamp.
func (c *deviceClock) advance(device, after time.Duration) {
	c.ahead = min(c.ahead+time.Duration(clockDrift*float64(device-c.last)), after-device)
	// An eighth of the newest: a late poll lengthens it a little and not for long.
	if c.lasting == 0 {
		// How old the first stamp was when it was read is not known; this one came
		// since the read before.
		c.lasting = after - c.freshAt
		c.first, c.firstAt = device, after
	}
	c.lasting += (after - c.freshAt - c.lasting) / 8
	c.last, c.freshAt = device, after
	ran, beside := device-c.first, after-c.firstAt
	c.agrees = ran >= agreeOver && math.Abs(float64(ran-beside)) <= agreeWithin*float64(beside)
}
