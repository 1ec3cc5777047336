package attribution

import (
	"fmt"
	"math"

	"cfubench/meter"
)

// Idle is the power of a domain while nothing is asked of it. Nothing is ever
// subtracted with it silently: it splits a total into figures that stand side
// by side.
type Idle struct {
	// Loaded is the power with the server up and its model in memory, Bare the
	// power before there was a server, zero if it was not measured.
	Loaded, Bare meter.Power
	// Known: Loaded was measured. HasBare: Bare was, or needs no measuring.
	Known, HasBare bool
	// Drift is the loaded idle power after the run over that before it, less
	// one; zero if only one was measured.
	Drift float64
}

// maxDrift is the idle drift beyond which before and after disagree.
const maxDrift = 0.03

// MeasureIdle takes the loaded idle power from the idle windows before and
// after a run; an empty window is one that was not measured. With both, the
// power is their mean, and a drift beyond 3 % is a warning, but for a model.
func MeasureIdle(c *Curve, before, after Window) (Idle, []Warning) {
	var idle Idle
	var warnings []Warning
	var powers []meter.Power
	for _, w := range []Window{before, after} {
		if w.Length() <= 0 {
			continue
		}
		p, e := c.MeanPower(w)
		if !e.HasEnergy {
			warnings = append(warnings, Warning{"idle", c.domain.Name, w.Start, fmt.Sprintf("idle window without energy %v", e.Flags)})
			continue
		}
		powers = append(powers, p)
	}
	switch len(powers) {
	case 0:
		return idle, warnings
	case 1:
		idle.Loaded = powers[0]
	case 2:
		idle.Loaded = (powers[0] + powers[1]) / 2
		if powers[0] > 0 {
			idle.Drift = float64(powers[1])/float64(powers[0]) - 1
		}
		// A model of processor time has no temperature that could drift: near
		// zero, its idle power is noise.
		if math.Abs(idle.Drift) > maxDrift && c.domain.Kind != meter.KindModel {
			warnings = append(warnings, Warning{"idle_drift", c.domain.Name, after.Start,
				fmt.Sprintf("idle power went from %v to %v (%+.1f %%): the machine was not in a steady state", powers[0], powers[1], 100*idle.Drift)})
		}
	}
	idle.Known = true
	return idle, warnings
}

// MeasureBare takes the bare idle power from bare, the curve over window w in
// which no server ran; nil is none. A model of the server's own processes
// counts nothing without them: its bare idle is zero and known without one.
func (i *Idle) MeasureBare(d meter.Domain, bare *Curve, w Window) []Warning {
	i.Bare, i.HasBare = 0, d.Scope == meter.ScopeProcess
	if i.HasBare || bare == nil || w.Length() <= 0 {
		return nil
	}
	p, e := bare.MeanPower(w)
	if !e.HasEnergy {
		return []Warning{{"bare_idle", d.Name, w.Start, fmt.Sprintf("bare idle window without energy %v", e.Flags)}}
	}
	i.Bare, i.HasBare = p, true
	return nil
}

// Figures are the three readings of one energy: all of it, what is above
// loaded idle, and what is above bare idle.
type Figures struct {
	Total, AboveLoaded, AboveBare meter.Energy
	HasLoaded, HasBare            bool
}

// Figures splits energy e used over a time of length w. A figure above idle
// may be negative where the power was under the idle power.
func (i Idle) Figures(e meter.Energy, w Window) Figures {
	f := Figures{Total: e, HasLoaded: i.Known, HasBare: i.HasBare}
	if i.Known {
		f.AboveLoaded = e - over(i.Loaded, w)
	}
	if i.HasBare {
		f.AboveBare = e - over(i.Bare, w)
	}
	return f
}

// over is the energy of a constant power over w.
func over(p meter.Power, w Window) meter.Energy {
	return meter.Energy(math.Round(rate(p) * float64(w.Length())))
}
