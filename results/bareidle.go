package results

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"cfubench/attribution"
	"cfubench/meter"
)

// BareIdle is the stretch before a run launched its first server: what the
// hardware draws without one. Its raw readings are in BareDir.
type BareIdle struct {
	// Window is on the clock of the readings beside it, whose origin is
	// OriginUnix; it is empty where there was none.
	Window     attribution.Window `json:"window"`
	OriginUnix int64              `json:"origin_unix_ns,omitempty"`
	// NotMeasured says why there was none.
	NotMeasured string `json:"not_measured,omitempty"`
	// Devices is what was seen of the devices meanwhile, as in a Cell.
	Devices json.RawMessage `json:"devices,omitempty"`
}

// Measured reports whether there was a window.
func (b *BareIdle) Measured() bool { return b != nil && b.Window.Length() > 0 }

// BareCurves are the curves of the bare idle window by domain.
type BareCurves struct {
	// NotMeasured says why there are none, "" where there are.
	NotMeasured string

	window attribution.Window
	curves map[string]*attribution.Curve
}

// ReadBareIdle reads what was metered before the run's first server. A run
// without it has no curves and a reason.
func ReadBareIdle(dir string, run Run) (BareCurves, error) {
	switch {
	case run.BareIdle == nil:
		return BareCurves{NotMeasured: "the run did not look"}, nil
	case !run.BareIdle.Measured():
		return BareCurves{NotMeasured: run.BareIdle.NotMeasured}, nil
	}
	path := filepath.Join(dir, BareDir, ReadingsFile)
	readings, err := ReadReadings(path)
	if errors.Is(err, fs.ErrNotExist) {
		return BareCurves{NotMeasured: path + " is missing"}, nil
	}
	if err != nil {
		return BareCurves{}, err
	}
	b := BareCurves{window: run.BareIdle.Window, curves: map[string]*attribution.Curve{}}
	for i, d := range readings.Domains {
		d.UpdatePeriod = measuredPeriod(d, run.Domains)
		// What is doubtful in the curve matters only if it gives no energy, and
		// then MeasureBare says so.
		b.curves[d.Name], _ = attribution.NewCurve(d, readings.ByDomain[i])
	}
	return b, nil
}

// Measure completes idle, the idle power of d, with d's bare idle power. A
// domain of the same name on another device is another domain.
func (b BareCurves) Measure(d meter.Domain, idle *attribution.Idle) []attribution.Warning {
	c := b.curves[d.Name]
	if c != nil && c.Domain().Device != d.Device {
		c = nil
	}
	return idle.MeasureBare(d, c, b.window)
}
