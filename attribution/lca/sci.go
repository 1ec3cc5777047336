package lca

import (
	"errors"
	"slices"
)

// SCI is the assessment as a Software Carbon Intensity score (ISO/IEC
// 21031:2024): (E·I + M) per R, with R one request. It has no place for
// training or experimentation, which is why it is lower than C_FU.
type SCI struct {
	Energy    float64 `json:"energy_kwh"`               // E, per request
	Intensity float64 `json:"intensity_kgco2e_per_kwh"` // I, location-based
	Embodied  float64 `json:"embodied_kgco2e"`          // M = TE·TS·RS, calendar share, per request
	Score     float64 `json:"sci_kgco2e_per_request"`   // (E·I + M) / R
	Unit      string  `json:"functional_unit"`          // R
	Boundary  string  `json:"boundary"`
}

// SCI gives the score, or why there is none: the standard wants location-based
// carbon and the calendar share of the hardware's life.
func (a *Assessment) SCI() (SCI, error) {
	s := *a.systemOf(Energy, GWP)
	g := index(GWP)
	switch {
	case a.Options.Basis != LocationBased:
		return SCI{}, errors.New("SCI wants location-based carbon: assess with that basis")
	case !s.has[g][inferenceTerm]:
		return SCI{}, errors.New("the inventory has no carbon intensity")
	}
	s.options.Embodied = Calendar
	point := s.at(s.values)
	sci := SCI{
		Energy:   point.row(index(Energy))[inferenceTerm] / s.requests,
		Embodied: point.row(g)[inferenceTerm+1] / s.requests,
		Unit:     string(PerRequest),
		Boundary: a.boundary(GWP, Inference) + "; embodied: " + string(a.Inventory.coverageIn(GWP)) + ", calendar share",
	}
	if slices.ContainsFunc(a.Inventory.Upfront, func(p Process) bool { return p.Kind == Service }) {
		sci.Boundary += "; without the other servers that a request asks"
	}
	if s.idleTime != absent {
		sci.Boundary += "; without machines that wait"
	}
	operation := point.row(g)[inferenceTerm] / s.requests
	if sci.Energy > 0 {
		sci.Intensity = operation / sci.Energy
	}
	sci.Score = operation + sci.Embodied
	return sci, nil
}
