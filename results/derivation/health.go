package derivation

import (
	"math"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// SensorHealth is what the readings of one domain show over a cell's window.
// Ratios are NaN where they are not known.
type SensorHealth struct {
	Domain   string
	Kind     meter.Kind
	Coarse   bool
	Readings int
	Gaps     int
	GapShare float64 // of the window that lies in gaps
	Stalled  int
	Lost     bool // the device went during or before the window
	Reset    bool // the register was reset within the window
	Covered  bool // readings bracket the window
	Advanced bool // the register moved over the window
	// CounterToPower is the counter's energy over the integral of the gauge read
	// with it, IdleDrift the change of idle power over the run, Bracket the
	// width of the energy's bracket over the energy.
	CounterToPower, IdleDrift, Bracket float64
}

// health looks at the readings of one domain over the cell's window.
func health(d runfolder.DomainInfo, readings []meter.Reading, curve *attribution.Curve, idle attribution.Idle, cell runfolder.Cell) SensorHealth {
	w := cell.Window
	h := SensorHealth{Domain: d.Name, Kind: d.Kind, Coarse: d.Coarse, CounterToPower: math.NaN(), IdleDrift: math.NaN(), Bracket: math.NaN()}
	if idle.Known && cell.IdleBefore.Length() > 0 && cell.IdleAfter.Length() > 0 {
		h.IdleDrift = idle.Drift
	}
	var gap, last time.Duration
	first := true
	for _, r := range readings {
		if r.Status == meter.StatusLost && r.Before < w.End {
			h.Lost = true
		}
		if r.At() < w.Start || r.At() > w.End {
			last, first = r.At(), false
			continue
		}
		h.Readings++
		switch r.Status {
		case meter.StatusGap:
			h.Gaps++
			if !first {
				gap += r.At() - max(last, w.Start)
			}
		case meter.StatusReset:
			h.Reset = true
		case meter.StatusStalled:
			h.Stalled++
		}
		last, first = r.At(), false
	}
	if w.Length() > 0 {
		h.GapShare = float64(gap) / float64(w.Length())
	}
	span := curve.Span()
	h.Covered = span.Start <= w.Start && span.End >= w.End
	difference, bracket := curve.Counter(w), curve.Energy(w)
	h.Advanced = difference.Flag == "" && difference.Energy > 0
	if bracket.HasEnergy && bracket.Energy > 0 && bracket.Hi != meter.Unbounded {
		h.Bracket = float64(bracket.Hi-bracket.Lo) / float64(bracket.Energy)
	}
	if d.Kind == meter.KindCounter {
		h.CounterToPower = counterToPower(readings, bracket, w)
	}
	return h
}

// counterToPower is the counter's energy over w by the integral of the gauge
// that was read with it, by trapezoids; NaN without a gauge or where its
// readings do not bracket w.
func counterToPower(readings []meter.Reading, energy attribution.Interval, w meter.Window) float64 {
	if !energy.HasEnergy {
		return math.NaN()
	}
	var integral float64 // joules
	var before *meter.Reading
	covered := false
	for i := range readings {
		r := &readings[i]
		if !r.HasPower {
			continue
		}
		if before != nil {
			from, to := max(before.At(), w.Start), min(r.At(), w.End)
			if to > from {
				at := func(t time.Duration) float64 {
					share := float64(t-before.At()) / float64(r.At()-before.At())
					return before.Power.Watts() + share*(r.Power.Watts()-before.Power.Watts())
				}
				integral += (at(from) + at(to)) / 2 * (to - from).Seconds()
			}
			covered = covered || r.At() >= w.End
		} else if r.At() > w.Start {
			return math.NaN()
		}
		before = r
	}
	if !covered || integral == 0 {
		return math.NaN()
	}
	return energy.Energy.Joules() / integral
}
