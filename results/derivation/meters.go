package derivation

import (
	"context"
	"slices"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
	"cfubench/results/runfolder"
)

// Meters are the meters of one cell as its raw readings show them: a curve of
// cumulative energy for each domain, and its idle power. Every energy of a cell
// over some window is one of these curves'.
type Meters struct {
	// Domains, and in their order what each used over the cell's window, and the
	// curve and idle power by which every window in it is measured. Domains that
	// count in a cell's energy say so (DomainInfo.Summed).
	Domains   []runfolder.DomainInfo
	Estimates []attribution.Estimate
	Curves    []*attribution.Curve
	Idle      []attribution.Idle
	// Sensors say how well each summed domain was read.
	Sensors []SensorHealth
	// NotBare says why bare idle was not measured, "" where it was.
	NotBare string
	// Warnings are doubts about the summed domains, in one line each.
	Warnings []string
}

// ReadMeters reads the readings of a cell of the run folder dir, and keeps of each
// domain its curve. step is the time between two steps of the engine's work, by
// which a sensor that looks part of the time may be fooled, 0 if it is not known. A
// cell without readings has no domains. The end of ctx ends it, with its cause.
func ReadMeters(ctx context.Context, dir string, cell runfolder.Cell, bare Bare, step time.Duration) (*Meters, error) {
	return (*Shared)(nil).Meters(ctx, dir, cell, bare, step)
}

// Meters is ReadMeters of a cell that an earlier pass may have read.
func (s *Shared) Meters(ctx context.Context, dir string, cell runfolder.Cell, bare Bare, step time.Duration) (*Meters, error) {
	read, err := s.of(ctx, dir, cell)
	if err != nil {
		return nil, err
	}
	m := &Meters{NotBare: bare.NotMeasured, Domains: read.domains}
	if len(read.domains) == 0 {
		return m, nil
	}
	samples, err := readSamples(ctx, dir, cell)
	if err != nil { // they only check what the sensors say
		m.Warnings = append(m.Warnings, err.Error())
	}
	for i, d := range m.Domains {
		curve := shaped(read.curves[i], samples[d.Name])
		warnings := slices.Clone(read.warnings[i])
		estimate := curve.Estimate(cell.Window, attribution.Surroundings{
			IdleBefore: cell.IdleBefore, IdleAfter: cell.IdleAfter, Step: step, Gauge: sensor(curve, d),
		})
		idle, more := estimate.Idle, estimate.Warnings
		more = append(more, bare.measure(d.Domain, &idle)...)
		if d.Summed() { // the idle power of the others is in no sum
			warnings = append(warnings, more...)
			h := read.looks[i].health(samples[d.Name], estimate, cell)
			m.Sensors = append(m.Sensors, h)
			if h.Response.Average > 0 {
				if doubt := disagrees(d, h.Response); doubt != "" {
					m.Warnings = append(m.Warnings, doubt)
				}
			}
		}
		for _, w := range warnings {
			m.Warnings = append(m.Warnings, w.String())
		}
		m.Estimates = append(m.Estimates, estimate)
		m.Curves = append(m.Curves, estimate.Curve)
		m.Idle = append(m.Idle, idle)
	}
	return m, nil
}

// sensor is the curve's gauge with what the run knows better: the interval of a
// log that somebody else wrote, and the gain and the offset that a reference
// meter found. The zero gauge, which leaves the curve's own, without either.
func sensor(curve *attribution.Curve, d runfolder.DomainInfo) gauge.Gauge {
	g := curve.Gauge()
	logged := d.Kind == meter.KindPower && d.UpdatePeriod == 0 && d.Poll > 0
	if logged {
		g = g.Logged(max(d.Poll, curve.Changes()))
	}
	if r := d.Reference; r != nil {
		g.Gain, g.Offset, g.Calibrated, g.Source = r.Gain, r.Offset, true, r.Source
	} else if !logged {
		return gauge.Gauge{}
	}
	return g
}

// Estimate is an energy with its bracket. Hi is meter.Unbounded where nothing
// bounds it; an energy that is not Known has no figures.
type Estimate struct {
	Known          bool
	Energy, Lo, Hi meter.Energy
}

// plus adds two estimates of different parts.
func (e Estimate) plus(o Estimate) Estimate {
	if !e.Known || !o.Known {
		return Estimate{}
	}
	sum := Estimate{Known: true, Energy: e.Energy + o.Energy, Lo: e.Lo + o.Lo, Hi: meter.Unbounded}
	if e.Hi < meter.Unbounded-o.Hi {
		sum.Hi = e.Hi + o.Hi
	}
	return sum
}

// Together is the energy of several cells; not known where one has none.
func Together(cells []CellEnergy) Estimate {
	sum := Estimate{Known: len(cells) > 0}
	for _, c := range cells {
		sum = sum.plus(c.Estimate())
	}
	return sum
}

// Energy is the energy of the summed domains over w; not known where one of
// them has none, or where nothing is metered.
func (m *Meters) Energy(w meter.Window) Estimate { return m.energyOf(w, runfolder.DomainInfo.Summed) }

// energyAt is Energy of one host's domains.
func (m *Meters) energyAt(w meter.Window, host string) Estimate {
	return m.energyOf(w, func(d runfolder.DomainInfo) bool { return d.Summed() && d.Host == host })
}

func (m *Meters) energyOf(w meter.Window, counts func(runfolder.DomainInfo) bool) Estimate {
	sum, metered := Estimate{Known: true}, false
	for i, d := range m.Domains {
		if counts(d) {
			e := m.Curves[i].Energy(w)
			sum = sum.plus(Estimate{Known: e.HasEnergy, Energy: e.Energy, Lo: e.Lo, Hi: e.Hi})
			metered = true
		}
	}
	if !metered {
		return Estimate{}
	}
	return sum
}

// Metered reports whether any domain is summed.
func (m *Meters) Metered() bool {
	return slices.ContainsFunc(m.Domains, runfolder.DomainInfo.Summed)
}

// IdlePower is the power of the summed domains while nothing is asked of the
// server, and before there was one; an unknown part makes a sum unknown.
func (m *Meters) IdlePower() (loaded, bare meter.Power, hasLoaded, hasBare bool) {
	hasLoaded, hasBare = m.Metered(), m.Metered()
	for i, d := range m.Domains {
		if d.Summed() {
			loaded, bare = loaded+m.Idle[i].Loaded, bare+m.Idle[i].Bare
			hasLoaded, hasBare = hasLoaded && m.Idle[i].Known, hasBare && m.Idle[i].HasBare
		}
	}
	return loaded, bare, hasLoaded, hasBare
}

// KindOf is the kind of a sum over the summed domains: "counter", "power",
// "model", or several joined by "+".
func KindOf(domains []runfolder.DomainInfo) string {
	var kinds []string
	for _, d := range runfolder.Summed(domains) {
		if !slices.Contains(kinds, string(d.Kind)) {
			kinds = append(kinds, string(d.Kind))
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, "+")
}

// Modelled reports whether a model is among the kinds that KindOf has joined.
func Modelled(kind string) bool { return strings.Contains(kind, string(meter.KindModel)) }
