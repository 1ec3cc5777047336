package logs

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"cfubench/meter"
)

// detectZeus knows the raw results of ML.ENERGY's benchmark
// (github.com/ml-energy/benchmark), measured with Zeus: a timeline of powers.
func detectZeus(head []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(head), []byte{'{'}) && bytes.Contains(head, []byte(`"timeline"`)) &&
		(bytes.Contains(head, []byte(`"device_instant"`)) || bytes.Contains(head, []byte(`"device_average"`)))
}

// readZeus reads timeline.power: of each gauge, for each GPU, pairs of Unix
// seconds and watts. The gauge of the average is taken where both are there.
func readZeus(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	p.Basis = BasisEpoch
	chosen := ""
	return newWalk(r).run(func(path []string) step {
		switch {
		case len(path) == 5 && is(path, "timeline", "power", "*", "*", "*"):
			return take
		case toward(path, "timeline", "power", "*", "*", "*"):
			return into
		}
		return skip
	}, func(path []string, v jsontext.Value) error {
		gauge, gpu := path[2], path[3]
		if gauge != "device_average" && gauge != "device_instant" {
			return nil // the memory's
		}
		if chosen == "" {
			chosen = gauge
		}
		if gauge != chosen {
			p.warn("the file has the gauges device_average and device_instant: %s was taken", chosen)
			return nil
		}
		s, err := zeusPair(v)
		if err != nil {
			return err
		}
		if s.Device, err = p.device(Device{ID: gpu, Name: deviceName(meter.ScopeGPU, gpu, ""), Scope: meter.ScopeGPU, Kind: meter.KindPower, Gauge: gauge}); err != nil {
			return err
		}
		s.UnixNS = o.Clock.place(BasisEpoch, s.UnixNS)
		return sink(s)
	})
}

// zeusPair reads [1712345678.25, 512.3].
func zeusPair(v jsontext.Value) (Sample, error) {
	at, w, ok := bytes.Cut(bytes.Trim(v, "[] \n\t"), []byte{','})
	if ok {
		ns, timed := timeUnits["s"].parse(bytes.TrimSpace(at))
		w = bytes.Trim(w, "\" \n\t")
		uw, measured := powerUnits["W"].parse(w)
		measured = measured || len(w) == 0 // NaN
		if timed && measured && basisOf(ns) == BasisEpoch {
			return Sample{UnixNS: ns, Power: meter.Power(uw), HasPower: uw > 0}, nil
		}
	}
	return Sample{}, fmt.Errorf("timeline.power: %q is no pair of Unix seconds and watts", clip(string(v)))
}
