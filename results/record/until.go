package record

import (
	"context"
	"fmt"
	"time"
)

// Until is when a record without a command ends: at a time, or so long after the
// moment from which its window is metered. Sensors take seconds to calibrate, which
// are no part of the window. The zero value is no end.
type Until struct {
	At  time.Time
	For time.Duration
}

// ParseUntil reads when a record ends: a time of RFC 3339 that is after now, or a
// duration.
func ParseUntil(text string, now time.Time) (Until, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return Until{For: d}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.After(now) {
		return Until{At: t}, nil
	}
	return Until{}, fmt.Errorf("%q: want a time to come, as in 2026-01-31T12:00:00Z, or a duration, as in 36h", text)
}

// IsZero reports whether there is no end.
func (u Until) IsZero() bool { return u == Until{} }

// check refuses a time that has passed before the window began.
func (u Until) check(now time.Time) error {
	if u.At.IsZero() || u.At.After(now) {
		return nil
	}
	return fmt.Errorf("--until %s: it passed while the meters were calibrated, at %s: nothing was recorded; give a later time or a duration, which counts from the end of the calibration",
		u.At.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
}

// limit ends ctx when the record ends whose window begins now.
func (u Until) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case u.For > 0:
		return context.WithTimeout(ctx, u.For)
	case !u.At.IsZero():
		return context.WithDeadline(ctx, u.At)
	}
	return context.WithCancel(ctx)
}
