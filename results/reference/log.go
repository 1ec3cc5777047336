package reference

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/results/logs"
)

// splitLog separates the file from the name of one of its meters: FILE#NAME.
func splitLog(spec string) (path, name string) {
	if i := strings.LastIndexByte(spec, '#'); i > 0 {
		return spec[:i], spec[i+1:]
	}
	return spec, ""
}

// readLog reads one meter of a power log (results/logs) on a clock whose zero is
// the Unix time origin in ns. A reading of a log stands at its time: when within
// a step the figure changed is not told.
func readLog(spec string, clock logs.Clock, origin int64) ([]meter.Reading, meter.Domain, error) {
	path, name := splitLog(spec)
	var readings [][]meter.Reading
	p, err := logs.ReadPower(path, "", logs.Options{Clock: clock}, func(s logs.Sample) error {
		for len(readings) <= s.Device {
			readings = append(readings, nil)
		}
		at := time.Duration(s.UnixNS - origin)
		r := meter.Reading{Before: at, After: at, Energy: s.Energy, HasEnergy: s.HasEnergy, Power: s.Power, HasPower: s.HasPower, Status: meter.StatusOK}
		if !s.HasEnergy && !s.HasPower {
			r.Status = meter.StatusTransient
		}
		readings[s.Device] = append(readings[s.Device], r)
		return nil
	})
	if err != nil {
		return nil, meter.Domain{}, fmt.Errorf("reference: %w", err)
	}
	domains := make([]meter.Domain, len(p.Devices))
	for i, d := range p.Devices {
		domains[i] = meter.Domain{Name: d.Name, Device: strings.TrimSpace(path + " " + d.ID), Source: p.Format, Kind: d.Kind, Scope: d.Scope, Coarse: true}
	}
	i := 0
	if name != "" {
		if i = slices.IndexFunc(domains, func(d meter.Domain) bool { return d.Name == name }); i < 0 {
			return nil, meter.Domain{}, fmt.Errorf("reference %s: the log has no meter %q", path, name)
		}
	} else if _, err := oneOf(domains, path); err != nil {
		return nil, meter.Domain{}, err
	}
	if i >= len(readings) {
		return nil, domains[i], nil
	}
	return readings[i], domains[i], nil
}
