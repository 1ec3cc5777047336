package results

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/results/arrowfile"
)

// The names of the files of OUT and of a cell's folder in it.
const (
	RunFile       = "run.json"
	CellsDir      = "cells"
	BareDir       = "bare-idle" // what was metered before the first server
	RequestsFile  = "requests.arrow"
	ReadingsFile  = "readings.arrow"
	EnergyFile    = "energy.arrow"
	EngineFile    = "engine.arrow"
	FootprintFile = "footprint.arrow"
	SummaryFile   = "summary.json"
	ReportFile    = "report.html"
)

// Keys of schema metadata with a meaning of their own. Every other key is a run
// constant that the writer's caller chose.
const (
	MetaTable       = "table"           // which of the tables this is
	MetaWindowStart = "window_start_ns" // of the cell's window, in energy.arrow
	MetaWindowEnd   = "window_end_ns"   //
	// MetaCounter + a domain's name is the counter's difference over the
	// window, which that domain's rows sum to in every convention.
	MetaCounter = "counter_uj."
	metaDomains = "domains" // readings.arrow: the domains as JSON
)

// Units that are not units of measure.
const (
	unitNone  = "none" // text, flags
	unitCount = "1"    // identities and plain numbers
)

// field is a column that carries its unit.
func field(name string, t arrow.DataType, unit string, nullable bool) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: nullable, Metadata: arrow.NewMetadata([]string{"unit"}, []string{unit})}
}

// tableSchema is a schema with the table's name and the run's constants.
func tableSchema(table string, fields []arrow.Field, meta map[string]string) *arrow.Schema {
	all := map[string]string{}
	for k, v := range meta {
		all[k] = v
	}
	all[MetaTable] = table
	m := arrowfile.Metadata(all)
	return arrow.NewSchema(fields, &m)
}

// tableWriter is what the tables' writers share: a file and a builder.
type tableWriter struct {
	file    *arrowfile.Writer
	builder *array.RecordBuilder
}

func newTableWriter(path, table string, fields []arrow.Field, meta map[string]string) (tableWriter, error) {
	schema := tableSchema(table, fields, meta)
	file, err := arrowfile.Create(path, schema)
	if err != nil {
		return tableWriter{}, err
	}
	return tableWriter{file, array.NewRecordBuilder(memory.DefaultAllocator, schema)}, nil
}

// flush writes the rows built so far as one batch, none if there are none.
func (w tableWriter) flush() error {
	batch := w.builder.NewRecordBatch()
	defer batch.Release()
	if batch.NumRows() == 0 {
		return nil
	}
	return w.file.Write(batch)
}

// Abort closes the file without completing it: its rows stay readable under the
// partial name. After Close it does nothing.
func (w tableWriter) Abort() error { return w.file.Abort() }

// close completes the file, also one without rows.
func (w tableWriter) close() error {
	if err := w.flush(); err != nil {
		w.file.Abort()
		return err
	}
	return w.file.Close()
}

// columns finds a batch's columns by name, so that tables with more columns
// than this version knows, or in another order, are read all the same.
type columns struct {
	batch arrow.RecordBatch
	err   error
}

// column finds the column called name as an array of type A. With optional set
// its absence is no error and gives nil.
func column[A arrow.Array](c *columns, name string, optional bool) A {
	var none A
	indices := c.batch.Schema().FieldIndices(name)
	if len(indices) == 0 {
		if !optional && c.err == nil {
			c.err = fmt.Errorf("column %q is missing", name)
		}
		return none
	}
	a, ok := c.batch.Column(indices[0]).(A)
	if !ok && c.err == nil {
		c.err = fmt.Errorf("column %q is of type %s", name, c.batch.Column(indices[0]).DataType())
	}
	return a
}

// batches opens the table at path and yields its batches, after checking that
// it says to be the table asked for.
func batches(path, table string, opened func(*arrowfile.Reader) error) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		r, err := arrowfile.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		if got := r.Metadata()[MetaTable]; got != table {
			yield(nil, fmt.Errorf("read table %s: it is table %q, want %q", r.Path, got, table))
			return
		}
		if opened != nil {
			if err := opened(r); err != nil {
				yield(nil, fmt.Errorf("read table %s: %w", r.Path, err))
				return
			}
		}
		for batch, err := range r.Batches() {
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// joinFlags and splitFlags turn flags into the text of a column and back.
func joinFlags(flags []string) string { return strings.Join(flags, ",") }

func splitFlags(text string) []string {
	if text == "" {
		return nil
	}
	return slices.Collect(strings.SplitSeq(text, ","))
}
