package reference

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"cfubench/attribution/lca"
	"cfubench/internal/stats"
	"cfubench/results/runfolder"
)

// HostFactor is the measured host factor as an inventory's facility takes it,
// false where there is none. Its spread is the scatter of the plateaus: the
// reference meter's own gain is not in it.
func HostFactor(r runfolder.Reference) (lca.Datum, bool) {
	f := r.HostFactor
	if f == nil {
		return lca.Datum{}, false
	}
	year := 0
	if at, err := time.Parse(time.RFC3339, r.Measured); err == nil {
		year = at.Year()
	}
	d := lca.Datum{
		Value: round(f.Value), Unit: "1", Year: year, Boundary: lca.Host, Quality: lca.Measured,
		Source: fmt.Sprintf("cfu meters --reference %s: %s over %d plateaus under load (%s)", r.Meter, r.Device, f.Plateaus, r.Load),
		Note:   "at this load; the spread is the plateaus' scatter without the reference meter's own gain",
	}
	if f.U95 != nil && *f.U95 > 0 {
		d.Spread = &lca.Spread{Shape: lca.Normal, SD: round(*f.U95 / stats.Normal95)}
	}
	return d, true
}

// round keeps four figures.
func round(x float64) float64 {
	if x <= 0 {
		return x
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-3)
	return math.Round(x/unit) * unit
}

// Inventory is the host factor as JSON, the field of an inventory's facility;
// false where there is none.
func Inventory(r runfolder.Reference) (string, bool, error) {
	d, ok := HostFactor(r)
	if !ok {
		return "", false, nil
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", false, fmt.Errorf("host factor as JSON: %w", err)
	}
	return fmt.Sprintf("\"host_factor\": %s", text), true, nil
}
