package logs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cfubench/meter"
)

// row hands on the samples of the present record.
func (x *powerTable) row() error {
	fields := x.t.fields
	if x.t.cut {
		// The writer was killed or is still writing: the last number may be half.
		x.p.Cut = true
		return nil
	}
	if x.columns >= 0 && x.t.header() {
		return x.again()
	}
	if n := len(fields); x.columns > 0 && n > x.columns && len(bytes.Join(fields[x.columns:], nil)) > 0 {
		if x.glued() {
			return nil
		}
		return &lineError{x.t.line, fmt.Errorf("the row has %d fields and the first line %d: a decimal comma, or another in a value, parts one of them; quote the values or part the fields with semicolons", n, x.columns)}
	}
	if len(fields) <= x.time {
		return nil
	}
	at, ok := x.stamps.read(fields[x.time])
	if !ok {
		switch {
		case x.stamps.doubt != "":
			return &lineError{x.t.line, errors.New(x.stamps.doubt)}
		case x.glued():
			return nil
		}
		as := "as the lines before have it"
		if x.p.Basis == "" {
			as = "that can be told: want a Unix time, or a date with the year first and 24 hours, such as 2026-11-28 17:03:20.5"
		}
		return &lineError{x.t.line, fmt.Errorf("%q is not a time %s", clip(string(fields[x.time])), as)}
	}
	if x.p.Basis == "" {
		x.p.Basis = x.stamps.basis
		if doubt := x.stamps.misnamed(fields[x.time]); doubt != "" {
			return &lineError{x.t.line, fmt.Errorf("%s; map it with --column time=NAME:UNIT", doubt)}
		}
		if err := x.o.Clock.check(x.p.Basis); err != nil {
			return &lineError{x.t.line, err}
		}
	}
	at = x.o.Clock.place(x.stamps.basis, at)
	if x.field >= 0 && (len(fields) <= x.field || !isPowerField(fields[x.field])) {
		return nil
	}
	device := -1
	if x.gpu >= 0 {
		if len(fields) <= x.gpu || len(fields[x.gpu]) == 0 {
			return nil // a tick's row without a card
		}
		var err error
		if device, err = x.identify(fields); err != nil {
			return &lineError{x.t.line, err}
		}
	}
	s := Sample{Device: device, UnixNS: at}
	for _, v := range x.values {
		if v.device >= 0 {
			w := Sample{Device: v.device, UnixNS: at}
			if err := x.value(&w, v, fields); err != nil {
				return err
			}
			if err := x.emit(w); err != nil {
				return err
			}
			continue
		}
		if err := x.value(&s, v, fields); err != nil {
			return err
		}
	}
	if x.values[0].device >= 0 {
		return nil
	}
	if device < 0 {
		if x.blind == nil {
			x.blind = &blind{x: x}
		}
		return x.blind.take(s)
	}
	return x.emit(s)
}

// again takes a record of names within the table: the header once more, as
// amd-smi writes it and a logger that was started again, perhaps with other
// columns; or a message of the tool, which is no row.
func (x *powerTable) again() error {
	names := make([]string, len(x.t.fields))
	same := len(names) == len(x.names)
	for i, f := range x.t.fields {
		names[i] = string(f)
		same = same && names[i] == x.names[i]
	}
	switch {
	case same:
		return nil
	case slices.Contains(names, x.names[x.time]):
		return x.roles(names, true)
	}
	x.p.warn("line %d is no row and was passed over: %q", x.t.line, clip(string(x.t.raw)))
	return nil
}

// secondTime finds a date where none begins a field.
var secondTime = regexp.MustCompile(`[^ ,;\t"]\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:`)

// glued reports whether the present record is a line that a kill cut and the
// first line of the logger that was started again after it.
func (x *powerTable) glued() bool {
	name := []byte(x.names[x.time])
	i := bytes.Index(x.t.raw, name)
	header := i > 0 && x.t.raw[i-1] != x.t.comma && allLetters(name)
	if !header && !secondTime.Match(x.t.raw) {
		return false
	}
	x.p.warn("line %d is one that was cut and the next one: left out", x.t.line)
	return true
}

