package runfolder

import (
	"encoding/json"
	"fmt"
	"slices"

	"cfubench/internal/inputfile"
	"cfubench/meter"
)

// What a reference meter covers.
const (
	// CoversNode is a meter at the wall or a BMC: it also sees fans, memory and
	// the losses of power supplies, so it tells the host factor of an inventory and
	// nothing of a card's gain.
	CoversNode = "node"
	// CoversDomains is one that sees the summed domains and nothing else, such as
	// a meter in the cards' supply: it tells their gain and offset.
	CoversDomains = "domains"
)

// Reference is a reference meter compared with the summed domains of a host, as
// `cfu meters --reference` writes it to a file and run.json keeps it: Reference
// power = Offset + Slope × the sum of the domains' powers.
type Reference struct {
	Schema   int    `json:"schema"`
	Measured string `json:"measured"` // RFC 3339, UTC
	Host     string `json:"host,omitempty"`
	Meter    string `json:"meter"`  // as it was asked for, without secrets
	Device   string `json:"device"` // as the meter says
	Covers   string `json:"covers"` // CoversNode or CoversDomains
	Load     string `json:"load"`   // what made the plateaus differ
	// Slope and Offset with half of their 95 % intervals, null where two plateaus
	// give none.
	Slope     float64      `json:"slope"`
	SlopeU95  *float64     `json:"slope_u95"`
	Offset    meter.Power  `json:"offset_uw"`
	OffsetU95 *meter.Power `json:"offset_u95_uw"`
	R2        float64      `json:"r2"`
	// Blind says that the meter does not see this load: the rest tells nothing.
	Blind bool `json:"blind"`
	// HostFactor is the reference over the accelerators' power under load, nil
	// where none is summed or the meter covers no more than they are.
	HostFactor *ReferenceFactor  `json:"host_factor,omitempty"`
	Domains    []ReferenceDomain `json:"domains"`
	Plateaus   []Plateau         `json:"plateaus"`
	Warnings   []string          `json:"warnings,omitempty"`
}

// ReferenceFactor is a measured host factor.
type ReferenceFactor struct {
	Value    float64  `json:"value"`
	U95      *float64 `json:"u95"`
	Plateaus int      `json:"plateaus"`
	Of       []string `json:"of"` // the domains that it multiplies
}

// ReferenceDomain is one summed domain.
type ReferenceDomain struct {
	Domain  string `json:"domain"`
	Device  string `json:"device"`
	Product string `json:"product,omitempty"`
	// Slope is the reference's rise for each watt of this domain alone, null where
	// the plateaus do not tell the domains apart.
	Slope *float64 `json:"slope,omitempty"`
	// Sensor is how far this sensor is off, null unless the meter covers the
	// domains alone.
	Sensor *SensorReference `json:"sensor,omitempty"`
}

// SensorReference is how far a reference meter has found one sensor off: its
// standard uncertainties (k=1), which a run states instead of those of any card
// of its kind. Its readings are not corrected.
type SensorReference struct {
	Gain   float64     `json:"gain"` // relative
	Offset meter.Power `json:"offset_uw"`
	Source string      `json:"source"`
}

// Plateau is a stretch of steady load: the mean powers over it.
type Plateau struct {
	Load      string        `json:"load"` // "idle", "load", or a cell's phase
	Over      meter.Window  `json:"over"`
	Reference meter.Power   `json:"reference_uw"`
	Domains   []meter.Power `json:"domains_uw"`
}

// referenceSchema is the version of a reference's file.
const referenceSchema = 1

// NewReference returns a reference of the schema that this package reads.
func NewReference() Reference { return Reference{Schema: referenceSchema} }

// ReadReference reads a file that `cfu meters --reference` wrote.
func ReadReference(path string) (Reference, error) {
	text, err := inputfile.ReadRegular(path)
	if err != nil {
		return Reference{}, fmt.Errorf("read reference: %w", err)
	}
	var r Reference
	if err := json.Unmarshal(text, &r); err != nil {
		return Reference{}, fmt.Errorf("read reference %s: %w", path, err)
	}
	switch {
	case r.Schema != referenceSchema || len(r.Domains) == 0:
		return Reference{}, fmt.Errorf("read reference %s: it is no file that 'cfu meters --reference METER --reference-out FILE' of this version wrote", path)
	case r.Covers != CoversNode && r.Covers != CoversDomains:
		return Reference{}, fmt.Errorf("read reference %s: it covers %q: want %s or %s", path, r.Covers, CoversNode, CoversDomains)
	case r.Blind:
		return Reference{}, fmt.Errorf("read reference %s: the meter did not see this load: it tells nothing", path)
	}
	for _, d := range r.Domains {
		if s := d.Sensor; s != nil && (!(s.Gain >= 0 && s.Gain < 1) || s.Offset < 0) {
			return Reference{}, fmt.Errorf("read reference %s: %s: a gain of %g and an offset of %v are none", path, d.Domain, s.Gain, s.Offset)
		}
	}
	return r, nil
}

// SetReference keeps what the reference found of the sensors with their domains,
// which are known by their devices, and returns a warning of each summed domain
// that it does not know. Without a reference it does nothing.
func SetReference(domains []DomainInfo, r *Reference) (warnings []string) {
	if r == nil {
		return nil
	}
	for i := range domains {
		d := &domains[i]
		k := slices.IndexFunc(r.Domains, func(k ReferenceDomain) bool {
			return k.Domain == d.Name && meter.SameDevice(k.Device, d.Device)
		})
		switch {
		case k >= 0:
			d.Reference = r.Domains[k].Sensor
		case d.Summed():
			warnings = append(warnings, fmt.Sprintf("the reference meter %s was not compared with %s (%s): its result belongs to other sensors", r.Meter, d.Name, d.Device))
		}
	}
	return warnings
}
