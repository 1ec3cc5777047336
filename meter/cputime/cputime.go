// Package cputime is the model for machines without an energy counter: the
// CPU time of the engine's processes times stated watts per busy core, and
// stated watts of the idle host if the user states them.
//
// It is a model and says so wherever it shows (meter.KindModel). It sees what
// the processes used of the processors and nothing else: no memory, no
// accelerator, no frequency. It ranks runs on one machine; its joules are as good
// as the stated watts.
package cputime

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/process"
)

// tick is the longest scheduler tick that kernels are built with (HZ=100): the
// time of a thread that is running is at most so old.
const tick = 10 * time.Millisecond

// quantum is the model's step: the clock counts nanoseconds, the energy is in
// whole microjoules.
const quantum = meter.Microjoule

// A look at all processes of the host is taken every scanPeriod, and less often
// where one takes longer than 1/scanShare of that. A look at the engine's own is
// taken at every read, and less often where it takes longer than 1/lookShare of
// the time.
const (
	scanPeriod = 2 * time.Second
	scanShare  = 200
	lookShare  = 100
)

// Options are the engine and the stated watts.
type Options struct {
	PID   int     // the engine's process
	Watts float64 // per busy core
	// IdleWatts is what the idle host is stated to draw for the engine, added over
	// time; 0 for none.
	IdleWatts float64
	// Procfs and Cgroups are where the kernel shows processes and control groups,
	// "" for /proc and /sys/fs/cgroup.
	Procfs, Cgroups string
}

// Source is the modelled energy of one engine's processes, counted from zero at
// the time that it was opened.
type Source struct {
	clock   meter.Clock
	time    counter
	opened  time.Duration
	perCPU  meter.Power // per busy core
	idle    meter.Power
	domain  meter.Domain
	adopted func() []string
}

// counter is the engine's CPU time.
type counter interface {
	// read returns the time used since the counter was opened; false once the
	// engine has ended.
	read() (used time.Duration, ok bool)
	close() error
}

var _ meter.Source = (*Source)(nil)

// Open returns the model of the engine whose process is o.PID: of the control
// group that holds it and nothing else, or of the process and those below it. It
// fails if there is no such process or the watts are no positive numbers.
func Open(clock meter.Clock, o Options) (*Source, error) {
	if o.Procfs == "" {
		o.Procfs = "/proc"
	}
	if o.Cgroups == "" {
		o.Cgroups = "/sys/fs/cgroup"
	}
	return open(clock, system{process.FS(o.Procfs)}, o)
}

func open(clock meter.Clock, h host, o Options) (*Source, error) {
	switch {
	case !(o.Watts > 0) || o.Watts > 10_000:
		return nil, fmt.Errorf("watts per busy core %g: want a number above 0 and at most 10000", o.Watts)
	case !(o.IdleWatts >= 0) || o.IdleWatts > 100_000:
		return nil, fmt.Errorf("idle watts %g: want a number from 0 to 100000", o.IdleWatts)
	case o.PID <= 0:
		return nil, fmt.Errorf("process %d: want the engine's process id", o.PID)
	}
	s := &Source{
		clock: clock, opened: clock(), adopted: func() []string { return nil },
		perCPU: meter.Power(math.Round(o.Watts * float64(meter.Watt))),
		idle:   meter.Power(math.Round(o.IdleWatts * float64(meter.Watt))),
	}
	note := fmt.Sprintf("model: CPU time of the engine's processes × %g W per busy core", o.Watts)
	if o.IdleWatts > 0 {
		note += fmt.Sprintf(" + %g W idle, as stated", o.IdleWatts)
	} else {
		note += "; no idle power in it"
	}
	note += "; no memory or accelerator in it"
	s.domain = meter.Domain{
		Name: "cpu", Device: fmt.Sprintf("process tree %d", o.PID), Source: "cputime",
		Kind: meter.KindModel, Scope: meter.ScopeProcess,
		Quantum: quantum, UpdatePeriod: tick, Floor: s.idle, Note: note,
	}
	if g, ok := openGroup(h, o); ok {
		s.time = g
		s.domain.Device = fmt.Sprintf("control group %s of process %d", g.path, o.PID)
		return s, nil
	}
	t, err := newTree(h, o.PID)
	if err != nil {
		return nil, fmt.Errorf("CPU time of process %d: %w", o.PID, err)
	}
	s.time = &family{clock: clock, tree: t, lookAt: clock(), scanAt: clock() + scanPeriod}
	s.adopted = func() []string { return t.adopted }
	return s, nil
}

