package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cfubench/meter"
)

// header reports whether the present record names columns: no field of it is a
// number or a date.
func (t *records) header() bool {
	names := false
	for _, f := range t.fields {
		if isDate(f) {
			return false
		}
		if _, ok := decimal(f, 0); ok || figures(f) {
			return false
		}
		if v, _ := stripUnit(f); len(v) < len(f) {
			return false
		}
		names = names || len(f) > 0
	}
	return names
}

// figures reports whether b is of digits and what parts them alone: a number with
// a decimal comma or thousands, a time of day.
func figures(b []byte) bool {
	return len(b) > 0 && '0' <= b[len(b)-1] && b[len(b)-1] <= '9' && len(bytes.Trim(b, "0123456789.,:+- '")) == 0
}

// stripUnit takes a unit of power off a value: "56.20 W".
func stripUnit(b []byte) (value []byte, u unit) {
	n := len(b)
	if n < 2 || b[n-1] != 'W' || b[0] > '9' {
		return b, unit{}
	}
	if b[n-2] == 'm' {
		return trim(b[:n-2]), powerUnits["mW"]
	}
	return trim(b[:n-1]), powerUnits["W"]
}

// valueColumn is a column of powers or energies.
type valueColumn struct {
	index  int
	role   string // "power" or "energy"
	unit   unit
	device int // of a wide table, else −1
}

// powerTable is a power log in the form of a table.
type powerTable struct {
	t        *records
	p        *Power
	o        Options
	sink     func(Sample) error
	time     int
	gpu      int // −1 for none
	host     int
	name     int // product
	driver   int
	number   int // index of a GPU that has a better identity too
	field    int // of a table with the name of the quantity in one column and its value in another
	values   []valueColumn
	stamps   stamps
	columns  int
	names    []string // of the columns
	known    bool     // the columns are a format's or told by their names
	lastID   []byte
	lastHost []byte
	last     int // device of lastID
	ids      map[string]int
	key      []byte // into ids
	blind    *blind // of logs without the GPU's identity
	defaults Device
}

// readTable reads a CSV table: of a known format by its header, of others by
// the columns that the user names.
func readTable(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	x := &powerTable{t: newTable(r), p: p, o: o, sink: sink, ids: map[string]int{}}
	x.stamps.zone = o.Clock.zone
	if err := x.t.read(); err != nil {
		if err == io.EOF {
			return errors.New("file is empty")
		}
		return err
	}
	for err := x.begin(); err != io.EOF; err = x.t.read() {
		if err != nil {
			return err
		}
		if err := x.row(); err != nil {
			return err
		}
	}
	if x.blind != nil {
		return x.blind.close()
	}
	return nil
}

// begin settles what the columns are, by the present record if it names them,
// and leaves the first row as the present record.
func (x *powerTable) begin() error {
	named, line := x.t.header(), x.t.line
	names := make([]string, len(x.t.fields))
	for i, f := range x.t.fields {
		if names[i] = string(f); !named {
			names[i] = strconv.Itoa(i + 1)
		}
	}
	var end error
	if named {
		// The first row says which of several gauges has a value.
		if end = x.t.read(); end != nil && end != io.EOF {
			return end
		}
		if end == io.EOF {
			x.t.fields = nil
		}
	}
	if err := x.roles(names, named); err != nil {
		return &lineError{line, err}
	}
	return end
}

// roles settles which column is what.
func (x *powerTable) roles(names []string, named bool) error {
	x.names, x.columns, x.values = names, len(names), nil
	x.p.columns = append(x.p.columns, names...)
	x.gpu, x.host, x.name, x.number, x.field, x.driver = -1, -1, -1, -1, -1, -1
	x.lastID, x.ids = nil, map[string]int{}
	find := func(c Column) (int, error) {
		if i := slices.Index(names, c.Name); i >= 0 {
			return i, nil
		}
		if n, err := strconv.Atoi(c.Name); err == nil && n >= 1 && n <= len(names) {
			return n - 1, nil
		}
		return 0, fmt.Errorf("no column %q: the file has %s", clip(c.Name), clip(strings.Join(names, ", ")))
	}
	given := x.o.Columns
	if x.o.Several {
		given = given.among(names)
	}
	c := given
	if x.known = len(c["power"])+len(c["wall"])+len(c["energy"]) == 0; x.known {
		var err error
		if c, err = knownColumns(x.p.Format, names, named, x.t.fields); err != nil {
			return err
		}
		if x.p.Format == "csv" || x.p.Format == "json" {
			if left := c.passedOver(names); len(left) > 0 {
				x.p.warn("of the powers, those named %s were not read: name all that count with --column power=NAME,NAME", clip(strings.Join(left, ", ")))
			}
		}
		for _, role := range []string{"gpu", "time"} {
			if len(given[role]) > 0 {
				c[role] = given[role]
			}
		}
	}
	if len(c["time"]) != 1 {
		return errors.New("no time: say which column has it with --column time=NAME; without times a log cannot be placed")
	}
	var err error
	if x.time, err = find(c["time"][0]); err != nil {
		return err
	}
	x.stamps.unit = timeUnits[c["time"][0].Unit]
	if !x.stamps.unit.known() {
		x.stamps.unit = unitInName("time", names[x.time])
	}
	for role, at := range map[string]*int{"gpu": &x.gpu, "host": &x.host, "product": &x.name, "driver": &x.driver, "field": &x.field, "index": &x.number} {
		if len(c[role]) > 0 {
			if *at, err = find(c[role][0]); err != nil {
				return err
			}
		}
	}
	x.defaults = defaultsOf(x.p.Format)
	x.defaults.Gauge = ""
	if len(c["power"])+len(c["wall"]) == 0 {
		x.defaults.Kind = meter.KindCounter
	}
	for _, role := range []string{"power", "wall", "energy"} {
		wide := len(c[role]) > 1 || len(c["wall"]) > 0
		for _, col := range c[role] {
			i, err := find(col)
			if err != nil {
				return err
			}
			u, _ := unitOf(role, col.Unit)
			if !u.known() {
				u = unitInName(role, names[i])
			}
			v := valueColumn{index: i, role: role, unit: u, device: -1}
			if wide {
				d := x.defaults
				d.Name, d.ID, d.Gauge = names[i], names[i], names[i]
				if d.Kind = meter.KindPower; role == "energy" {
					d.Kind = meter.KindCounter
				}
				if role == "wall" {
					d.Scope = meter.ScopeNode
				}
				if v.device, err = x.p.device(d); err != nil {
					return err
				}
			}
			x.values = append(x.values, v)
			if x.defaults.Gauge == "" {
				x.defaults.Gauge = names[i]
			}
		}
	}
	if len(x.values) == 0 {
		return errors.New("no power and no energy: say which column has it with --column power=NAME:W")
	}
	return nil
}

func allLetters(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return len(b) > 0
}

// isPowerField tells DCGM's fields of the power ("power_usage",
// "power_usage_instant") from others that have the word in their names, such as
// throttle_reason_sw_power_cap.
func isPowerField(name []byte) bool {
	return string(name) == "power_usage" || string(name) == "power_usage_instant"
}
