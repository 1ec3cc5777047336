// Package amdgpu reads the energy of AMD GPUs from the kernel driver's
// gpu_metrics table in sysfs, without a vendor library.
//
// It is opinionated: the table's accumulator comes first, the hwmon power file
// stands in where there is none (amdgpu's hwmon has no energy file, and the
// tables of APUs no accumulator), and an accumulator that stands at zero is
// none.
package amdgpu

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

const source = "amdgpu"

// vendor is AMD's PCI vendor id.
const vendor = "0x1002"

// Update periods: the driver hands out the table that it has for 1 ms before
// it asks the firmware again; hwmon's power is an average whose window is the
// firmware's, of the order of 100 ms.
const (
	tablePeriod = time.Millisecond
	powerPeriod = 100 * time.Millisecond
)

// tableSize is more than the largest table, v1.8 (3872 bytes), and no more
// than what sysfs hands out at once.
const tableSize = 4096

// Open opens every AMD GPU below sysfs, one source each, in the order of the
// cards. A host without one gets no source and no refusal.
func Open(clock meter.Clock, root string) ([]meter.Source, []meter.Refusal) {
	cards, err := filepath.Glob(filepath.Join(root, "class", "drm", "card[0-9]*"))
	if err != nil {
		return nil, []meter.Refusal{{Source: source, Reason: fmt.Sprintf("list cards: %v", err)}}
	}
	slices.SortFunc(cards, sysfs.ByNumber)
	var sources []meter.Source
	var left []meter.Refusal
	n := 0
	for _, card := range cards {
		device := filepath.Join(card, "device")
		// Connectors (card0-DP-1) are listed beside the cards.
		if strings.Contains(filepath.Base(card), "-") || sysfs.Word(filepath.Join(device, "vendor")) != vendor {
			continue
		}
		g, refused := openGPU(clock, root, device, "gpu"+strconv.Itoa(n))
		n++
		left = append(left, refused...)
		if g != nil {
			sources = append(sources, g)
		}
	}
	return sources, left
}

// gpu is one card: its table, or its hwmon power file, or both.
type gpu struct {
	clock  meter.Clock
	root   string        // of sysfs
	dir    string        // of the PCI device
	boot   func() uint64 // nanoseconds of boot time
	domain meter.Domain
	table  *sysfs.Register // nil where the table has nothing to tell
	buf    []byte
	gauge  *sysfs.Register // nil where the table has the power
	device deviceClock
}

var _ meter.Source = (*gpu)(nil)

func openGPU(clock meter.Clock, root, device, label string) (*gpu, []meter.Refusal) {
	g := &gpu{clock: clock, root: root, dir: device, boot: bootTime, buf: make([]byte, tableSize)}
	g.domain = meter.Domain{
		Name: label, Device: identity(device, label), Source: source,
		Kind: meter.KindPower, Scope: meter.ScopeGPU, UpdatePeriod: powerPeriod,
		Limit: limit(device), Product: sysfs.Word(filepath.Join(device, "product_name")),
	}
	rev, m, err := g.openTable(filepath.Join(device, "gpu_metrics"))
	var left []meter.Refusal
	switch {
	case err != nil:
		left = append(left, tableRefusal(label, err))
	case rev.format == 1 && m.energy == 0 && m.hasPower && m.power == 0:
		g.dropTable()
		return nil, append(left, emptyRefusal(device, label))
	case m.hasEnergy && m.energy > 0:
		if twoDies(device) {
			g.domain.Note = "the register of the module: both of its dies, which the system shows as two GPUs"
		}
		g.domain.Kind, g.domain.Quantum, g.domain.UpdatePeriod = meter.KindCounter, 16*meter.Microjoule, tablePeriod
		if energyBits(rev) == 32 {
			g.domain.Range, _ = accumulated(1<<32 - 1)
		}
	default:
		left = append(left, meter.Refusal{
			Source: source, Domain: label,
			Reason: fmt.Sprintf("gpu_metrics %v of this GPU has no energy counter: its power is integrated instead", rev),
		})
	}
	if rev.format == 2 || rev.format == 3 {
		// The average socket power of an APU is that of the whole package.
		g.domain.Scope = meter.ScopePackage
		g.domain.Note = "power of the whole APU package, processor cores included"
	}
	if g.table != nil && !m.hasPower && g.domain.Kind == meter.KindPower {
		g.dropTable()
	}
	if !m.hasPower {
		g.gauge = openGauge(device)
	}
	if g.table == nil && g.gauge == nil {
		return nil, append(left, meter.Refusal{
			Source: source, Domain: label, Reason: "neither gpu_metrics nor hwmon has a power or energy value",
			Remedy: "a Vega or newer GPU and Linux 5.10 or newer have them",
		})
	}
	if g.table == nil {
		g.domain.Note = strings.TrimPrefix(g.domain.Note+"; power from hwmon", "; ")
	}
	return g, left
}

// twoDies tells the modules that the system shows as two GPUs by their PCI
// device: MI250X and MI250 (pci.ids).
func twoDies(device string) bool {
	id := sysfs.Word(filepath.Join(device, "device"))
	return id == "0x7408" || id == "0x740c"
}

// emptyRefusal refuses a board whose table shows neither energy nor power. The
// driver has them from the first die of an MI250 alone, for both dies, and
// shows zeroes for the second.
func emptyRefusal(device, label string) meter.Refusal {
	r := meter.Refusal{
		Source: source, Domain: label, Reason: "gpu_metrics shows neither energy nor power: both are 0",
		Remedy: "compare with amd-smi metric --power",
	}
	if twoDies(device) {
		r.Reason = "the second die of a module: the first die's register covers both"
		r.Remedy = "nothing is missing if the first die is metered"
	}
	return r
}

