package logs

import (
	"bytes"
	"time"
)

// stamps reads the times of one column. It settles on the form of the first
// one: later times must have it too.
type stamps struct {
	unit  unit // of numbers, known or settled by the first
	basis Basis
	zone  *time.Location // of dates without one
	// The last minute of a date and its Unix time: logs are many rows a minute.
	minute   [16]byte
	minuteNS int64
	layout   string // of dates in forms that are not cached
}

// read returns a time in nanoseconds since the basis' zero.
func (s *stamps) read(b []byte) (int64, bool) {
	if isDate(b) {
		return s.date(b)
	}
	if !s.unit.known() {
		n, ok := decimal(b, 0)
		if !ok {
			return 0, false
		}
		s.unit = unitBySize(n)
	}
	ns, ok := s.unit.parse(b)
	if ok && s.basis == "" {
		s.basis = basisOf(ns)
	}
	return ns, ok
}

// unitBySize tells the unit of a Unix time by its size; other numbers are
// taken for seconds.
func unitBySize(n int64) unit {
	for _, u := range []struct {
		name string
		per  int64
	}{{"ms", 1e3}, {"us", 1e6}, {"ns", 1e9}} {
		if n >= epochFrom*u.per && n/u.per < epochTo {
			return timeUnits[u.name]
		}
	}
	return timeUnits["s"]
}

// isDate tells a date from a number.
func isDate(b []byte) bool {
	if len(b) < 10 {
		return false
	}
	digit := b[0] >= '0' && b[0] <= '9'
	return digit && (b[4] == '-' || b[4] == '/' || b[2] == '-' || b[2] == '/' || b[8] == ' ' || b[8] == '-') ||
		!digit && b[3] == ' ' && b[7] == ' ' && bytes.IndexByte(b, ':') > 0
}

// date reads YYYY/MM/DD HH:MM:SS.mmm and its relatives.
func (s *stamps) date(b []byte) (int64, bool) {
	if len(b) >= 19 && (b[4] == '/' || b[4] == '-') && (b[10] == ' ' || b[10] == 'T') && b[13] == ':' && b[16] == ':' {
		seconds, end := int64(0), 19
		for end < len(b) && (b[end] == '.' || b[end] >= '0' && b[end] <= '9') {
			end++
		}
		seconds, ok := decimal(b[17:end], 9)
		if !ok || seconds >= 61e9 {
			return 0, false
		}
		zone := bytes.TrimSpace(b[end:])
		if len(zone) != 0 && len(zone) < 5 && string(zone) != "Z" {
			return 0, false
		}
		if len(zone) == 0 && bytes.Equal(b[:16], s.minute[:]) {
			return s.minuteNS + seconds, true
		}
		text := string(b[:16])
		layout := "2006-01-02 15:04"
		raw := []byte(text)
		raw[4], raw[7], raw[10] = '-', '-', ' '
		location := s.zone
		if location == nil {
			location = time.UTC
		}
		basis := BasisWall
		if len(zone) > 0 {
			basis = BasisEpoch
			layout += "Z07:00"
			raw = append(raw, zone...)
			if n := len(raw); raw[n-1] != 'Z' && raw[n-3] != ':' { // +0200
				raw = append(raw[:n-2:n-2], ':', raw[n-2], raw[n-1])
			}
		}
		at, err := time.ParseInLocation(layout, string(raw), location)
		if err != nil || !s.settle(basis) {
			return 0, false
		}
		if len(zone) == 0 {
			copy(s.minute[:], b)
			s.minuteNS = at.UnixNano()
		}
		return at.UnixNano() + seconds, true
	}
	return s.rare(b)
}

// rareLayouts are the other forms of dates that are found in logs.
var rareLayouts = []string{
	"01-02-2006 15:04:05",      // SPEC PTDaemon
	"01/02/2006 15:04:05",      //
	"20060102 15:04:05",        // nvidia-smi dmon -o DT
	"Mon Jan _2 15:04:05 2006", // date(1), nvidia-smi's plain output
	"20060102-150405",          // vLLM's date
}

// rare reads a date in a form that the fast path does not know.
func (s *stamps) rare(b []byte) (int64, bool) {
	location := s.zone
	if location == nil {
		location = time.UTC
	}
	layouts := rareLayouts
	if s.layout != "" {
		layouts = []string{s.layout}
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, string(b), location); err == nil && s.settle(BasisWall) {
			s.layout = layout
			return at.UnixNano(), true
		}
	}
	return 0, false
}

// settle takes the basis of the first time and holds the others to it.
func (s *stamps) settle(b Basis) bool {
	if s.basis == "" {
		s.basis = b
	}
	return s.basis == b
}
