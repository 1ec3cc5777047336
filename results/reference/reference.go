// Package reference holds a reference meter (a power analyzer at the wall, a
// BMC, an exporter, a log) against the summed domains of a host: over plateaus
// of idle and of load that it makes itself, or over the windows of a run that
// was measured beside the meter.
//
// The regression is attribution.FitReference. It corrects nothing: what it finds
// becomes a host factor for an inventory and the stated uncertainty of later runs.
package reference

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// track is what was read of some domains on one clock: curves, and the windows
// in which the load was steady.
type track struct {
	domains   []runfolder.DomainInfo // the summed ones
	curves    []*attribution.Curve   // in their order
	reference *attribution.Curve
	windows   []phase
}

// phase is a window and what was done in it.
type phase struct {
	load string
	over meter.Window
}

// plateaus are the phases that the reference and all domains cover.
func (t track) plateaus() (fits []attribution.Plateau, kept []runfolder.Plateau) {
	for _, p := range t.windows {
		for _, f := range attribution.Plateaus(t.reference, t.curves, []meter.Window{p.over}) {
			fits = append(fits, f)
			kept = append(kept, runfolder.Plateau{Load: p.load, Over: f.Over, Reference: f.Reference, Domains: f.Domains})
		}
	}
	return fits, kept
}

// summed are the domains that count, or why there is nothing to hold a meter
// against.
func summed(domains []runfolder.DomainInfo) ([]runfolder.DomainInfo, error) {
	var out []runfolder.DomainInfo
	for _, d := range domains {
		switch {
		case !d.Summed():
		case d.Kind == meter.KindModel:
			return nil, fmt.Errorf("%s is a model and no sensor: a reference meter is compared with counters and gauges; name them with --meter", d.Name)
		default:
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no counter or gauge is summed on this host: 'cfu meters' says what each needs")
	}
	return out, nil
}

// result is the fit of the tracks as a file keeps it. The fit is whole also where
// the meter is blind.
func result(r runfolder.Reference, tracks []track) (runfolder.Reference, error) {
	var fits []attribution.Plateau
	asked := 0
	for _, t := range tracks {
		f, kept := t.plateaus()
		fits, r.Plateaus = append(fits, f...), append(r.Plateaus, kept...)
		asked += len(t.windows)
	}
	if missing := asked - len(fits); missing > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d plateaus are not covered by readings of the reference and of every domain, and are left out", missing, asked))
	}
	fit, err := attribution.FitReference(fits)
	if err != nil {
		return r, err
	}
	r.Slope, r.Offset, r.R2, r.Blind = fit.Slope, fit.Offset, fit.R2, fit.Blind
	if fit.Plateaus > 2 {
		r.SlopeU95, r.OffsetU95 = &fit.SlopeU95, &fit.OffsetU95
	}
	for _, w := range fit.Warnings {
		r.Warnings = append(r.Warnings, w.Text)
	}
	domains := tracks[0].domains
	var accelerators []int
	for i, d := range domains {
		out := runfolder.ReferenceDomain{Domain: d.Name, Device: d.Device, Product: d.Product}
		if fit.Slopes != nil {
			out.Slope = &fit.Slopes[i]
		}
		if r.Covers == runfolder.CoversDomains && !fit.Blind {
			g := fit.Calibrate(tracks[0].curves[i].Gauge(), i, len(domains))
			out.Sensor = &runfolder.SensorReference{Gain: g.Gain, Offset: g.Offset, Source: g.Source}
		}
		r.Domains = append(r.Domains, out)
		if d.Scope == meter.ScopeGPU || d.Scope == meter.ScopeModule {
			accelerators = append(accelerators, i)
		}
		if still(fits, i) {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: its power hardly changed between the plateaus: the slope says nothing of it; use a load that reaches it", d.Name))
		}
	}
	if r.Covers == runfolder.CoversNode && !fit.Blind && len(accelerators) > 0 {
		h := attribution.HostFactorOf(fits, accelerators)
		f := &runfolder.ReferenceFactor{Value: h.Value, Plateaus: h.Plateaus}
		if h.Plateaus > 1 {
			f.U95 = &h.U95
		}
		for _, i := range accelerators {
			f.Of = append(f.Of, domains[i].Name)
		}
		if h.Value < 1 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the reference shows less (×%.2f) than the accelerators: it does not cover the whole server, or one of the two is wrong: no host factor", h.Value))
			f = nil
		}
		r.HostFactor = f
	}
	return r, nil
}

// still reports whether a domain's power went through less than a tenth of its
// highest.
func still(plateaus []attribution.Plateau, domain int) bool {
	low, high := math.Inf(1), 0.0
	for _, p := range plateaus {
		w := p.Domains[domain].Watts()
		low, high = min(low, w), max(high, w)
	}
	return high-low < 0.1*high
}

// started is a reference as its measuring begins.
func started(spec, covers, load string, at time.Time) runfolder.Reference {
	r := runfolder.NewReference()
	r.Measured, r.Meter, r.Covers, r.Load = at.UTC().Format(time.RFC3339), spec, covers, load
	if name, err := os.Hostname(); err == nil {
		r.Host = name
	}
	return r
}

// oneOf is the one domain of a reference meter that has several.
func oneOf(domains []meter.Domain, spec string) (meter.Domain, error) {
	if len(domains) == 1 {
		return domains[0], nil
	}
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.Name
	}
	slices.Sort(names)
	return meter.Domain{}, fmt.Errorf("reference %s has %d figures (%v): name one, of an exporter with #metric=NAME&scope=node, of a log with FILE#NAME", spec, len(domains), names)
}
