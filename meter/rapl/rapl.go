// Package rapl reads the energy counters of Intel and AMD processors: packages,
// their cores and memory, and the platform.
//
// It prefers perf_event, where one grouped read takes all counters of a socket
// at one instant and the counters are 64 bits wide, and falls back to the
// powercap tree with descriptors kept open. Both are found below a sysfs root
// that is a parameter. A register that may not be read is a refusal with the
// remedy, never a zero.
package rapl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

// updatePeriod is the documented prior of RAPL's update period (about 1 ms;
// Khan et al. 2018, doi:10.1145/3177754); calibration measures it.
const updatePeriod = time.Millisecond

// quantum is the largest energy unit in use, 2⁻¹⁴ J = 61.04 µJ, rounded up.
const quantum = 62 * meter.Microjoule

// probePeriod is the time between the two reads that must differ for a
// register to be in use: some exist and stand still.
const probePeriod = 120 * time.Millisecond

// Options says where to look.
type Options struct {
	Sysfs  string // root of sysfs, "" for /sys
	Procfs string // root of procfs, "" for /proc: cpuinfo, perf_event_paranoid
	Clock  meter.Clock
}

func (o Options) withDefaults() Options {
	if o.Sysfs == "" {
		o.Sysfs = "/sys"
	}
	if o.Procfs == "" {
		o.Procfs = "/proc"
	}
	if o.Clock == nil {
		o.Clock = meter.NewClock(time.Now())
	}
	return o
}

// Open returns the host's RAPL counters as at most one source, and a refusal
// for each register, and each way to read them, that is not used. No RAPL at
// all is a refusal and no source.
func Open(ctx context.Context, o Options) ([]meter.Source, []meter.Refusal) {
	o = o.withDefaults()
	src, left := openPerf(ctx, o, kernel{})
	if src != nil {
		return []meter.Source{src}, left
	}
	cap, refused := openPowercap(ctx, o)
	left = append(left, refused...)
	if cap == nil {
		return nil, left
	}
	return []meter.Source{cap}, left
}

// powercap is the source of one host's powercap zones.
type powercap struct {
	clock     meter.Clock
	domains   []meter.Domain
	registers []*sysfs.Register
}

var _ meter.Source = (*powercap)(nil)

// openPowercap opens every RAPL zone that can be read and moves.
func openPowercap(ctx context.Context, o Options) (meter.Source, []meter.Refusal) {
	refuse := func(domain, reason, remedy string) meter.Refusal {
		return meter.Refusal{Source: "rapl", Domain: domain, Reason: reason, Remedy: remedy}
	}
	all, err := zones(o.Sysfs)
	top := filepath.Join(o.Sysfs, "class", "powercap")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, []meter.Refusal{refuse("", "no powercap tree at "+top, remedyAbsent(o))}
	case err != nil:
		return nil, []meter.Refusal{refuse("", fmt.Sprintf("powercap tree not readable: %v", err), "")}
	case len(all) == 0:
		return nil, []meter.Refusal{refuse("", "no RAPL zone in "+top, remedyAbsent(o))}
	}
	var left []meter.Refusal
	note := caveats(o)
	names := domainNames(all)
	seen := map[string]string{} // domain name → zone that has it
	src := &powercap{clock: o.Clock}
	for _, z := range all {
		name := names[z.dir]
		if first, ok := seen[name]; ok {
			left = append(left, refuse(name, fmt.Sprintf("%s is a second view of %s: adding it would count its energy twice", z.dir, first), ""))
			continue
		}
		path := filepath.Join(top, z.dir, "energy_uj")
		reg, err := sysfs.OpenRegister(path)
		if err != nil {
			left = append(left, refuse(name, unreadable(path, err), remedyPowercap(err, top)))
			continue
		}
		if _, err := readEnergy(reg); err != nil {
			left = append(left, refuse(name, unreadable(path, err), remedyPowercap(err, top)))
			reg.Close()
			continue
		}
		seen[name] = z.dir
		d := meter.Domain{
			Name: name, Device: path, Source: "rapl", Kind: meter.KindCounter, Scope: scopeOf(z.name),
			Parent: parentOf(z, names), Range: z.wrap, Quantum: quantum, UpdatePeriod: updatePeriod,
			Limit: z.limit, Note: note,
		}
		if z.wrap == 0 {
			d.Note = join(d.Note, "states no range: a wrap cannot be told from a reset")
		}
		src.domains = append(src.domains, d)
		src.registers = append(src.registers, reg)
	}
	left = append(left, src.dropStill(ctx, flag(o, "hypervisor"))...)
	if len(src.domains) == 0 {
		return nil, left
	}
	return src, left
}

