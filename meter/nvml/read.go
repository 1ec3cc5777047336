//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"cfubench/meter"
)

// powerEarly is how much before its due time a gauge may be read: reads fall on
// the sampler's grid, and waiting for the next one would halve the rate.
const powerEarly = 10 * time.Millisecond

// Read implements meter.Source. The counters are read every time, the gauges
// every 100 ms with them in the same call; a domain that has only a gauge has a
// reading only then.
func (d *Device) Read(dst []meter.Reading) []meter.Reading {
	d.lib.enter()
	defer d.lib.leave()
	if d.lost {
		now := d.clock()
		for i := range d.domains {
			dst = append(dst, meter.Reading{Domain: i, Before: now, After: now, Status: meter.StatusLost})
		}
		return dst
	}
	gauges := d.clock() >= d.powerDue
	fields := d.batch[:d.counters]
	if gauges {
		fields = d.batch
	}
	before, after := d.clock(), time.Duration(0)
	ret := nvml.SUCCESS
	if len(fields) > 0 {
		ret = d.handle.GetFieldValues(fields)
	}
	after = d.clock()
	if gauges {
		d.powerDue = before + powerPeriod - powerEarly
	}

	first := len(dst)
	for i := range d.domains {
		r := meter.Reading{Domain: i, Before: before, After: after, Status: meter.StatusOK}
		if at := d.energyAt[i]; at >= 0 {
			d.setEnergy(&r, answer(ret, fields[at]), fields[at])
		} else if d.energyCall && d.domains[i].Kind == meter.KindCounter {
			d.callEnergy(&r)
		} else if !gauges {
			continue
		}
		if at := d.powerAt[i]; gauges && at >= 0 {
			d.setPower(&r, answer(ret, fields[at]), fields[at])
		} else if gauges && d.powerCall && d.domains[i].Scope == meter.ScopeGPU {
			d.callPower(&r)
		}
		if d.domains[i].Kind == meter.KindCounter && !r.HasEnergy {
			r.Power, r.HasPower = 0, false // a gauge does not stand in for a counter
		}
		if !r.HasEnergy && !r.HasPower {
			r.Status = meter.StatusTransient
		}
		dst = append(dst, r)
	}
	if d.lost {
		for i := first; i < len(dst); i++ {
			dst[i] = meter.Reading{Domain: dst[i].Domain, Before: before, After: after, Status: meter.StatusLost}
		}
	}
	return dst
}

// answer is the verdict on one field: the call's, or else the field's own.
func answer(call nvml.Return, v nvml.FieldValue) nvml.Return {
	if call != nvml.SUCCESS {
		return call
	}
	return nvml.Return(v.NvmlReturn)
}

func (d *Device) setEnergy(r *meter.Reading, ret nvml.Return, v nvml.FieldValue) {
	d.note(ret)
	if ret != nvml.SUCCESS {
		return
	}
	if n, ok := number(v); ok {
		r.Energy, r.HasEnergy = energy(n)
	}
}

// setPower takes a gauge's value. Zero watts is what drivers answer when asked
// too soon: a missing sample, not a measurement.
func (d *Device) setPower(r *meter.Reading, ret nvml.Return, v nvml.FieldValue) {
	d.note(ret)
	if ret != nvml.SUCCESS {
		return
	}
	if n, ok := number(v); ok && n > 0 {
		r.Power, r.HasPower = power(n)
	}
}

// callEnergy reads the counter by its own call, between times of its own.
func (d *Device) callEnergy(r *meter.Reading) {
	r.Before = d.clock()
	n, ret := d.handle.GetTotalEnergyConsumption()
	r.After = d.clock()
	d.note(ret)
	if ret == nvml.SUCCESS {
		r.Energy, r.HasEnergy = energy(n)
	}
}

func (d *Device) callPower(r *meter.Reading) {
	before := d.clock()
	n, ret := d.handle.GetPowerUsage()
	after := d.clock()
	if !r.HasEnergy {
		r.Before, r.After = before, after
	}
	d.note(ret)
	if ret == nvml.SUCCESS && n > 0 {
		r.Power, r.HasPower = power(uint64(n))
	}
}

// MeanPower is what a domain's 1 s average shows, for a calibration that holds the
// instantaneous gauge against the counter.
func (d *Device) MeanPower(domain int) (meter.Power, bool) {
	d.lib.enter()
	defer d.lib.leave()
	r := d.averages[domain]
	if r == (register{}) || d.lost {
		return 0, false
	}
	values := []nvml.FieldValue{{FieldId: r.field, ScopeId: r.scope}}
	if answer(d.handle.GetFieldValues(values), values[0]) != nvml.SUCCESS {
		return 0, false
	}
	n, ok := number(values[0])
	if !ok || n == 0 {
		return 0, false
	}
	return power(n)
}

func (d *Device) note(ret nvml.Return) { d.lost = d.lost || fatal(ret) }

// Close implements meter.Source. The last device closed unloads the library.
func (d *Device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	return d.lib.release()
}
