package lca

import "fmt"

// WaterVariant names a published way to turn energy into water consumption.
// E is IT energy, WUE on-site litres per IT kWh, EWIF litres per kWh generated.
type WaterVariant string

// Water variants.
const (
	// WaterLi is E·(WUE + PUE·EWIF) (Li et al., CACM 2025): WUE is defined per
	// IT kWh, so only the off-site term carries the PUE. The default.
	WaterLi WaterVariant = "li2025"
	// WaterMorrison is E·PUE·(WUE + EWIF) (Morrison et al. 2025, eq. 3): it
	// counts on-site water PUE times; equal to WaterLi where WUE is 0.
	WaterMorrison WaterVariant = "morrison2025"
	// WaterEcoLogits is E·PUE·(WUE + PUE·EWIF), as EcoLogits 0.9.1 computes it:
	// its request energy has the PUE in it before the formula applies it again.
	WaterEcoLogits WaterVariant = "ecologits0.9"
	// WaterOnSite is E·WUE (Google 2025, arXiv 2508.15734): generation is
	// outside the boundary.
	WaterOnSite WaterVariant = "onsite"
	// WaterOffSite is E·PUE·EWIF: generation alone.
	WaterOffSite WaterVariant = "offsite"
)

// WaterVariants lists the variants.
func WaterVariants() []WaterVariant {
	return []WaterVariant{WaterLi, WaterMorrison, WaterEcoLogits, WaterOnSite, WaterOffSite}
}

// ParseWaterVariant reads a variant's name.
func ParseWaterVariant(name string) (WaterVariant, error) {
	for _, v := range WaterVariants() {
		if string(v) == name {
			return v, nil
		}
	}
	return "", fmt.Errorf("water variant %q is unknown: use one of %v", name, WaterVariants())
}

// Formula is the variant in symbols.
func (v WaterVariant) Formula() string {
	switch v {
	case WaterLi:
		return "E·(WUE + PUE·EWIF)"
	case WaterMorrison:
		return "E·PUE·(WUE + EWIF)"
	case WaterEcoLogits:
		return "E·PUE·(WUE + PUE·EWIF)"
	case WaterOnSite:
		return "E·WUE"
	case WaterOffSite:
		return "E·PUE·EWIF"
	}
	return ""
}

// litres is the water of it kWh of IT energy that are facility kWh at the
// facility's meter.
func (v WaterVariant) litres(it, facility, pue, wue, ewif float64) float64 {
	switch v {
	case WaterMorrison:
		return facility * (wue + ewif)
	case WaterEcoLogits:
		return facility * (wue + pue*ewif)
	case WaterOnSite:
		return it * wue
	case WaterOffSite:
		return facility * ewif
	}
	return it*wue + facility*ewif
}

// usesOnSite and usesOffSite say which factors the variant needs.
func (v WaterVariant) usesOnSite() bool  { return v != WaterOffSite }
func (v WaterVariant) usesOffSite() bool { return v != WaterOnSite }
