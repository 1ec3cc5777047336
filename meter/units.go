package meter

import "strconv"

// Energy is an amount of energy in microjoules. Counters of RAPL (61 µJ) and
// NVML (1 mJ) are whole numbers of it, so sums and differences are exact.
type Energy int64

// Units of Energy.
const (
	Microjoule Energy = 1
	Millijoule        = 1000 * Microjoule
	Joule             = 1000 * Millijoule
)

// Joules returns e in joules.
func (e Energy) Joules() float64 { return float64(e) / float64(Joule) }

// String formats e in joules, for instance "1.25 J".
func (e Energy) String() string {
	return strconv.FormatFloat(e.Joules(), 'g', 6, 64) + " J"
}

// Power is a rate of energy use in microwatts.
type Power int64

// Units of Power.
const (
	Microwatt Power = 1
	Milliwatt       = 1000 * Microwatt
	Watt            = 1000 * Milliwatt
)

// Watts returns p in watts.
func (p Power) Watts() float64 { return float64(p) / float64(Watt) }

// String formats p in watts, for instance "312.5 W".
func (p Power) String() string {
	return strconv.FormatFloat(p.Watts(), 'g', 6, 64) + " W"
}
