package meter_test

import (
	"time"

	"cfubench/meter"
)

// gpu is a simulated GPU: a counter that publishes the energy of a constant
// power every update, as a board's firmware does, and a gauge.
type gpu struct {
	clock  meter.Clock
	name   string
	update time.Duration
	power  meter.Power
	// fault, if set, has the last word on a reading.
	fault  func(*meter.Reading)
	spoilt meter.Reading // what fault works on: a local one would escape
}

var _ meter.Source = (*gpu)(nil)

func (g *gpu) Domains() []meter.Domain {
	return []meter.Domain{{
		Name: g.name, Device: g.name, Source: "fake", Kind: meter.KindCounter, Scope: meter.ScopeGPU,
		Quantum: meter.Millijoule, UpdatePeriod: g.update, Limit: 2 * g.power,
	}}
}

func (g *gpu) Read(dst []meter.Reading) []meter.Reading {
	r := meter.Reading{Before: g.clock(), HasEnergy: true, HasPower: true, Power: g.power, Status: meter.StatusOK}
	r.Energy = meter.EnergyOf(g.power, r.Before.Truncate(g.update)) / meter.Millijoule * meter.Millijoule
	r.After = g.clock()
	if g.fault != nil {
		g.spoilt = r
		g.fault(&g.spoilt)
		r = g.spoilt
	}
	return append(dst, r)
}

func (g *gpu) Close() error { return nil }
