package lca

import "fmt"

// GWPSet is a set of 100-year global warming potentials.
type GWPSet string

// Sets of GWPs, by assessment report of the IPCC.
const (
	AR5 GWPSet = "ar5" // Fifth Assessment Report, without climate-carbon feedback
	AR6 GWPSet = "ar6" // Sixth, WGI Table 7.SM.7
)

// ParseGWP reads the name of a set.
func ParseGWP(name string) (GWPSet, error) {
	switch s := GWPSet(name); s {
	case AR5, AR6:
		return s, nil
	}
	return "", fmt.Errorf("GWP set %q is unknown: use ar5 or ar6", name)
}

// gases lists the gases that can be characterised.
func gases() []string {
	return []string{"CO2", "CH4", "N2O", "SF6", "NF3", "CF4", "C2F6", "HFC-23", "HFC-134a"}
}

// factor is the gas's GWP100 in kg CO2e per kg, as tabulated by the US EPA's
// LCIAformatter (IPCC_GWP_values.csv). CH4 is of unstated origin: fossil
// methane is 30 in AR5 and 29.8 in AR6.
func (s GWPSet) factor(gas string) (float64, bool) {
	var ar5, ar6 float64
	switch gas {
	case "CO2":
		ar5, ar6 = 1, 1
	case "CH4":
		ar5, ar6 = 28, 27.9
	case "N2O":
		ar5, ar6 = 265, 273
	case "SF6":
		ar5, ar6 = 23500, 25200
	case "NF3":
		ar5, ar6 = 16100, 17400
	case "CF4":
		ar5, ar6 = 6630, 7380
	case "C2F6":
		ar5, ar6 = 11100, 12400
	case "HFC-23":
		ar5, ar6 = 12400, 14600
	case "HFC-134a":
		ar5, ar6 = 1300, 1530
	default:
		return 0, false
	}
	if s == AR5 {
		return ar5, true
	}
	return ar6, true
}
