// Package hwmon reads the energy and power files of Linux's hardware monitors:
// Intel GPUs (xe, i915), NVIDIA Grace and GH200 modules and other hosts with
// ACPI power meters.
//
// It is opinionated: a chip is used only where it is known what its registers
// cover. A file that is called power1_input alone does not tell.
package hwmon

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

const source = "hwmon"

// Open opens the chips below sysfs that are known, one source for all of their
// registers. Chips with a power or energy file that are not known are refusals.
func Open(clock meter.Clock, root string) ([]meter.Source, []meter.Refusal) {
	dirs, err := filepath.Glob(filepath.Join(root, "class", "hwmon", "hwmon[0-9]*"))
	if err != nil {
		return nil, []meter.Refusal{{Source: source, Reason: fmt.Sprintf("list hardware monitors: %v", err)}}
	}
	slices.SortFunc(dirs, sysfs.ByNumber)
	var found []candidate
	var left []meter.Refusal
	for _, dir := range dirs {
		chip, refused := inspect(dir)
		found = append(found, chip...)
		left = append(left, refused...)
	}
	link(found)
	s := &chips{clock: clock}
	for _, c := range found {
		r, refused := openCandidate(c)
		if refused != nil {
			left = append(left, *refused)
			continue
		}
		var volts *sysfs.Register
		if c.volts != "" {
			if volts, refused = openCandidate(candidate{path: c.volts, domain: c.domain}); refused != nil {
				left = append(left, *refused)
				_ = r.Close() // it was only read
				continue
			}
		}
		s.domains = append(s.domains, c.domain)
		s.registers, s.volts = append(s.registers, r), append(s.volts, volts)
	}
	if len(s.domains) == 0 {
		return nil, left
	}
	return []meter.Source{s}, left
}

// candidate is a register that is known by its chip's rule.
type candidate struct {
	path   string
	volts  string // of a rail whose path is a current: its voltage; else ""
	domain meter.Domain
	socket string // of a Grace module, to find its parent
}

// openCandidate opens a register and reads it once: some drivers publish files
// that then fail.
func openCandidate(c candidate) (*sysfs.Register, *meter.Refusal) {
	r, err := sysfs.OpenRegister(c.path)
	if err == nil {
		if _, err = r.Read(); err == nil {
			return r, nil
		}
		err = cmp.Or(err, r.Close())
	}
	refused := &meter.Refusal{Source: source, Domain: c.domain.Name, Reason: fmt.Sprintf("read %s: %v", filepath.Base(c.path), err)}
	if sysfs.Denied(err) {
		refused.Reason = filepath.Base(c.path) + " is not readable"
		refused.Remedy = "run as root, or chmod a+r " + c.path
	}
	return nil, refused
}

// link gives the parts of a superchip the module as their parent.
func link(found []candidate) {
	for i := range found {
		var scope meter.Scope
		switch found[i].domain.Scope {
		case meter.ScopeGrace:
			scope = meter.ScopeModule
		case meter.ScopeCore, meter.ScopeUncore:
			scope = meter.ScopeGrace
		default:
			continue
		}
		for _, c := range found {
			if c.domain.Scope == scope && c.socket == found[i].socket {
				found[i].domain.Parent = c.domain.Name
			}
		}
	}
}

// chips is all of the host's known hardware monitors.
type chips struct {
	clock     meter.Clock
	domains   []meter.Domain
	registers []*sysfs.Register
	volts     []*sysfs.Register // by domain: the voltage in mV of a current in mA, nil of a register with a power
}

var _ meter.Source = (*chips)(nil)

// Domains implements meter.Source.
func (s *chips) Domains() []meter.Domain { return slices.Clone(s.domains) }

// Read implements meter.Source. Each register is bracketed by itself.
func (s *chips) Read(dst []meter.Reading) []meter.Reading {
	for i, reg := range s.registers {
		r := meter.Reading{Domain: i, Status: meter.StatusOK, Before: s.clock()}
		v, err := reg.Read()
		if err == nil && s.volts[i] != nil {
			v, err = s.product(i, v)
		}
		r.After = s.clock()
		switch {
		case err != nil && sysfs.Gone(err):
			r.Status = meter.StatusLost
		case err != nil || v < 0:
			r.Status = meter.StatusTransient
		case s.domains[i].Kind == meter.KindCounter:
			r.Energy, r.HasEnergy = meter.Energy(v), true
		default:
			r.Power, r.HasPower = meter.Power(v), true
		}
		dst = append(dst, r)
	}
	return dst
}

// product is the power in µW of a rail whose current in mA was read.
func (s *chips) product(i int, current int64) (int64, error) {
	volts, err := s.volts[i].Read()
	if err != nil {
		return 0, err
	}
	if current < 0 || volts < 0 || current > 1e6 || volts > 1e6 {
		return -1, nil
	}
	return current * volts, nil
}

// Close implements meter.Source.
func (s *chips) Close() error {
	var errs []error
	for _, r := range slices.Concat(s.registers, s.volts) {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// defaultPeriod is what a gauge that does not state its averaging time is
// taken to have.
const defaultPeriod = 100 * time.Millisecond