// emit hands a sample on with its line for errors.
func (x *powerTable) emit(s Sample) error {
	if err := x.sink(s); err != nil {
		return &lineError{x.t.line, err}
	}
	return nil
}

// value reads one value of a row into a sample. What the tool writes for a
// failed query is no value; text that is neither is an error.
func (x *powerTable) value(s *Sample, v valueColumn, fields [][]byte) error {
	if v.index >= len(fields) {
		if x.glued() {
			return nil
		}
		return &lineError{x.t.line, fmt.Errorf("the row has %d fields, and the value is the %d. of them", len(fields), v.index+1)}
	}
	text, own := stripUnit(fields[v.index])
	u := v.unit
	if own.known() && v.role != "energy" {
		u = own
	}
	if !u.known() {
		return &lineError{x.t.line, fmt.Errorf("the unit of column %d is not known: say it with --column %s=NAME:%s", v.index+1, v.role, map[string]string{"power": "W", "energy": "J"}[v.role])}
	}
	n, ok := u.parse(text)
	switch {
	case ok:
	case x.t.comma == ',':
		n, ok = u.parseComma(text)
	default:
		n, ok = u.parseDecimalComma(text)
	}
	if !ok {
		if noValue(text) || x.glued() {
			return nil
		}
		return &lineError{x.t.line, fmt.Errorf("%q is not a number of %s", clip(string(text)), u.name)}
	}
	switch {
	case v.role == "energy":
		s.Energy, s.HasEnergy = meter.Energy(n), n >= 0
	case n > 0:
		s.Power, s.HasPower = meter.Power(n), true
	default:
		// A device that is on draws something: 0 W and −1 are failed queries.
		x.p.warn("readings of 0 W or less are taken for failed queries")
	}
	return nil
}

// noValue reports what tools write for a query that failed.
func noValue(b []byte) bool {
	if len(b) == 0 || b[0] == '[' {
		return true
	}
	switch strings.ToLower(string(b)) {
	case "n/a", "na", "nan", "none", "null", "-", "unknown", "unknown error", "not supported", "err!":
		return true
	}
	return false
}

// identify returns the device of a row.
func (x *powerTable) identify(fields [][]byte) (int, error) {
	id := fields[x.gpu]
	var host []byte
	if x.host >= 0 && x.host < len(fields) {
		host = fields[x.host]
	}
	if x.lastID != nil && bytes.Equal(id, x.lastID) && bytes.Equal(host, x.lastHost) {
		return x.last, nil
	}
	x.key = append(append(append(x.key[:0], host...), 0), id...)
	i, known := x.ids[string(x.key)]
	if !known {
		d := x.defaults
		d.ID, d.Host = string(id), string(host)
		d.Name = deviceName(d.Scope, d.ID, d.Host)
		if x.number >= 0 && x.number < len(fields) {
			d.Name = deviceName(d.Scope, string(fields[x.number]), d.Host)
		}
		if x.name >= 0 && x.name < len(fields) {
			d.Product = string(fields[x.name])
		}
		if x.driver >= 0 && x.driver < len(fields) {
			d.Driver = string(fields[x.driver])
		}
		var err error
		if i, err = x.p.device(d); err != nil {
			return 0, err
		}
		x.ids[string(x.key)] = i
	}
	x.lastID, x.lastHost, x.last = append(x.lastID[:0], id...), append(x.lastHost[:0], host...), i
	return i, nil
}

// deviceName is a domain's name for what a file calls a device: "gpu0" for the
// index 0, the UUID otherwise.
func deviceName(scope meter.Scope, id, host string) string {
	name := id
	for _, prefix := range []string{"card", "GPU", "gpu"} {
		if n := strings.TrimPrefix(id, prefix); n != id && allDigits([]byte(n)) {
			name = n
		}
	}
	if name != "" && allDigits([]byte(name)) && scope == meter.ScopeGPU {
		name = "gpu" + name
	}
	if host != "" {
		name = host + "/" + name
	}
	return name
}
