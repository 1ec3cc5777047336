//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"cfubench/meter"
	registers "cfubench/meter/gauge"
)

// Device is one GPU as a meter.Source. State and Samples may be called while
// another goroutine reads.
type Device struct {
	clock   meter.Clock
	lib     *shared
	handle  nvml.Device
	name    string // identity, as in Domain.Device
	product string // "" if the driver does not tell
	domains []meter.Domain
	// averages are the gauges that look all the time, by domain; the zero
	// register where the domain's own does or there is none.
	averages []register
	// registers and gauges say, by domain, where its energy and its power are
	// found in batch; −1 where they are not.
	energyAt, powerAt []int
	// batch is one GetFieldValues call: the counters first, then the gauges.
	// counters is their number; without gauges due only they are asked for.
	batch    []nvml.FieldValue
	counters int
	// wholeCall is set where the counter or the gauge is a call of its own.
	energyCall, powerCall bool

	powerDue time.Duration
	lost     bool
	closed   bool
	sampling sync.Mutex // an agent's clients may watch at the same time
	seen     uint64     // stamp of the last buffered sample handed out
}

var _ meter.Source = (*Device)(nil)

// newDevice probes one GPU and lays out its domains; nil where it has neither
// counter nor gauge.
func newDevice(clock meter.Clock, lib *shared, handle nvml.Device, address string, n int) (*Device, []meter.Refusal) {
	d := &Device{clock: clock, lib: lib, handle: handle}
	label := "gpu" + strconv.Itoa(n)
	uuid, ret := handle.GetUUID()
	if ret != nvml.SUCCESS {
		uuid = ""
	}
	d.name = strings.TrimSpace(strings.Join(append([]string{uuid, address}, instances(handle)...), " "))
	if d.name == "" {
		d.name = label
	}
	if d.product, ret = handle.GetName(); ret != nvml.SUCCESS {
		d.product = ""
	}

	have, why := probe(handle, energyRegister(),
		instantPower(nvml.POWER_SCOPE_GPU), averagePower(nvml.POWER_SCOPE_GPU),
		instantPower(nvml.POWER_SCOPE_MODULE), averagePower(nvml.POWER_SCOPE_MODULE),
		averagePower(nvml.POWER_SCOPE_MEMORY))
	if !have[energyRegister()] {
		_, ret := handle.GetTotalEnergyConsumption()
		d.energyCall = ret == nvml.SUCCESS
		if !d.energyCall && why[energyRegister()] == nvml.ERROR_FUNCTION_NOT_FOUND {
			why[energyRegister()] = ret
		}
	}
	d.layOut(label, have)
	var left []meter.Refusal
	if !have[energyRegister()] && !d.energyCall {
		left = append(left, meter.Refusal{
			Source: source, Domain: label,
			Reason: fmt.Sprintf("no energy counter (%v)", why[energyRegister()]),
			Remedy: "counters need a Volta or newer GPU, not a vGPU, and a driver of 2018 or newer; power is integrated instead where there is a gauge",
		})
	}
	if len(d.domains) == 0 {
		return nil, left
	}
	if mig, _, ret := handle.GetMigMode(); ret == nvml.SUCCESS && mig == nvml.DEVICE_MIG_ENABLE {
		left = append(left, meter.Refusal{
			Source: source, Domain: label + "-mig",
			Reason: "MIG instances have no energy counter of their own: each would show the whole GPU's",
			Remedy: label + " is the whole GPU, right if all of its instances serve this run; else switch MIG off: nvidia-smi -mig 0",
		})
	}
	return d, left
}

// layOut makes the domains from the registers that answer.
func (d *Device) layOut(label string, have map[register]bool) {
	module := instantPower(nvml.POWER_SCOPE_MODULE)
	if !have[module] {
		module = averagePower(nvml.POWER_SCOPE_MODULE)
	}
	gpu := instantPower(nvml.POWER_SCOPE_GPU)
	if !have[gpu] {
		gpu = averagePower(nvml.POWER_SCOPE_GPU)
	}
	if !have[gpu] && !have[module] {
		// GetPowerUsage has no scope: it is for drivers without fields.
		_, ret := d.handle.GetPowerUsage()
		d.powerCall = ret == nvml.SUCCESS
	}
	superchip := have[module]
	counter := have[energyRegister()] || d.energyCall

	parent := ""
	if superchip {
		parent = "module" + strings.TrimPrefix(label, "gpu")
		dom := d.domain(parent, meter.ScopeModule, counter)
		if counter {
			dom.Note = note("the counter of a superchip covers the whole module", dom.Note)
		}
		d.add(dom, counter, module, have)
	}
	if !superchip && counter {
		d.add(d.domain(label, meter.ScopeGPU, true), true, gpu, have)
	} else if have[gpu] || d.powerCall {
		dom := d.domain(label, meter.ScopeGPU, false)
		dom.Parent = parent
		if !have[instantPower(nvml.POWER_SCOPE_GPU)] {
			dom.Note = note("the gauge is an average over 1 s on Ampere and newer (not GA100)", dom.Note)
		}
		d.add(dom, false, gpu, have)
	}
	if hbm := averagePower(nvml.POWER_SCOPE_MEMORY); have[hbm] {
		dom := d.domain(label+"-hbm", meter.ScopeHBM, false)
		dom.Parent, dom.Limit, dom.Note = label, 0, hbm.what
		if superchip && !have[gpu] && !d.powerCall {
			dom.Parent = parent
		}
		d.add(dom, false, hbm, have)
	}
	d.sort()
}

