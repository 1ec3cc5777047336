package record

import (
	"fmt"
	"time"
)

// ParseUntil reads when a record ends: a time of RFC 3339 that is after now, or a
// duration from now.
func ParseUntil(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.After(now) {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q: want a time to come, as in 2026-01-31T12:00:00Z, or a duration, as in 36h", text)
}
