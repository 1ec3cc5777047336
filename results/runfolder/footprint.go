package runfolder

import "math"

// Footprint is a row of footprint.arrow: a functional unit's impact in one
// category, of one life cycle stage or of all.
type Footprint struct {
	Cell, Label    string
	FunctionalUnit string
	Category, Unit string
	// Stage names a stage of the product system, "total" for all; Kind is the
	// term of the formula that it belongs to.
	Stage, Kind string
	// Value with its interval, in Unit; Lo and Hi are NaN where nothing bounds it.
	Value, Lo, Hi    float64
	Boundary, Source string
}

// Footprints is the table of footprint.arrow. The unit of its three numbers
// differs by row: it is the column "unit".
func Footprints() Table[Footprint] {
	type R = Footprint
	return Table[R]{"footprint", []column[R]{
		text("cell", false, func(r *R) *string { return &r.Cell }),
		text("label", false, func(r *R) *string { return &r.Label }),
		text("functional_unit", false, func(r *R) *string { return &r.FunctionalUnit }),
		text("category", false, func(r *R) *string { return &r.Category }),
		text("unit", false, func(r *R) *string { return &r.Unit }),
		text("stage", false, func(r *R) *string { return &r.Stage }),
		text("kind", false, func(r *R) *string { return &r.Kind }),
		number("value", "column unit", false, math.NaN(), func(r *R) *float64 { return &r.Value }),
		number("lo", "column unit", true, math.NaN(), func(r *R) *float64 { return &r.Lo }),
		number("hi", "column unit", true, math.NaN(), func(r *R) *float64 { return &r.Hi }),
		text("boundary", false, func(r *R) *string { return &r.Boundary }),
		text("source", false, func(r *R) *string { return &r.Source }),
	}, nil, nil, true}
}