// domain fills in what all of a GPU's domains share.
func (d *Device) domain(name string, scope meter.Scope, counter bool) meter.Domain {
	dom := meter.Domain{
		Name: name, Device: d.name, Product: d.product, Driver: d.lib.driver,
		Source: source, Kind: meter.KindPower, Scope: scope, UpdatePeriod: powerPeriod,
	}
	if counter {
		dom.Kind, dom.Quantum = meter.KindCounter, meter.Millijoule
	}
	if scope == meter.ScopeGPU {
		if limit, ret := d.handle.GetEnforcedPowerLimit(); ret == nvml.SUCCESS {
			dom.Limit, _ = power(uint64(limit))
		}
	}
	if mode, ret := d.handle.GetPersistenceMode(); ret == nvml.SUCCESS && mode == nvml.FEATURE_DISABLED && counter {
		dom.Note = "persistence mode is off: the counter restarts when the last client of the driver ends (nvidia-smi -pm 1)"
	}
	if mig, _, ret := d.handle.GetMigMode(); ret == nvml.SUCCESS && mig == nvml.DEVICE_MIG_ENABLE {
		dom.Note = note("MIG is on: this is the whole GPU with all of its instances", dom.Note)
	}
	return dom
}

func note(first, second string) string {
	if second == "" {
		return first
	}
	return first + "; " + second
}

// add appends a domain and, for now in the order of the domains, its fields.
func (d *Device) add(dom meter.Domain, counter bool, gauge register, have map[register]bool) {
	e, p := -1, -1
	if counter && !d.energyCall {
		e = len(d.batch)
		r := energyRegister()
		d.batch = append(d.batch, nvml.FieldValue{FieldId: r.field, ScopeId: r.scope})
	}
	if have[gauge] {
		p = len(d.batch)
		d.batch = append(d.batch, nvml.FieldValue{FieldId: gauge.field, ScopeId: gauge.scope})
	}
	switch {
	case have[gauge] && gauge.field == instantPower(gauge.scope).field:
		dom.Gauge = string(registers.Instant)
	case have[gauge]:
		dom.Gauge = string(registers.Average)
	case d.powerCall && dom.Scope == meter.ScopeGPU:
		dom.Gauge = string(registers.Usage)
	}
	var average register
	if gauge.field == instantPower(gauge.scope).field && have[gauge] {
		// The instantaneous gauge of A100 and H100 looks at 25 of each 100 ms
		// (arXiv 2312.02741); of the others it is not known.
		dom.PartTime = true
		if have[averagePower(gauge.scope)] {
			average = averagePower(gauge.scope)
		}
	}
	d.averages = append(d.averages, average)
	d.domains = append(d.domains, dom)
	d.energyAt, d.powerAt = append(d.energyAt, e), append(d.powerAt, p)
}

// sort moves the counters to the front of the batch.
func (d *Device) sort() {
	var sorted []nvml.FieldValue
	for i, at := range d.energyAt {
		if at >= 0 {
			d.energyAt[i] = len(sorted)
			sorted = append(sorted, d.batch[at])
		}
	}
	d.counters = len(sorted)
	for i, at := range d.powerAt {
		if at >= 0 {
			d.powerAt[i] = len(sorted)
			sorted = append(sorted, d.batch[at])
		}
	}
	d.batch = sorted
}

// instances returns the UUIDs of a GPU's MIG instances, by which an engine is told
// where to run.
func instances(handle nvml.Device) (uuids []string) {
	if mode, _, ret := handle.GetMigMode(); ret != nvml.SUCCESS || mode != nvml.DEVICE_MIG_ENABLE {
		return nil
	}
	count, ret := handle.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil
	}
	for i := range count {
		instance, ret := handle.GetMigDeviceHandleByIndex(i)
		if ret != nvml.SUCCESS {
			continue
		}
		if uuid, ret := instance.GetUUID(); ret == nvml.SUCCESS {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// Domains implements meter.Source.
func (d *Device) Domains() []meter.Domain { return append([]meter.Domain(nil), d.domains...) }
