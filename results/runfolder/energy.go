package runfolder

import (
	"slices"

	"cfubench/meter"
)

// Rows of energy.arrow that are no request's.
const (
	IdleRow         int64 = -1
	UnattributedRow int64 = -2
)

// Energy is a row of energy.arrow: what one request, the idle time or nobody
// used in one domain, by one convention.
type Energy struct {
	Key
	Request    int64 // or IdleRow, UnattributedRow
	Convention string
	Domain     string
	// Summed says that the domain counts in the cell's energy: the sum over the
	// summed rows of one convention is that energy. The rows of other domains
	// are recorded beside it.
	Summed bool
	// Energy is the share; Lo and Hi, which may be meter.Unbounded, bracket it.
	Energy, Lo, Hi meter.Energy
	// Prefill and Decode split Energy where the convention can; Idle is the
	// part of Energy that loaded idle power would have used anyway.
	Prefill, Decode, Idle meter.Energy
	// Fit is the half width of the 95 % interval that the convention's own fit
	// leaves open, beside the meter's bracket; zero where nothing was fitted.
	Fit    meter.Energy
	Method string // "counter", "power", "model"
	Flags  []string
}

// Energies is the table of energy.arrow.
func Energies() Table[Energy] {
	type R = Energy
	return Table[R]{name: "energy", columns: slices.Concat(
		in(func(r *R) *Key { return &r.Key }, keyColumns()),
		[]column[R]{
			whole("request", unitCount, nil, func(r *R) *int64 { return &r.Request }),
			code("convention", func(r *R) *string { return &r.Convention }),
			code("domain", func(r *R) *string { return &r.Domain }),
			boolean("summed", func(r *R) *bool { return &r.Summed }),
			joules("energy_j", false, func(r *R) *meter.Energy { return &r.Energy }),
			joules("lo_j", false, func(r *R) *meter.Energy { return &r.Lo }),
			joules("hi_j", true, func(r *R) *meter.Energy { return &r.Hi }),
			joules("prefill_j", false, func(r *R) *meter.Energy { return &r.Prefill }),
			joules("decode_j", false, func(r *R) *meter.Energy { return &r.Decode }),
			joules("idle_j", false, func(r *R) *meter.Energy { return &r.Idle }),
			joules("fit_j", false, func(r *R) *meter.Energy { return &r.Fit }),
			code("method", func(r *R) *string { return &r.Method }),
			flags("flags", func(r *R) *[]string { return &r.Flags }),
		}), whole: true}
}
