package rapl

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"cfubench/internal/cpulist"
	"cfubench/meter"
	"cfubench/meter/sysfs"
)

// opener opens perf counters; the kernel is one, tests have others.
type opener interface {
	// open opens counter config of PMU pmu on one processor, in the group of
	// leader, or as a leader if leader is −1, with PERF_FORMAT_GROUP reads.
	open(pmu uint32, config uint64, cpu, leader int) (fd int, err error)
	read(fd int, buf []byte) (int, error)
	close(fd int) error
}

// perfEvents are the events of the power PMU, in the order of the group, with
// the domain each makes.
func perfEvents() []struct {
	file  string
	scope meter.Scope
} {
	return []struct {
		file  string
		scope meter.Scope
	}{
		{"energy-pkg", meter.ScopePackage},
		{"energy-ram", meter.ScopeDRAM},
		{"energy-cores", meter.ScopeCore},
		{"energy-gpu", meter.ScopeUncore},
		{"energy-psys", meter.ScopePsys},
	}
}

// event is one counter as sysfs describes it.
type event struct {
	scope  meter.Scope
	file   string
	config uint64
	scale  scale
}

// scale turns counts into microjoules: counts × factor / 2⁴⁸.
type scale uint64

func newScale(joules float64) (scale, error) {
	factor := joules * 1e6 * (1 << 48)
	if !(factor >= 1 && factor < 1<<63) {
		return 0, fmt.Errorf("scale %g J a count out of range", joules)
	}
	return scale(factor + 0.5), nil
}

func (s scale) energy(counts uint64) meter.Energy {
	hi, lo := bits.Mul64(counts, uint64(s))
	return meter.Energy(hi<<16 | lo>>48)
}

// perf is the source of one host's perf counters, a group a socket or die.
type perf struct {
	clock   meter.Clock
	kernel  opener
	domains []meter.Domain
	groups  []group
	buf     []byte
}

// group is the counters of one package, read by one system call.
type group struct {
	fds    []int // the leader first
	scales []scale
	domain []int // index of each counter's domain, −1 if it is not reported
}

var _ meter.Source = (*perf)(nil)

// openPerf opens the power PMU's events on the processors of its cpumask.
func openPerf(ctx context.Context, o Options, k opener) (meter.Source, []meter.Refusal) {
	refuse := func(domain, reason, remedy string) meter.Refusal {
		return meter.Refusal{Source: "rapl", Domain: domain, Reason: "perf_event: " + reason, Remedy: remedy}
	}
	dir := filepath.Join(o.Sysfs, "bus", "event_source", "devices", "power")
	pmu, err := sysfs.Number(filepath.Join(dir, "type"))
	if err != nil {
		return nil, []meter.Refusal{refuse("", "no power PMU at "+dir, remedyAbsent(o))}
	}
	mask, err := sysfs.Text(filepath.Join(dir, "cpumask"))
	if err != nil {
		return nil, []meter.Refusal{refuse("", fmt.Sprintf("cpumask of the power PMU: %v", err), "")}
	}
	cpus, err := cpulist.Parse(mask)
	if err != nil {
		return nil, []meter.Refusal{refuse("", fmt.Sprintf("cpumask of the power PMU %q: %v", mask, err), "")}
	}
	events, left := readEvents(dir)
	src := &perf{clock: o.Clock, kernel: k}
	note := caveats(o)
	for _, cpu := range cpus {
		where := packageName(o.Sysfs, cpu)
		var g group
		for _, e := range events {
			if e.scope == meter.ScopePsys && cpu != cpus[0] {
				continue // the platform has one register, whichever socket is asked
			}
			name := eventName(e.scope, where)
			leader := -1
			if len(g.fds) > 0 {
				leader = g.fds[0]
			}
			fd, err := k.open(uint32(pmu), e.config, cpu, leader)
			if err != nil {
				left = append(left, refuse(name, fmt.Sprintf("%s on cpu %d: %v", e.file, cpu, err), remedyPerf(o, err)))
				continue
			}
			g.fds, g.scales, g.domain = append(g.fds, fd), append(g.scales, e.scale), append(g.domain, len(src.domains))
			d := meter.Domain{
				Name: name, Device: fmt.Sprintf("%s/events/%s cpu %d", dir, e.file, cpu), Source: "rapl",
				Kind: meter.KindCounter, Scope: e.scope, Quantum: quantum, UpdatePeriod: updatePeriod, Note: note,
			}
			if e.scope == meter.ScopeCore || e.scope == meter.ScopeUncore {
				d.Parent = where
			}
			src.domains = append(src.domains, d)
		}
		if len(g.fds) > 0 {
			src.groups = append(src.groups, g)
		}
	}
	src.buf = make([]byte, 8*(1+len(perfEvents())))
	if len(src.domains) == 0 {
		return nil, left
	}
	left = append(left, src.dropStill(ctx)...)
	if len(src.domains) == 0 {
		src.Close()
		return nil, left
	}
	return src, left
}

