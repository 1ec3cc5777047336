package lca

import (
	"fmt"
	"strconv"
)

// Datum is one number of an inventory with all that is needed to judge it.
type Datum struct {
	Value    float64  `json:"value"`
	Unit     string   `json:"unit"`
	Source   string   `json:"source"`
	Year     int      `json:"year"`
	Boundary Boundary `json:"boundary"`
	Quality  Quality  `json:"quality"`
	// Reason says why an assumption is made; required of that quality.
	Reason string `json:"reason,omitzero"`
	Note   string `json:"note,omitzero"`
	// Spread is the figure's own distribution; without it the default of its
	// quality is used.
	Spread *Spread `json:"spread,omitzero"`
	// Pedigree scores the figure; it gives the spread where none is written.
	Pedigree *Pedigree `json:"pedigree,omitzero"`
	// Basis, CharacterizedBy and WaterVariant are the variant of a carbon or
	// water figure that a publication printed: another is computed anew where
	// the energy behind it is known, and warned of where it is not.
	Basis           Basis        `json:"basis,omitzero"`
	CharacterizedBy string       `json:"characterized_by,omitzero"`
	WaterVariant    WaterVariant `json:"water_variant,omitzero"`

	// Set on loading: the value in its dimension's canonical unit, and where
	// the figure stands.
	canonical float64
	dimension string
	place     Place
	limits    domain
	// cause is what the figure was taken from, wherever it stands: another assessment, or a
	// record. Figures of one cause are drawn together.
	cause string
}

// Place is where a figure stands in an inventory; Line is 0 for one that was
// chosen for an assessment instead of read.
type Place struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Field string `json:"field"`
}

// String is the place as FILE:LINE, the field where there is no line.
func (p Place) String() string {
	if p.Line == 0 {
		return p.Field
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Canonical is the value in its dimension's canonical unit (kWh, kg CO2e, L,
// kg Sb eq, MJ, USD, h, 1, requests, and these per kWh).
func (d Datum) Canonical() float64 { return d.canonical }

// CanonicalUnit is the unit of Canonical.
func (d Datum) CanonicalUnit() string { return dimensionOf(d.dimension).canonical }

// String is the value with its unit, as written.
func (d Datum) String() string {
	number := strconv.FormatFloat(d.Value, 'g', -1, 64)
	switch d.Unit {
	case "1":
		return number
	case "%":
		return number + " %"
	}
	return number + " " + d.Unit
}

// fact tells the figure from others whichever inventory it stands in: one who compares
// designs copies an inventory and changes what differs.
func (d Datum) fact() Place {
	return Place{File: fmt.Sprintf("%s, %s, %d, %s, %s, %v", d.Unit, d.Source, d.Year, d.Boundary, d.Quality, d.SpreadOf()), Field: d.place.Field}
}

// Place is where the figure was read.
func (d Datum) Place() Place { return d.place }

// Quality says how good a figure is, from a meter's reading to an assumption.
type Quality string

// Qualities, with the default spread of each in DefaultSpread.
const (
	Measured   Quality = "measured"   // a meter's reading
	Published  Quality = "published"  // read in the publication that established it
	Vendor     Quality = "vendor"     // a vendor's reviewed product carbon footprint
	Secondary  Quality = "secondary"  // somebody else's transcription of the primary
	Modelled   Quality = "modelled"   // a parametric model, not an inventory of this product
	Derived    Quality = "derived"    // computed from other figures, as the note says
	Assumption Quality = "assumption" // nobody knows; the reason is given
)

// Qualities lists the qualities from the best to the worst.
func Qualities() []Quality {
	return []Quality{Measured, Published, Vendor, Secondary, Derived, Modelled, Assumption}
}
