package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// detectDmon knows the text of `nvidia-smi dmon -s p -o DT`: a line of names
// that begins with #.
func detectDmon(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	names := dmonFields(bytes.TrimLeft(line, "# "))
	return len(line) > 0 && line[0] == '#' && slices.ContainsFunc(names, func(n []byte) bool { return string(n) == "pwr" })
}

// dmonFields parts a line at its spaces, and at its commas as --format csv
// writes it.
func dmonFields(line []byte) [][]byte {
	return bytes.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' })
}

// readDmon reads dmon's columns, which are repeated every so many rows. Times
// are local dates, and only with -o DT.
func readDmon(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	t := newRecords(r)
	t.comma = 0 // no field holds one
	x := &powerTable{t: t, p: p, o: o, sink: sink, names: []string{"Date", "gpu", "pwr"}, ids: map[string]int{}, defaults: defaultsOf("dmon"), time: 0, gpu: 1, host: -1, name: -1, number: -1, driver: -1, field: -1}
	x.defaults.Gauge = "pwr"
	x.stamps.zone = o.Clock.zone
	x.values = []valueColumn{{index: 2, role: "power", unit: powerUnits["W"], device: -1}}
	date, clock, gpu, power := -1, -1, -1, -1
	for {
		err := t.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		line := bytes.TrimSpace(t.raw)
		if line[0] == '#' {
			names := dmonFields(line[1:])
			index := func(name string) int {
				return slices.IndexFunc(names, func(n []byte) bool { return string(n) == name })
			}
			if index("pwr") >= 0 {
				date, clock, gpu, power = index("Date"), index("Time"), index("gpu"), index("pwr")
			}
			continue
		}
		if t.cut {
			p.Cut = true
			return nil
		}
		if date < 0 || clock < 0 {
			return &lineError{t.line, errors.New("dmon's rows have no date and time: log with nvidia-smi dmon -s p -o DT")}
		}
		f := dmonFields(line)
		if gpu < 0 || max(date, clock, gpu, power) >= len(f) {
			return &lineError{t.line, fmt.Errorf("the row has %d fields and the header more", len(f))}
		}
		when := append(append(append([]byte(nil), f[date]...), ' '), f[clock]...)
		t.fields = append(t.fields[:0], when, f[gpu], f[power])
		if err := x.row(); err != nil {
			return err
		}
	}
}
