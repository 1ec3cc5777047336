// Package cputime is the model for machines without an energy counter: the
// processor time of the engine's process tree times stated watts per busy core.
//
// It is a model and says so wherever it shows (meter.KindModel). It sees what
// the processes used of the processors and nothing else: no memory, no idle
// power, no accelerator, no frequency. It ranks runs on one machine; its joules
// are as good as the stated watts.
package cputime

import (
	"fmt"
	"math"
	"time"

	"cfubench/meter"
)

// tick is the longest scheduler tick that kernels are built with (HZ=100): the
// time of a thread that is running is at most so old.
const tick = 10 * time.Millisecond

// quantum is the model's step: the clock counts nanoseconds, the energy is in
// whole microjoules.
const quantum = meter.Microjoule

// Looking for new processes reads the stat file of every process of the host:
// it is done every scanPeriod, and less often where one look takes longer than
// 1/scanShare of that.
const (
	scanPeriod = 2 * time.Second
	scanShare  = 200
)

// Source is the modelled energy of one process tree, counted from zero at the
// time that it was opened.
type Source struct {
	clock  meter.Clock
	tree   *tree
	perCPU meter.Power // per busy core
	domain meter.Domain
	scanAt time.Duration
}

var _ meter.Source = (*Source)(nil)

// Open returns the model of the process tree below pid at watts per busy core.
// It fails if there is no such process or watts is not a positive number.
func Open(clock meter.Clock, pid int, watts float64) (*Source, error) {
	return open(clock, system{"/proc"}, pid, watts)
}

func open(clock meter.Clock, h host, pid int, watts float64) (*Source, error) {
	if !(watts > 0) || watts > 10_000 {
		return nil, fmt.Errorf("watts per busy core %g: want a number above 0 and at most 10000", watts)
	}
	if pid <= 0 {
		return nil, fmt.Errorf("process %d: want the engine's process id", pid)
	}
	t, err := newTree(h, pid)
	if err != nil {
		return nil, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	s := &Source{
		clock: clock, tree: t, scanAt: clock() + scanPeriod,
		perCPU: meter.Power(math.Round(watts * float64(meter.Watt))),
	}
	s.domain = meter.Domain{
		Name: "cpu", Device: fmt.Sprintf("process tree %d", pid), Source: "cputime",
		Kind: meter.KindModel, Scope: meter.ScopeProcess,
		Quantum: quantum, UpdatePeriod: tick,
		Note: fmt.Sprintf("model: processor time of the engine's processes × %g W per busy core; no memory, idle power or accelerator in it", watts),
	}
	return s, nil
}

// Domains implements meter.Source.
func (s *Source) Domains() []meter.Domain { return []meter.Domain{s.domain} }

// Read implements meter.Source. Once the engine's process has ended the
// reading has no value and is lost.
func (s *Source) Read(dst []meter.Reading) []meter.Reading {
	if now := s.clock(); now >= s.scanAt && !s.tree.gone {
		// An error here leaves the members as they were: the next look is near.
		_ = s.tree.discover()
		done := s.clock()
		s.scanAt = done + max(scanPeriod, scanShare*(done-now))
	}
	r := meter.Reading{Before: s.clock()}
	used := s.tree.read() - s.tree.base
	r.After = s.clock()
	if s.tree.gone {
		r.Status = meter.StatusLost
		return append(dst, r)
	}
	r.Energy, r.HasEnergy, r.Status = meter.EnergyOf(s.perCPU, used), true, meter.StatusOK
	return append(dst, r)
}

// Close implements meter.Source.
func (s *Source) Close() error { return nil }
