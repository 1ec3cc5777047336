package attribution

import (
	"slices"

	"cfubench/meter"
)

// Result is one domain's energy by one convention, row by row.
type Result struct {
	Convention string
	Domain     string
	Method     meter.Kind
	// Shares holds the requests in the order of their IDs, then IdleRow, then
	// UnattributedRow. Their energies sum to Counter exactly.
	Shares   []Share
	Counter  meter.Energy
	Reading  Difference // where Counter can be found in the raw readings
	Notes    []string
	Warnings []Warning
	// Refused says why there are no shares, "" if there are.
	Refused string
}

// Attribute divides the energy of curve over w among the requests in flight by
// convention c. Energy used while none was in flight is the idle row. A
// convention that does not apply, or a curve that has no energy over w, is a
// Result with Refused set and no shares; an error is a mistake of the caller.
func Attribute(c Convention, reqs []Request, curve *Curve, w Window, idle Idle) (Result, error) {
	d, err := NewDivider(ColumnsOf(reqs), w)
	if err != nil {
		return Result{}, err
	}
	a, err := d.Divide(c, curve, idle)
	if err != nil {
		return Result{}, err
	}
	return a.result(curve), nil
}

// result writes the allocation out row by row.
func (a *Allocation) result(curve *Curve) Result {
	r := Result{Convention: a.Convention, Domain: curve.domain.Name, Method: curve.domain.Kind, Counter: a.Counter.Energy, Reading: a.Counter, Notes: a.Notes, Warnings: a.Warnings, Refused: a.Refused}
	if a.Refused != "" {
		return r
	}
	common := curve.flagsOver(a.Window)
	share := func(id int64, row Row, flags []string) Share {
		flags = append(flags, common...)
		slices.Sort(flags)
		return Share{
			Request: id, Convention: r.Convention, Domain: r.Domain,
			Energy: row.Energy, Lo: row.Lo, Hi: row.Hi, Prefill: row.Prefill, Decode: row.Decode, Idle: row.Idle,
			Method: curve.domain.Kind, Flags: slices.Compact(flags),
		}
	}
	r.Shares = make([]Share, 0, a.Len()+2)
	for i := range a.Len() {
		r.Shares = append(r.Shares, share(a.requests.id(i), a.Request(i), a.Flags(i)))
	}
	r.Shares = append(r.Shares,
		share(IdleRow, a.IdleRow(), []string{FlagIdle}),
		share(UnattributedRow, a.UnattributedRow(), []string{FlagUnattributed}))
	return r
}