// dropStill takes the counters that do not move within probePeriod out of the
// report: kernels have offered events that the processor does not have. They
// stay in their groups, which cannot lose a member.
func (p *perf) dropStill(ctx context.Context) []meter.Refusal {
	first := p.Read(nil)
	wait(ctx, probePeriod)
	second := p.Read(nil)
	var left []meter.Refusal
	var domains []meter.Domain
	kept := make([]int, len(p.domains))
	for i, d := range p.domains {
		if first[i].HasEnergy && second[i].HasEnergy && first[i].Energy != second[i].Energy {
			kept[i] = len(domains)
			domains = append(domains, d)
			continue
		}
		kept[i] = -1
		left = append(left, still(d, probePeriod))
	}
	for _, g := range p.groups {
		for i, d := range g.domain {
			g.domain[i] = kept[d]
		}
	}
	p.domains = domains
	return left
}

// Domains implements meter.Source.
func (p *perf) Domains() []meter.Domain { return append([]meter.Domain(nil), p.domains...) }

// Read implements meter.Source: one read(2) a group, so that the counters of a
// package are taken at one instant and share one bracket.
func (p *perf) Read(dst []meter.Reading) []meter.Reading {
	for _, g := range p.groups {
		want := 8 * (1 + len(g.fds))
		before := p.clock()
		n, err := p.kernel.read(g.fds[0], p.buf[:want])
		after := p.clock()
		ok := err == nil && n == want && binary.NativeEndian.Uint64(p.buf) == uint64(len(g.fds))
		for i, domain := range g.domain {
			if domain < 0 {
				continue
			}
			r := meter.Reading{Domain: domain, Before: before, After: after, Status: meter.StatusTransient}
			if ok {
				counts := binary.NativeEndian.Uint64(p.buf[8*(1+i):])
				r.Energy, r.HasEnergy, r.Status = g.scales[i].energy(counts), true, meter.StatusOK
			}
			dst = append(dst, r)
		}
	}
	return dst
}

// Close implements meter.Source.
func (p *perf) Close() error {
	var errs []error
	for _, g := range p.groups {
		for _, fd := range g.fds {
			errs = append(errs, p.kernel.close(fd))
		}
	}
	return errors.Join(errs...)
}

// readEvents reads the events that the PMU describes.
func readEvents(dir string) ([]event, []meter.Refusal) {
	var events []event
	var left []meter.Refusal
	for _, known := range perfEvents() {
		file := filepath.Join(dir, "events", known.file)
		term, err := sysfs.Text(file)
		if err != nil {
			continue // this processor does not have it
		}
		e := event{scope: known.scope, file: known.file}
		if e.config, err = parseEvent(term); err == nil {
			e.scale, err = readScale(file)
		}
		if err != nil {
			left = append(left, meter.Refusal{Source: "rapl", Domain: string(known.scope), Reason: fmt.Sprintf("perf_event: %s: %v", file, err)})
			continue
		}
		events = append(events, e)
	}
	return events, left
}

func readScale(file string) (scale, error) {
	if unit, err := sysfs.Text(file + ".unit"); err != nil || unit != "Joules" {
		return 0, fmt.Errorf("unit %q, want Joules", unit)
	}
	word, err := sysfs.Text(file + ".scale")
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0, err
	}
	return newScale(v)
}

// parseEvent reads "event=0x02" as the config of the event.
func parseEvent(term string) (uint64, error) {
	value, ok := strings.CutPrefix(term, "event=")
	if !ok {
		return 0, fmt.Errorf("event term %q, want event=N", term)
	}
	return strconv.ParseUint(value, 0, 64)
}

// packageName is the powercap name of the package that cpu belongs to, with
// its die where the package has several.
func packageName(root string, cpu int) string {
	topology := filepath.Join(root, "devices", "system", "cpu", "cpu"+strconv.Itoa(cpu), "topology")
	pkg, err := sysfs.Number(filepath.Join(topology, "physical_package_id"))
	if err != nil {
		return "package-cpu" + strconv.Itoa(cpu)
	}
	name := fmt.Sprintf("package-%d", pkg)
	die, errDie := sysfs.Number(filepath.Join(topology, "die_id"))
	dieCPUs, errA := sysfs.Text(filepath.Join(topology, "die_cpus_list"))
	pkgCPUs, errB := sysfs.Text(filepath.Join(topology, "package_cpus_list"))
	if errDie == nil && errA == nil && errB == nil && dieCPUs != pkgCPUs {
		name = fmt.Sprintf("%s-die-%d", name, die)
	}
	return name
}

func eventName(s meter.Scope, where string) string {
	switch s {
	case meter.ScopePsys:
		return "psys"
	case meter.ScopePackage:
		return where
	}
	return where + "-" + string(s)
}

// remedyPerf is the exact command that lets perf_event read system-wide.
func remedyPerf(o Options, err error) string {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		level, readErr := sysfs.Text(filepath.Join(o.Procfs, "sys", "kernel", "perf_event_paranoid"))
		if readErr != nil {
			level = "unknown"
		}
		return fmt.Sprintf("sudo sysctl kernel.perf_event_paranoid=0 (now %s), or %s", level, setcap())
	}
	return "none: the kernel offers the event but the processor does not have it"
}
