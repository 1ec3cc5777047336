package host

import (
	"context"
	"errors"
	"time"

	"cfubench/meter"
)

// Listing is what a host's meters are: its domains, also those that it does not give,
// and what is doubtful of its devices now.
type Listing struct {
	Entries []Entry
	States  []DeviceState
}

// Inspect opens the meters, calibrates them for a time (0: not at all), lists them, and
// closes them. Without an engine in the options every process on a device is another
// one's.
func Inspect(ctx context.Context, o Options, calibrateFor time.Duration) (l Listing, err error) {
	set, err := Open(ctx, o)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	var calibrations []meter.Calibration
	if calibrateFor > 0 {
		if set, calibrations, err = set.Calibrate(ctx, o.Clock, calibrateFor); err != nil {
			return l, err
		}
	}
	l.Entries = set.List(o.Clock, calibrations)
	own := Own(o.PID, o.EndpointURL)
	if own == nil {
		own = Own(NoEngine, "")
	}
	l.States, err = set.State(ctx, own)
	return l, err
}