// Domains implements meter.Source.
func (s *Source) Domains() []meter.Domain { return []meter.Domain{s.domain} }

// Read implements meter.Source. Once the engine's process has ended the
// reading has no value and is lost.
func (s *Source) Read(dst []meter.Reading) []meter.Reading {
	r := meter.Reading{Before: s.clock()}
	used, ok := s.time.read()
	r.After = s.clock()
	if !ok {
		r.Status = meter.StatusLost
		return append(dst, r)
	}
	r.Energy = meter.EnergyOf(s.perCPU, used) + meter.EnergyOf(s.idle, r.Before-s.opened)
	r.HasEnergy, r.Status = true, meter.StatusOK
	return append(dst, r)
}

// Warnings says what is doubtful of the processes that were counted. It must not be
// called while another goroutine reads.
func (s *Source) Warnings() []string {
	if adopted := s.adopted(); len(adopted) > 0 {
		return []string{"cpu: processes whose parents ended were taken for the engine's, as they are of its session or control group: " + strings.Join(adopted, ", ")}
	}
	return nil
}

// Close implements meter.Source.
func (s *Source) Close() error { return s.time.close() }

// family is the time of a process tree.
type family struct {
	clock          meter.Clock
	tree           *tree
	lookAt, scanAt time.Duration
}

func (f *family) read() (used time.Duration, ok bool) {
	if now := f.clock(); now >= f.scanAt && !f.tree.gone {
		// An error here leaves the members as they were: the next look is near.
		_ = f.tree.discover()
		done := f.clock()
		f.lookAt, f.scanAt = done, done+max(scanPeriod, scanShare*(done-now))
	} else if now >= f.lookAt && !f.tree.gone {
		_ = f.tree.look()
		done := f.clock()
		f.lookAt = done + lookShare*(done-now)
	}
	return f.tree.read() - f.tree.base, !f.tree.gone
}

func (*family) close() error { return nil }

// group is the time of a control group, and of the processes above it that are the
// engine's (a shell that started it).
type group struct {
	host  host
	root  int
	path  string
	usage *process.Usage
	above []int
	outer time.Duration // last time of those above
	base  time.Duration
	total time.Duration
}

// openGroup returns the engine's own control group, false if there is none.
func openGroup(h host, o Options) (*group, bool) {
	sys, ok := h.(system)
	if !ok {
		return nil, false
	}
	own, outside, ok := sys.OwnGroup(o.Cgroups, o.PID, os.Getpid())
	if !ok {
		return nil, false
	}
	usage, err := own.Open()
	if err != nil {
		return nil, false
	}
	g := &group{host: h, root: o.PID, path: own.Path, usage: usage, above: outside}
	used, ok := g.read()
	if !ok {
		_ = usage.Close() // it was only read
		return nil, false
	}
	g.base, g.total = used, 0
	return g, true
}

func (g *group) read() (used time.Duration, ok bool) {
	if _, err := g.host.cpu(g.root); err != nil {
		return 0, false
	}
	sum, err := g.usage.Read()
	if err != nil {
		return 0, false
	}
	outer := time.Duration(0)
	for _, pid := range g.above {
		if own, err := g.host.cpu(pid); err == nil {
			outer += own
		}
	}
	g.outer = max(g.outer, outer)
	g.total = max(g.total, sum+g.outer-g.base)
	return g.total, true
}

func (g *group) close() error { return g.usage.Close() }