// dropStill closes the registers that do not move: within probePeriod or, where
// none does and in guests, within slowProbe. What moves only then is slow: its
// updates come too seldom for single requests.
func (p *powercap) dropStill(ctx context.Context, guest bool) []meter.Refusal {
	moved, slow, watched := p.watch(ctx, guest)
	var left []meter.Refusal
	var domains []meter.Domain
	var registers []*sysfs.Register
	for i, d := range p.domains {
		if !moved[i] {
			p.registers[i].Close()
			left = append(left, still(d, watched))
			continue
		}
		if slow[i] > 0 {
			d.UpdatePeriod, d.Coarse = slow[i], true
			d.Note = join(d.Note, fmt.Sprintf("brought up to date about every %v only, by whatever fills it", slow[i]))
		}
		domains, registers = append(domains, d), append(registers, p.registers[i])
	}
	p.domains, p.registers = domains, registers
	return left
}

// Slow registers: QEMU asks the host's once a second (MSR_ENERGY_THREAD_SLEEP_US in
// its target/i386/kvm), helpers that write a guest's files do every five.
const (
	slowProbe  = 6 * time.Second
	slowStep   = 50 * time.Millisecond
	slowPeriod = time.Second
	slowest    = 5 * time.Second
)

// watch reads until it is known which registers move: for probePeriod, and on up
// to slowProbe if none has, or if this is a guest and some have not. slow is the
// update period that each of those that moved later is taken to have; watched how
// long was looked.
func (p *powercap) watch(ctx context.Context, guest bool) (moved []bool, slow []time.Duration, watched time.Duration) {
	first := p.Read(nil)
	moved, slow = make([]bool, len(first)), make([]time.Duration, len(first))
	var now []meter.Reading
	look := func(period time.Duration) (all, any bool) {
		now = p.Read(now[:0])
		all = true
		for i := range now {
			if !moved[i] && first[i].HasEnergy && now[i].HasEnergy && first[i].Energy != now[i].Energy {
				moved[i], slow[i] = true, period
			}
			all, any = all && moved[i], any || moved[i]
		}
		return all, any
	}
	began := p.clock()
	wait(ctx, probePeriod)
	all, any := look(0)
	if all || any && !guest {
		return moved, slow, probePeriod
	}
	// Once one has moved the others may take as long again as it did.
	end, found := began+slowProbe, any
	for !all && p.clock() < end && ctx.Err() == nil {
		wait(ctx, slowStep)
		period := slowPeriod
		if p.clock()-began > slowPeriod+4*slowStep {
			period = slowest
		}
		if all, any = look(period); any && !found {
			found, end = true, min(end, p.clock()+slowPeriod)
		}
	}
	return moved, slow, p.clock() - began
}

// still is the refusal of a register that exists and does not move.
func still(d meter.Domain, watched time.Duration) meter.Refusal {
	return meter.Refusal{
		Source: "rapl", Domain: d.Name,
		Reason: fmt.Sprintf("register did not move in %v: %s", watched.Round(10*time.Millisecond), d.Device),
		Remedy: "none if the processor does not have the part",
	}
}

// wait sleeps for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Domains implements meter.Source.
func (p *powercap) Domains() []meter.Domain { return append([]meter.Domain(nil), p.domains...) }

