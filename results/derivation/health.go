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
	Domain string
	Kind   meter.Kind
	Coarse bool
	// PartTime: the gauge beside the counter looks part of the time only.
	PartTime bool
	Readings int
	Gaps     int
	GapShare float64 // of the window that lies in gaps
	Stalled  int
	Lost     bool // the device went during or before the window
	Reset    bool // the register was reset within the window
	Covered  bool // readings bracket the window
	Advanced bool // the register moved over the window
	// CounterToPower is the counter's energy over the integral of the gauge read
	// with it, ToSamples the domain's energy over that of the driver's own samples
	// of power, IdleDrift the change of idle power over the run, Bracket the
	// width of the energy's bracket over the energy.
	CounterToPower, ToSamples, IdleDrift, Bracket float64
	// Response is how the power gauge followed the end of the load, zero where that
	// did not show.
	Response attribution.Response
}

// look gathers what the readings of one domain show over a window, as they come.
type look struct {
	window    meter.Window
	found     SensorHealth
	gap, last time.Duration
	seen      bool // a reading
	gauge     gaugeIntegral
	scope     meter.Scope
	responds  bool         // its gauge's response can be measured
	about     meter.Window // the load's end, about which that shows
	figures   []meter.Reading
}

func newLook(d runfolder.DomainInfo, cell runfolder.Cell) look {
	w := cell.Window
	return look{
		window: w, gauge: gaugeIntegral{window: w}, scope: d.Scope,
		responds: d.Kind != meter.KindModel && !d.Coarse && cell.IdleAfter.Length() > 0,
		about:    meter.Window{Start: w.End - attribution.ResponseBefore, End: cell.IdleAfter.End},
		found: SensorHealth{
			Domain: d.Name, Kind: d.Kind, Coarse: d.Coarse, PartTime: d.PartTime,
			CounterToPower: math.NaN(), ToSamples: math.NaN(), IdleDrift: math.NaN(), Bracket: math.NaN(),
		},
	}
}

// add takes the next reading of the domain.
func (l *look) add(r meter.Reading) {
	h, w := &l.found, l.window
	if r.Status == meter.StatusLost && r.Before < w.End {
		h.Lost = true
	}
	if h.Kind == meter.KindCounter {
		l.gauge.add(r)
	}
	if l.responds && r.HasPower && r.At() >= l.about.Start && r.At() <= l.about.End {
		l.figures = append(l.figures, r)
	}
	if r.At() < w.Start || r.At() > w.End {
		l.last, l.seen = r.At(), true
		return
	}
	h.Readings++
	switch r.Status {
	case meter.StatusGap:
		h.Gaps++
		if l.seen {
			l.gap += r.At() - max(l.last, w.Start)
		}
	case meter.StatusReset:
		h.Reset = true
	case meter.StatusStalled:
		h.Stalled++
	}
	l.last, l.seen = r.At(), true
}

// health is what was seen, with what the curve of the readings shows.
func (l *look) health(samples []buffered, estimate attribution.Estimate, cell runfolder.Cell) SensorHealth {
	h, w, idle := l.found, l.window, estimate.Idle
	if idle.Known && cell.IdleBefore.Length() > 0 && cell.IdleAfter.Length() > 0 {
		h.IdleDrift = idle.Drift
	}
	if w.Length() > 0 {
		h.GapShare = float64(l.gap) / float64(w.Length())
	}
	span := estimate.Curve.Span()
	h.Covered = span.Start <= w.Start && span.End >= w.End
	bracket := estimate.Interval()
	h.Advanced = estimate.Curve.Moved(w)
	if bracket.HasEnergy && bracket.Energy > 0 && bracket.Hi != meter.Unbounded {
		h.Bracket = float64(bracket.Hi-bracket.Lo) / float64(bracket.Energy)
	}
	if joules := l.gauge.joules(); bracket.HasEnergy && h.Kind == meter.KindCounter {
		h.CounterToPower = bracket.Energy.Joules() / joules
	}
	if l.responds {
		h.Response, _ = attribution.MeasureResponse(l.figures, w.End, cell.IdleAfter)
	}
	if l.scope == meter.ScopeGPU { // the samples are the GPU's, whatever a module has besides
		h.ToSamples = toSamples(estimate.Curve, samples, w)
	}
	return h
}

// gaugeIntegral is the integral of a gauge that is read with a counter over a
// window, by trapezoids.
type gaugeIntegral struct {
	window    meter.Window
	sum       float64 // joules
	before    meter.Reading
	began     bool // before is a reading
	uncovered bool // the first reading came after the window's begin
	covered   bool // a reading came at or after its end
}

func (g *gaugeIntegral) add(r meter.Reading) {
	if !r.HasPower {
		return
	}
	if !g.began {
		g.uncovered = r.At() > g.window.Start
	} else {
		from, to := max(g.before.At(), g.window.Start), min(r.At(), g.window.End)
		if to > from {
			at := func(t time.Duration) float64 {
				share := float64(t-g.before.At()) / float64(r.At()-g.before.At())
				return g.before.Power.Watts() + share*(r.Power.Watts()-g.before.Power.Watts())
			}
			g.sum += (at(from) + at(to)) / 2 * (to - from).Seconds()
		}
		g.covered = g.covered || r.At() >= g.window.End
	}
	g.before, g.began = r, true
}

// joules is NaN without a gauge, or where its readings do not bracket the window.
func (g *gaugeIntegral) joules() float64 {
	if !g.covered || g.uncovered || g.sum == 0 {
		return math.NaN()
	}
	return g.sum
}
