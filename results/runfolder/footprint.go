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
	return Table[R]{name: "footprint", columns: []column[R]{
		code("cell", func(r *R) *string { return &r.Cell }),
		code("label", func(r *R) *string { return &r.Label }),
		code("functional_unit", func(r *R) *string { return &r.FunctionalUnit }),
		code("category", func(r *R) *string { return &r.Category }),
		code("unit", func(r *R) *string { return &r.Unit }),
		code("stage", func(r *R) *string { return &r.Stage }),
		code("kind", func(r *R) *string { return &r.Kind }),
		number("value", "column unit", false, math.NaN(), func(r *R) *float64 { return &r.Value }),
		number("lo", "column unit", true, math.NaN(), func(r *R) *float64 { return &r.Lo }),
		number("hi", "column unit", true, math.NaN(), func(r *R) *float64 { return &r.Hi }),
		code("boundary", func(r *R) *string { return &r.Boundary }),
		text("source", false, func(r *R) *string { return &r.Source }),
	}, whole: true}
}
