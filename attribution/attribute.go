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
	Costs    *StepCosts // what the convention found of the engine's steps
	// Refused says why there are no shares, "" if there are.
	Refused string
}

// Attribute divides the energy of curve over w among the requests in flight by
// convention c. Energy used while none was in flight is the idle row. A
// convention that does not apply, or a curve that has no energy over w, is a
// Result with Refused set and no shares; an error is a mistake of the caller.
func Attribute(c Convention, reqs []Request, curve *Curve, w meter.Window, idle Idle) (Result, error) {
	d, err := NewDivider(ColumnsOf(reqs), w)
	if err != nil {
		return Result{}, err
	}
	a, err := d.Divide(c, curve, idle)
	if err != nil {
		return Result{}, err
	}
	return a.result(), nil
}

// result writes the allocation out row by row.
func (a *Allocation) result() Result {
	r := Result{Convention: a.Convention, Domain: a.Domain.Name, Method: a.Domain.Kind, Counter: a.Counter.Energy, Reading: a.Counter, Notes: a.Notes, Warnings: a.Warnings, Costs: a.Costs, Refused: a.Refused}
	if a.Refused == "" {
		r.Shares = a.Shares(make([]Share, 0, a.Len()+2), 0, a.Len()+2)
	}
	return r
}

// Shares appends rows [from, to) to dst: those of the requests, in the order
// of the columns, and after them IdleRow and UnattributedRow. A refused
// allocation has none.
func (a *Allocation) Shares(dst []Share, from, to int) []Share {
	if a.Refused != "" {
		return dst
	}
	for i := from; i < min(to, a.Len()); i++ {
		dst = append(dst, a.share(a.requests.id(i), a.Request(i), a.Flags(i)))
	}
	if n := a.Len(); from <= n && n < to {
		dst = append(dst, a.share(IdleRow, a.IdleRow(), []string{FlagIdle}))
	}
	if n := a.Len() + 1; from <= n && n < to {
		dst = append(dst, a.share(UnattributedRow, a.UnattributedRow(), []string{FlagUnattributed}))
	}
	return dst
}

func (a *Allocation) share(id int64, row Row, flags []string) Share {
	flags = append(flags, a.common...)
	slices.Sort(flags)
	return Share{
		Request: id, Convention: a.Convention, Domain: a.Domain.Name,
		Energy: row.Energy, Lo: row.Lo, Hi: row.Hi, Prefill: row.Prefill, Decode: row.Decode, Idle: row.Idle, Fit: row.Fit,
		Method: a.Domain.Kind, Flags: slices.Compact(flags),
	}
}
