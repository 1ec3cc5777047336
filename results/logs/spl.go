package logs

import (
	"bytes"
	"fmt"
	"io"

	"cfubench/meter"
)

// detectSPL knows the log of SPEC PTDaemon as MLPerf Power has it
// (github.com/mlcommons/power-dev): Time,DATE,Watts,VALUE,…
func detectSPL(head []byte) bool {
	return bytes.HasPrefix(head, []byte("Time,")) && bytes.Contains(head[:min(len(head), 80)], []byte(",Watts,"))
}

// readSPL reads spl.txt: the sum of the analyser's channels, at the wall. −1 is
// what was not measured. The dates are those of the meter's host.
func readSPL(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	t := newRecords(r)
	stamps := stamps{zone: o.Clock.zone, basis: BasisWall}
	p.Basis = BasisWall
	if err := o.Clock.check(BasisWall); err != nil {
		return err
	}
	if _, err := p.device(Device{Name: "wall", ID: "Watts", Scope: meter.ScopeNode, Kind: meter.KindPower, Gauge: "Watts"}); err != nil {
		return err
	}
	for {
		err := t.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if t.cut && len(t.fields) < 4 {
			p.Cut = true
			return nil
		}
		if len(t.fields) < 4 || string(t.fields[0]) != "Time" || string(t.fields[2]) != "Watts" {
			return &lineError{t.line, fmt.Errorf("want Time,DATE,Watts,VALUE,…, found %q", clip(string(t.raw)))}
		}
		at, ok := stamps.read(t.fields[1])
		if !ok {
			return &lineError{t.line, fmt.Errorf("%q is not a date like 07-17-2024 20:49:56.945", clip(string(t.fields[1])))}
		}
		w, ok := powerUnits["W"].parse(t.fields[3])
		if !ok {
			return &lineError{t.line, fmt.Errorf("%q is not a number of watts", clip(string(t.fields[3])))}
		}
		s := Sample{UnixNS: o.Clock.place(BasisWall, at)}
		if s.Power, s.HasPower = meter.Power(w), w > 0; !s.HasPower {
			p.warn("readings of −1 or 0 W are what the analyser did not measure")
		}
		if err := sink(s); err != nil {
			return &lineError{t.line, err}
		}
	}
}