// Read implements meter.Source: one pread a zone, each with its own bracket.
func (p *powercap) Read(dst []meter.Reading) []meter.Reading {
	for i, reg := range p.registers {
		r := meter.Reading{Domain: i, Before: p.clock()}
		v, err := readEnergy(reg)
		r.After = p.clock()
		if err == nil {
			r.Energy, r.HasEnergy, r.Status = v, true, meter.StatusOK
		} else {
			r.Status = meter.StatusTransient
		}
		dst = append(dst, r)
	}
	return dst
}

// Close implements meter.Source.
func (p *powercap) Close() error {
	var errs []error
	for _, r := range p.registers {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// domainNames gives each zone its name within the host: its own for packages
// and the platform, with the package in front for the parts of one.
func domainNames(all []zone) map[string]string {
	names := make(map[string]string, len(all))
	for _, z := range all {
		names[z.dir] = z.name
	}
	for _, z := range all {
		if z.parent != "" && !strings.HasPrefix(z.name, "package-") {
			if parent, ok := names[z.parent]; ok {
				names[z.dir] = parent + "-" + z.name
			}
		}
	}
	return names
}

// parentOf names the domain that contains the zone. Memory hangs below the
// package in the tree but its energy is not in the package's register.
func parentOf(z zone, names map[string]string) string {
	if s := scopeOf(z.name); s != meter.ScopeCore && s != meter.ScopeUncore {
		return ""
	}
	return names[z.parent]
}

func scopeOf(name string) meter.Scope {
	switch {
	case strings.HasPrefix(name, "package"):
		return meter.ScopePackage
	case name == "psys":
		return meter.ScopePsys
	case name == "dram":
		return meter.ScopeDRAM
	case name == "uncore":
		return meter.ScopeUncore
	}
	return meter.ScopeCore
}

// unreadable says in one clause why a register gives no value.
func unreadable(path string, err error) string {
	if sysfs.Denied(err) {
		return "not readable: " + path + " is root's since CVE-2020-8694"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("not readable: %s: %v", path, err)
}

// remedyPowercap is the exact command that makes the registers below top
// readable: one for all of them, as they are all root's.
func remedyPowercap(err error, top string) string {
	if !sysfs.Denied(err) {
		return "none: the kernel lists the register but the processor does not answer for it"
	}
	all := filepath.Join(top, "intel-rapl*", "energy_uj")
	return fmt.Sprintf("sudo chmod a+r %s (until reboot; for good: a tmpfiles.d line 'z %s 0444 root root'), or %s", all, all, setcap())
}

// setcap is the command that lets this program read what is root's.
func setcap() string {
	exe, err := os.Executable()
	if err != nil {
		exe = "cfu"
	}
	return "sudo setcap cap_perfmon,cap_dac_read_search+ep " + exe
}

// remedyAbsent says what a host without RAPL can do about it.
func remedyAbsent(o Options) string {
	if flag(o, "hypervisor") {
		return "a virtual machine has no RAPL unless QEMU gives it (-accel kvm,rapl=true); meter on the host with cfu agent"
	}
	return "sudo modprobe intel_rapl_msr; in a container, mount /sys/class/powercap and /sys/devices/virtual/powercap"
}

// caveats are the doubts that hold for every register of this host.
func caveats(o Options) string {
	var note string
	if flag(o, "hypervisor") {
		note = join(note, "virtualised: what a guest reads is the host's energy apportioned by the hypervisor")
	}
	if flag(o, "sgx") {
		note = join(note, "SGX is present: with it enabled the processor blurs readings (energy filtering)")
	}
	return note
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// flag reports whether /proc/cpuinfo lists a processor flag.
func flag(o Options, name string) bool {
	b, err := os.ReadFile(filepath.Join(o.Procfs, "cpuinfo"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "flags") {
			continue
		}
		for _, f := range strings.Fields(line) {
			if f == name {
				return true
			}
		}
		return false
	}
	return false
}
