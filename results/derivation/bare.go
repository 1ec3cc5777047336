package derivation

import (
	"errors"
	"io/fs"
	"path/filepath"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Bare is what the meters of a run read before its first server: the bare idle
// power by domain.
type Bare struct {
	// NotMeasured says why there is none, "" where there is.
	NotMeasured string

	window   meter.Window
	domains  []runfolder.DomainInfo
	readings [][]meter.Reading
}

// ReadBare reads what was metered before the run's first server. A run without
// it has a reason.
func ReadBare(dir string, run runfolder.Run) (Bare, error) {
	switch {
	case run.BareIdle == nil:
		return Bare{NotMeasured: "the run did not look"}, nil
	case !run.BareIdle.Measured():
		return Bare{NotMeasured: run.BareIdle.NotMeasured}, nil
	}
	path := filepath.Join(dir, runfolder.BareDir, runfolder.ReadingsFile)
	table, err := runfolder.ReadReadings(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Bare{NotMeasured: path + " is missing"}, nil
	}
	if err != nil {
		return Bare{}, err
	}
	return Bare{window: run.BareIdle.Window, domains: table.Domains, readings: table.ByDomain}, nil
}

// measure completes idle, the idle power of d, with d's bare idle power. A
// domain of the same name on another device is another domain. The update period
// is that of d, which was calibrated under its server.
func (b Bare) measure(d meter.Domain, idle *attribution.Idle) []attribution.Warning {
	var curve *attribution.Curve
	for i, e := range b.domains {
		if e.Name == d.Name && e.Device == d.Device {
			bare := e.Domain
			bare.UpdatePeriod = d.UpdatePeriod
			// What is doubtful in the curve matters only if it gives no energy, and
			// then MeasureBare says so.
			curve, _ = attribution.NewCurve(bare, b.readings[i])
		}
	}
	return idle.MeasureBare(d, curve, b.window)
}
