package derivation

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"cfubench/attribution"
	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// DomainWindow is what one domain used over the cell's window.
type DomainWindow struct {
	Domain  string
	Energy  attribution.Interval
	Figures attribution.Figures
	NotBare string // why bare idle was not measured, "" if not known
}

// String is the domain's line: the energy with its bracket, and the figures
// above idle beside it.
func (e DomainWindow) String() string {
	if !e.Energy.HasEnergy {
		return fmt.Sprintf("%s: no energy over the window (%s)", e.Domain, strings.Join(e.Energy.Flags, ", "))
	}
	hi := "no upper bound"
	if e.Energy.Hi != meter.Unbounded {
		hi = si.Format(e.Energy.Hi.Joules(), "J")
	}
	loaded, bare := "loaded idle not measured", "bare idle not measured"
	if e.Figures.HasLoaded {
		loaded = si.Format(e.Figures.AboveLoaded.Joules(), "J") + " above loaded idle"
	}
	switch {
	case e.Figures.HasBare:
		bare = si.Format(e.Figures.AboveBare.Joules(), "J") + " above bare idle"
	case e.NotBare != "":
		bare += " (" + e.NotBare + ")"
	}
	return fmt.Sprintf("%s: %s in all (%s to %s), %s, %s", e.Domain, si.Format(e.Energy.Energy.Joules(), "J"), si.Format(e.Energy.Lo.Joules(), "J"), hi, loaded, bare)
}

// describeDomain puts into the table's metadata where one domain stands in the
// raw readings.
func describeDomain(meta map[string]string, e attribution.Estimate) {
	name := e.Domain.Name
	if e.Counter.Flag == "" {
		meta[runfolder.MetaCounter+name] = strconv.FormatInt(int64(e.Counter.Energy), 10)
		meta["counter_from_ns."+name] = strconv.FormatInt(int64(e.Counter.From.At), 10)
		meta["counter_to_ns."+name] = strconv.FormatInt(int64(e.Counter.To.At), 10)
	}
	interval := e.Interval()
	bounds, _ := json.Marshal(map[string]any{
		"energy_uj": e.Energy, "has_energy": e.HasEnergy, "lo_uj": e.Lo, "hi_uj": meter.Bound(e.Hi),
		"boundary_uj": meter.Bound(interval.Boundary), "sampling_uj": meter.Bound(interval.Sampling), "scale_uj": meter.Bound(interval.Scale), "flags": e.Flags,
		"uncertainty": e.Uncertainty, "u95_uj": meter.Bound(e.Uncertainty.U95()), "method": e.Method, "reason": e.Reason, "shape": shapeOf(e),
	}) // numbers and strings always marshal, and maps in the order of their keys
	meta["window."+name] = string(bounds)
}

// shapeOf is whether the driver's samples shape the estimate, nil without any.
func shapeOf(e attribution.Estimate) any {
	if e.Shaping == (attribution.Shaping{}) {
		return nil
	}
	return e.Shaping
}

// describeAllocation keeps a convention's notes, and why it gave nothing.
func describeAllocation(meta map[string]string, a *attribution.Allocation) {
	key := "." + a.Convention + "." + a.Domain.Name
	if len(a.Notes) > 0 {
		meta["note"+key] = strings.Join(a.Notes, "; ")
	}
	if a.Refused != "" {
		meta["refused"+key] = a.Refused
	}
}
