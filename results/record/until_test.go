package record

import (
	"testing"
	"time"
)

func TestParseUntil(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		why, text string
		want      time.Time // zero if it is refused
	}{
		{"a duration counts from now", "36h", now.Add(36 * time.Hour)},
		{"a time to come", "2026-01-31T12:00:00Z", time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)},
		{"a time that has passed", "2025-12-31T12:00:00Z", time.Time{}},
		{"no time at all", "0s", time.Time{}},
		{"a negative one", "-1h", time.Time{}},
		{"a word", "tomorrow", time.Time{}},
	} {
		got, err := ParseUntil(c.text, now)
		if !got.Equal(c.want) || (err != nil) != c.want.IsZero() {
			t.Errorf("%s: %q: got %v and error %v, want %v", c.why, c.text, got, err, c.want)
		}
	}
}
