package record

import (
	"strings"
	"testing"
	"time"
)

func TestParseUntil(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		why, text string
		want      Until // zero if it is refused
	}{
		{"a duration has no end before the window begins", "36h", Until{For: 36 * time.Hour}},
		{"a time to come", "2026-01-31T12:00:00Z", Until{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}},
		{"a time that has passed", "2025-12-31T12:00:00Z", Until{}},
		{"no time at all", "0s", Until{}},
		{"a negative one", "-1h", Until{}},
		{"a word", "tomorrow", Until{}},
	} {
		got, err := ParseUntil(c.text, now)
		if got != c.want || (err != nil) != c.want.IsZero() {
			t.Errorf("%s: %q: got %v and error %v, want %v", c.why, c.text, got, err, c.want)
		}
	}
}

// TestUntilFromTheWindow holds when a record ends whose meters took their time.
func TestUntilFromTheWindow(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		why   string
		until Until
		want  time.Time // zero if there is none
		is    string    // of the error
	}{
		{"a duration counts from the window, however short it is", Until{For: time.Minute}, now.Add(time.Minute), ""},
		{"a time stays what it is", Until{At: now.Add(time.Hour)}, now.Add(time.Hour), ""},
		{"a time that passed during the calibration is refused", Until{At: now.Add(-time.Second)}, time.Time{}, "it passed while the meters were calibrated"},
		{"without an end there is none", Until{}, time.Time{}, ""},
	} {
		err := c.until.check(now)
		if (err != nil) != (c.is != "") || err != nil && !strings.Contains(err.Error(), c.is) {
			t.Errorf("%s: got error %v, want %q", c.why, err, c.is)
		}
		if err != nil {
			continue
		}
		ctx, stop := c.until.limit(t.Context())
		got, limited := ctx.Deadline()
		stop()
		if late := got.Sub(c.want); limited == c.want.IsZero() || limited && (late < 0 || late > time.Minute/2) {
			t.Errorf("%s: it ends at %v, want %v", c.why, got, c.want)
		}
	}
}