func tableRefusal(label string, err error) meter.Refusal {
	r := meter.Refusal{Source: source, Domain: label, Reason: fmt.Sprintf("gpu_metrics: %v", err)}
	switch {
	case sysfs.Missing(err):
		r.Reason = "the driver has no gpu_metrics file for this GPU"
		r.Remedy = "Linux 5.10 or newer has it for Vega and newer GPUs"
	case sysfs.Denied(err):
		r.Reason = "gpu_metrics is not readable"
		r.Remedy = "run as root, or chmod a+r the file"
	}
	return r
}

// openTable opens the table and reads it once; on an error it is not kept.
func (g *gpu) openTable(path string) (revision, metrics, error) {
	t, err := sysfs.OpenRegister(path)
	if err != nil {
		return revision{}, metrics{}, err
	}
	g.table = t
	n, err := t.ReadBytes(g.buf)
	if err != nil {
		g.dropTable()
		return revision{}, metrics{}, err
	}
	rev, _, err := header(g.buf[:n])
	if err != nil {
		g.dropTable()
		return rev, metrics{}, err
	}
	m, err := parse(g.buf[:n])
	if err != nil {
		g.dropTable()
	}
	return rev, m, err
}

func (g *gpu) dropTable() {
	_ = g.table.Close() // it was only read
	g.table = nil
}

// identity names the GPU by its unique id, where it has one, and its PCI
// address.
func identity(device, label string) string {
	parts := []string{sysfs.Word(filepath.Join(device, "unique_id")), sysfs.PCIAddress(device)}
	return cmp.Or(strings.TrimSpace(strings.Join(parts, " ")), label)
}

// hwmonFile returns the path of the first of names among the device's hwmon
// files, "" if it has none of them.
func hwmonFile(device string, names ...string) string {
	for _, name := range names {
		found, err := filepath.Glob(filepath.Join(device, "hwmon", "hwmon*", name))
		if err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// limit is the board's power cap, 0 if the driver does not tell.
func limit(device string) meter.Power {
	v, err := sysfs.Number(hwmonFile(device, "power1_cap"))
	if err != nil {
		return 0
	}
	return meter.Power(v)
}

// openGauge opens the hwmon power file: the instantaneous one where the
// hardware has it, else the average. Both are in microwatts.
func openGauge(device string) *sysfs.Register {
	path := hwmonFile(device, "power1_input", "power1_average")
	if path == "" {
		return nil
	}
	r, err := sysfs.OpenRegister(path)
	if err != nil {
		return nil
	}
	return r
}

// Domains implements meter.Source.
func (g *gpu) Domains() []meter.Domain { return []meter.Domain{g.domain} }

// Read implements meter.Source.
func (g *gpu) Read(dst []meter.Reading) []meter.Reading {
	r := meter.Reading{Status: meter.StatusOK}
	if g.table != nil {
		g.readTable(&r)
	}
	if g.gauge != nil && (r.Status == meter.StatusOK || r.Status == meter.StatusStalled) {
		g.readGauge(&r)
	}
	if !r.HasEnergy && (g.domain.Kind == meter.KindCounter || !r.HasPower) {
		r.Power, r.HasPower = 0, false
		if r.Status != meter.StatusLost {
			r.Status = meter.StatusTransient
		}
	}
	return append(dst, r)
}

// readTable takes energy and power from one table. Two stamps bound the read
// better than its own end, where they are before that: the driver's, of when it
// had the table from the firmware, on the host's boot-time clock (the thread
// may have lost the processor on the way back); and the firmware's, of when it
// took the sample, once its clock is believed. A table with the firmware's
// stamp of long ago is stalled: it is the same sample again.
func (g *gpu) readTable(r *meter.Reading) {
	r.Before = g.clock()
	boot := g.boot()
	reference := g.clock() // not before boot was taken
	n, err := g.table.ReadBytes(g.buf)
	r.After = g.clock()
	if err != nil {
		r.Status = failed(err)
		return
	}
	m, err := parse(g.buf[:n])
	if err != nil {
		return
	}
	if g.domain.Kind == meter.KindCounter {
		r.Energy, r.HasEnergy = m.energy, m.hasEnergy
	}
	r.Power, r.HasPower = m.power, m.hasPower
	if m.hasDriver && m.driver >= boot {
		if stamped := reference + time.Duration(m.driver-boot); stamped < r.After {
			r.After = stamped
		}
	}
	if m.hasFirmware && m.firmware > 0 {
		sampled, stale := g.device.note(m.firmware, r.After)
		r.Before, r.After = min(r.Before, sampled), min(r.After, sampled)
		if stale {
			r.Status = meter.StatusStalled
		}
	}
}

func (g *gpu) readGauge(r *meter.Reading) {
	before := g.clock()
	v, err := g.gauge.Read()
	after := g.clock()
	if g.table == nil {
		r.Before, r.After = before, after
	}
	if err != nil {
		if g.table == nil {
			r.Status = failed(err)
		}
		return
	}
	if v >= 0 {
		r.Power, r.HasPower = meter.Power(v), true
	}
}

// failed is the status of a read that returned err.
func failed(err error) meter.Status {
	if sysfs.Gone(err) {
		return meter.StatusLost
	}
	return meter.StatusTransient
}

// Close implements meter.Source.
func (g *gpu) Close() error {
	var errs []error
	for _, r := range []*sysfs.Register{g.table, g.gauge} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}
