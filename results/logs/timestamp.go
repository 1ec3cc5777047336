package logs

import (
	"bytes"
	"fmt"
	"strings"
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
	doubt    string // why a date is of no one moment
}

// read returns a time in nanoseconds since the basis' zero.
func (s *stamps) read(b []byte) (int64, bool) {
	if isDate(b) {
		return s.date(b)
	}
	if !s.unit.known() {
		n, ok := unit{}.parseComma(b)
		if !ok {
			return 0, false
		}
		s.unit = unitBySize(n)
	}
	ns, ok := s.unit.parseComma(b)
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

// misnamed says in what unit a time would be a Unix time, where its column's
// name says another in which it is none.
func (s *stamps) misnamed(b []byte) string {
	if s.basis != BasisCounter {
		return ""
	}
	n, ok := unit{}.parseComma(b)
	if !ok {
		return ""
	}
	if u := unitBySize(n); u.name != s.unit.name {
		if ns, ok := u.parseComma(b); ok && basisOf(ns) == BasisEpoch {
			return fmt.Sprintf("%q is no Unix time in %s, as the column says, but one in %s", clip(string(b)), s.unit.name, u.name)
		}
	}
	return ""
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
		for end < len(b) && (b[end] == '.' || b[end] == ',' || b[end] >= '0' && b[end] <= '9') {
			end++
		}
		seconds, ok := decimal(b[17:end], 9)
		if !ok && len(b) > 19 && b[19] == ',' { // Python's logging, and ISO 8601
			whole, good := decimal(b[17:19], 9)
			part, fine := decimal(append([]byte{'.'}, b[20:end]...), 9)
			seconds, ok = whole+part, good && fine
		}
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
			if s.zone != nil && !s.once(at, string(raw)) {
				return 0, false
			}
			copy(s.minute[:], b)
			s.minuteNS = at.UnixNano()
		}
		return at.UnixNano() + seconds, true
	}
	return s.rare(b)
}

// once reports whether a date is of one moment in its zone: not of the hour that
// comes twice when clocks go back, nor of the one that is left out.
func (s *stamps) once(at time.Time, text string) bool {
	const layout = "2006-01-02 15:04"
	switch {
	case at.Format(layout) != text:
		s.doubt = fmt.Sprintf("%s was not on any clock in %v, where clocks were set forward: give the zone of the log with --clock", text, s.zone)
	case at.Add(time.Hour).Format(layout) == text:
		s.doubt = twice(text, at, at.Add(time.Hour))
	case at.Add(-time.Hour).Format(layout) == text:
		s.doubt = twice(text, at.Add(-time.Hour), at)
	default:
		return true
	}
	return false
}

// twice says which two moments a date may be of.
func twice(text string, first, second time.Time) string {
	return fmt.Sprintf("%s was twice in %v, where clocks went back: say which with --clock local:%s or local:%s",
		text, first.Location(), first.Format("-07:00"), second.Format("-07:00"))
}

// rareLayouts are the other forms of dates that are found in logs.
var rareLayouts = []string{
	"01-02-2006 15:04:05",          // SPEC PTDaemon
	"01/02/2006 15:04:05",          //
	"20060102 15:04:05",            // nvidia-smi dmon -o DT
	"Mon Jan _2 15:04:05 MST 2006", // hl-smi and date(1), with a zone's letters, of which only UTC is one zone
	"Mon Jan _2 15:04:05 2006",     // date(1), nvidia-smi's plain output
	"20060102-150405",              // vLLM's date
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
		at, err := time.ParseInLocation(layout, string(b), location)
		basis := BasisWall
		if err == nil && strings.Contains(layout, "MST") {
			if zone, _ := at.Zone(); zone != "UTC" {
				continue
			}
			basis = BasisEpoch
		}
		if err == nil && s.settle(basis) {
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
