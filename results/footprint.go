package results

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/attribution/lca"
	"cfubench/results/arrowfile"
)

func footprintFields() []arrow.Field {
	f64, text := arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String
	// The unit of the three numbers differs by row: it is the column "unit".
	return []arrow.Field{
		field("cell", text, unitNone, false),
		field("functional_unit", text, unitNone, false),
		field("category", text, unitNone, false),
		field("unit", text, unitNone, false),
		field("stage", text, unitNone, false),
		field("value", f64, "column unit", false),
		field("lo", f64, "column unit", true), // null where nothing bounds it
		field("hi", f64, "column unit", true),
		field("boundary", text, unitNone, false),
		field("source", text, unitNone, false),
	}
}

// FootprintWriter writes footprint.arrow. The same rows and metadata give the
// same bytes.
type FootprintWriter struct {
	tableWriter
	rows int
}

// NewFootprintWriter starts footprint.arrow at path with the constants meta.
func NewFootprintWriter(path string, meta map[string]string) (*FootprintWriter, error) {
	t, err := newTableWriter(path, "footprint", footprintFields(), meta)
	if err != nil {
		return nil, err
	}
	return &FootprintWriter{tableWriter: t}, nil
}

// Write appends rows. They are in the file after Close.
func (w *FootprintWriter) Write(rows []lca.Row) error {
	text := func(i int, s string) { w.builder.Field(i).(*array.StringBuilder).Append(s) }
	number := func(i int, v float64) {
		b := w.builder.Field(i).(*array.Float64Builder)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.AppendNull()
			return
		}
		b.Append(v)
	}
	for _, r := range rows {
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return fmt.Errorf("write table %s: %s %s of cell %q is not a number", FootprintFile, r.Stage, r.Category, r.Cell)
		}
		text(0, r.Cell)
		text(1, r.FunctionalUnit)
		text(2, string(r.Category))
		text(3, r.Unit)
		text(4, string(r.Stage))
		number(5, r.Value)
		number(6, r.Lo)
		number(7, r.Hi)
		text(8, r.Boundary)
		text(9, r.Source)
		if w.rows++; w.rows%derivedBatch == 0 {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close completes the file and gives it its final name.
func (w *FootprintWriter) Close() error { return w.close() }

// ReadFootprint reads the whole of footprint.arrow with its schema metadata. A
// missing bound is ±Inf.
func ReadFootprint(path string) ([]lca.Row, map[string]string, error) {
	var rows []lca.Row
	var meta map[string]string
	opened := func(r *arrowfile.Reader) error { meta = r.Metadata(); return nil }
	for batch, err := range batches(path, "footprint", opened) {
		if err != nil {
			return nil, nil, err
		}
		c := &columns{batch: batch}
		text := func(name string) *array.String { return column[*array.String](c, name, false) }
		cell, unit, category, of, stage := text("cell"), text("functional_unit"), text("category"), text("unit"), text("stage")
		boundary, source := text("boundary"), text("source")
		value := column[*array.Float64](c, "value", false)
		lo, hi := column[*array.Float64](c, "lo", false), column[*array.Float64](c, "hi", false)
		if c.err != nil {
			return nil, nil, fmt.Errorf("read table %s: %w", path, c.err)
		}
		for i := range int(batch.NumRows()) {
			r := lca.Row{
				Cell: cell.Value(i), FunctionalUnit: unit.Value(i), Category: lca.Category(category.Value(i)), Unit: of.Value(i),
				Stage: lca.Stage(stage.Value(i)), Value: value.Value(i), Lo: math.Inf(-1), Hi: math.Inf(1),
				Boundary: boundary.Value(i), Source: source.Value(i),
			}
			if lo.IsValid(i) {
				r.Lo = lo.Value(i)
			}
			if hi.IsValid(i) {
				r.Hi = hi.Value(i)
			}
			rows = append(rows, r)
		}
	}
	return rows, meta, nil
}
