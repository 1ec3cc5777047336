package logs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Basis is what the times of a file count from.
type Basis string

// Bases of time.
const (
	BasisEpoch   Basis = "epoch"   // Unix time, or a date with its zone
	BasisWall    Basis = "wall"    // a date without a zone
	BasisCounter Basis = "counter" // a monotonic counter or seconds since some start
	BasisNone    Basis = "none"    // the file has no times
)

// Clock says how the times of a file become Unix time. The zero Clock takes
// Unix times as they are and refuses all others.
type Clock struct {
	zone     *time.Location // of dates without one
	anchored bool           // zero is the Unix time of the counter's zero
	zero     int64          // ns
	offset   int64          // ns, added to every time
}

// ParseClock reads a clock: parts joined by commas of
//
//	epoch                     times are Unix times already
//	local:ZONE                dates are in ZONE (an IANA name, UTC, or ±hh:mm)
//	perf_counter:UNIX         the counter was zero at the Unix time UNIX, in seconds
//	perf_counter:UNIX@COUNT   the counter was COUNT at the Unix time UNIX
//	offset:SECONDS            the clock was SECONDS slow: add them
func ParseClock(text string) (Clock, error) {
	var c Clock
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, ":")
		var err error
		switch name {
		case "epoch":
			if value != "" {
				err = fmt.Errorf("epoch takes no value")
			}
		case "local":
			c.zone, err = parseZone(value)
		case "perf_counter":
			unix, count, at := strings.Cut(value, "@")
			var z, n int64
			if z, err = parseSeconds(unix); err == nil && at {
				n, err = parseSeconds(count)
			}
			c.anchored, c.zero = true, z-n
		case "offset":
			c.offset, err = parseSeconds(value)
		default:
			err = fmt.Errorf("want epoch, local:ZONE, perf_counter:UNIX[@COUNT] or offset:SECONDS")
		}
		if err != nil {
			return Clock{}, fmt.Errorf("clock %q: %w", part, err)
		}
	}
	return c, nil
}

// parseSeconds reads a decimal number of seconds exactly.
func parseSeconds(text string) (int64, error) {
	if ns, ok := decimal([]byte(text), 9); ok {
		return ns, nil
	}
	return 0, fmt.Errorf("%q is not a number of seconds", clip(text))
}

// parseZone reads a zone's name or an offset such as -07:00 or UTC+2.
func parseZone(text string) (*time.Location, error) {
	if text == "" {
		return nil, fmt.Errorf("want a zone, such as Europe/Berlin or -07:00")
	}
	offset := strings.TrimPrefix(text, "UTC")
	if offset != "" && (offset[0] == '+' || offset[0] == '-') {
		hours, minutes, _ := strings.Cut(offset[1:], ":")
		h, err := strconv.Atoi(hours)
		m, err2 := 0, error(nil)
		if minutes != "" {
			m, err2 = strconv.Atoi(minutes)
		}
		if err != nil || err2 != nil || h > 14 || m > 59 || h < 0 || m < 0 {
			return nil, fmt.Errorf("%q is no offset from UTC such as -07:00", clip(text))
		}
		seconds := h*3600 + m*60
		if offset[0] == '-' {
			seconds = -seconds
		}
		return time.FixedZone(text, seconds), nil
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		return nil, fmt.Errorf("unknown zone %q: want an IANA name such as America/Los_Angeles, or an offset such as -07:00", clip(text))
	}
	return zone, nil
}

// check reports a basis that the clock cannot place.
func (c Clock) check(b Basis) error {
	switch {
	case b == BasisWall && c.zone == nil:
		return fmt.Errorf("the times are dates without a zone: say where they were written with --clock local:ZONE (Europe/Berlin, -07:00, UTC)")
	case b == BasisCounter && !c.anchored:
		return fmt.Errorf("the times count from an unknown start and not from 1970: say when that was with --clock perf_counter:UNIX[@COUNT]")
	}
	return nil
}

// place turns a time of the basis into Unix nanoseconds.
func (c Clock) place(b Basis, ns int64) int64 {
	if b == BasisCounter {
		ns += c.zero
	}
	return ns + c.offset
}

// Unix times of these years are told from other numbers by their size.
const (
	epochFrom = 946684800  // 2000-01-01
	epochTo   = 4102444800 // 2100-01-01
)

// basisOf tells Unix seconds from a counter's.
func basisOf(ns int64) Basis {
	if ns >= epochFrom*1e9 && ns < epochTo*1e9 {
		return BasisEpoch
	}
	return BasisCounter
}
