package lca

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Assessor assesses cells under one inventory and one set of options. What the
// inventory's figures are drawn as is drawn once for all cells, which are assessed
// one at a time or side by side.
type Assessor struct {
	inventory Inventory
	options   Options

	mu     sync.Mutex
	sample *sample // of the last system that was drawn
	desks  sync.Pool
}

// NewAssessor checks the options, and takes them over the inventory's figures.
func NewAssessor(inv Inventory, o Options) (*Assessor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if inv, err = o.chosen(inv); err != nil {
		return nil, err
	}
	if err := o.Hourly.check(&inv); err != nil {
		return nil, err
	}
	return &Assessor{inventory: inv, options: o}, nil
}

// MixOf is the hourly mix of the place where a host stands, nil for none.
func (s *Assessor) MixOf(host string) *Hourly {
	for i := range s.inventory.Serving.Sites {
		if l := &s.inventory.Serving.Sites[i]; slices.Contains(l.Hosts, host) {
			return s.options.Hourly[l.Name]
		}
	}
	return s.options.Hourly[""]
}

// Assess computes C_FU of the usage, with its intervals. The end of ctx ends it
// while it draws, with its cause.
func (s *Assessor) Assess(ctx context.Context, u Usage) (Assessment, error) {
	a, err := s.Preview(u)
	if err != nil {
		return a, err
	}
	if err := s.intervals(ctx, &a); err != nil {
		return Assessment{}, fmt.Errorf("assess cell %q: %w", u.Cell, err)
	}
	a.Sensitivity = a.system.tornado()
	units, _, err := u.counts(a.Options)
	if err != nil {
		return Assessment{}, fmt.Errorf("assess: %w", err)
	}
	a.Rows = a.rows(units)
	return a, nil
}

// intervals sets the intervals of a preview.
func (s *Assessor) intervals(ctx context.Context, a *Assessment) error {
	if s.options.Draws == 0 {
		a.bracket()
		return nil
	}
	p, err := s.sampleOf(ctx, a.system)
	if err != nil {
		return err
	}
	d, _ := s.desks.Get().(*desk)
	if d == nil {
		d = new(desk)
	}
	defer s.desks.Put(d)
	return a.simulate(ctx, p, d)
}

// sampleOf gives what the inputs of a system are drawn as: that of the last one, if
// the two have it in common.
func (s *Assessor) sampleOf(ctx context.Context, of *system) (*sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sample != nil && s.sample.isOf(of) {
		return s.sample, nil
	}
	p, err := newSample(ctx, of)
	if err == nil {
		s.sample = p
	}
	return p, err
}

// Preview is an assessment's point values, break-even points and warnings, without
// intervals and rows: what can be told, and refused, before anything is drawn.
func (s *Assessor) Preview(u Usage) (Assessment, error) {
	inv, o := s.inventory, s.options
	if err := u.check(); err != nil {
		return Assessment{}, fmt.Errorf("assess: %w", err)
	}
	if len(inv.Hardware) == 0 || inv.LifetimeInferences.canonical <= 0 {
		return Assessment{}, fmt.Errorf("assess cell %q: the inventory was not loaded: use Load or Decode", u.Cell)
	}
	var err error
	if inv.Metered, err = o.Hourly.over(&inv, u); err != nil {
		return Assessment{}, fmt.Errorf("assess cell %q: %w", u.Cell, err)
	}
	mixes := inv.mixes(u)
	if len(mixes) > 0 && !inv.BoundaryMix.Allow && !o.MixBoundaries {
		return Assessment{}, fmt.Errorf("assess cell %q: boundaries are mixed: %s: use figures of one boundary, give a host_factor, or allow the mix by name", u.Cell, strings.Join(mixes, "; "))
	}
	system, err := compile(&inv, u, o)
	if err != nil {
		return Assessment{}, fmt.Errorf("assess cell %q: %w", u.Cell, err)
	}
	for _, m := range mixes {
		reason := inv.BoundaryMix.Reason
		if !inv.BoundaryMix.Allow {
			reason = "allowed for this assessment"
		}
		system.warn("boundaries are mixed: %s (%s)", m, reason)
	}
	_, warnings, err := u.counts(o)
	if err != nil {
		return Assessment{}, fmt.Errorf("assess: %w", err)
	}
	system.warnings = append(system.warnings, warnings...)
	a := Assessment{Inventory: inv, Usage: u, Options: o, system: system, Warnings: system.warnings}
	point := system.at(system.values)
	a.Outcomes, a.Kinds = system.outcomes(point, system.stages(), true), system.outcomes(point, system.kinds(), false)
	a.BreakEven = system.breakEven(point)
	a.Contributions = system.contributions()
	return a, nil
}

// preview is one Preview under an inventory and options of its own.
func preview(inv Inventory, u Usage, o Options) (Assessment, error) {
	s, err := NewAssessor(inv, o)
	if err != nil {
		return Assessment{}, err
	}
	return s.Preview(u)
}
