package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"cfubench/meter"
)

// detectCodeCarbon knows CodeCarbon's emissions.csv (codecarbon.io): a row a
// tracked run.
func detectCodeCarbon(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	return bytes.Contains(line, []byte("emissions_rate")) && bytes.Contains(line, []byte("energy_consumed")) && bytes.Contains(line, []byte("tracking_mode"))
}

// readCodeCarbon reads what each row states: the run ended at its timestamp,
// local time, and lasted its duration. Energies are in kWh. The GPU's is
// measured; the CPU's is measured with RAPL or estimated from a table, and the
// file does not say which; the RAM's is always estimated (10 W, or watts a
// DIMM): both come in as models. The share of a machine, "tracking_mode", is
// kept in the label.
func readCodeCarbon(f file, q *Requests, o Options, _ func(Request) error) error {
	q.Grade, q.Basis = GradeWindow, BasisWall
	q.warn("CodeCarbon states the energy of whole runs and no requests: with the number of requests it gives averages; the CPU's and the RAM's parts are models")
	t := newRecords(f)
	if err := t.read(); err != nil {
		return err
	}
	index := map[string]int{}
	for i, name := range t.fields {
		index[string(name)] = i
	}
	for _, name := range []string{"timestamp", "duration", "cpu_energy", "gpu_energy", "ram_energy", "energy_consumed"} {
		if _, ok := index[name]; !ok {
			return fmt.Errorf("no column %q: it is another version of emissions.csv than is known", name)
		}
	}
	if err := o.Clock.check(BasisWall); err != nil {
		return err
	}
	columns := len(t.fields)
	end := stamps{zone: o.Clock.zone}
	for {
		err := t.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(t.fields) != columns {
			if t.cut {
				q.Cut = true
				return nil
			}
			return &lineError{t.line, fmt.Errorf("the row has %d fields and the header %d", len(t.fields), columns)}
		}
		field := func(name string) []byte {
			if i, ok := index[name]; ok {
				return t.fields[i]
			}
			return nil
		}
		at, ok := end.read(field("timestamp"))
		length, ok2 := timeUnits["s"].parse(field("duration"))
		if !ok || !ok2 || length <= 0 {
			return &lineError{t.line, errors.New("no timestamp or no duration")}
		}
		at = o.Clock.place(end.basis, at)
		s := Stated{Label: string(field("run_id")), Window: Window{at - length, at}, Seconds: float64(length) / 1e9, GPU: string(field("gpu_model"))}
		for _, part := range []struct {
			column, name string
			scope        meter.Scope
			kind         meter.Kind
		}{
			{"gpu_energy", "gpu", meter.ScopeGPU, meter.KindCounter},
			{"cpu_energy", "cpu", meter.ScopePackage, meter.KindModel},
			{"ram_energy", "ram", meter.ScopeDRAM, meter.KindModel},
		} {
			e, ok := energyUnits["kWh"].parse(field(part.column))
			if !ok || e < 0 {
				return &lineError{t.line, fmt.Errorf("%s: %q is no energy in kWh", part.column, clip(string(field(part.column))))}
			}
			s.Energy = append(s.Energy, StatedEnergy{part.name, part.scope, part.kind, meter.Energy(e)})
		}
		q.Stated = append(q.Stated, s)
		if len(q.Stated) > 1<<20 {
			return errors.New("over a million runs")
		}
	}
}
