package runfolder

import (
	"context"
	"fmt"
	"io/fs"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/results/arrowfile"
)

// Keys of schema metadata with a meaning of their own. Every other key is a run
// constant that the writer's caller chose.
const (
	MetaTable       = "table"           // which of the tables this is
	MetaWindowStart = "window_start_ns" // of the cell's window, in energy.arrow
	MetaWindowEnd   = "window_end_ns"   //
	// MetaEnergy + a domain's name is the energy of the window, which that
	// domain's rows sum to in every convention; MetaCounter + its name is its
	// register's own difference over the window.
	MetaEnergy  = "energy_uj."
	MetaCounter = "counter_uj."
	// MetaNotes are what footprint.arrow rests on and lacks, a JSON list of lines.
	MetaNotes   = "notes"
	metaDomains = "domains" // readings.arrow: the domains as JSON
)

// Units that are not units of measure.
const (
	unitNone  = "none" // text, flags
	unitCount = "1"    // identities and plain numbers
)

// Table is a table of rows of type R: a name and its columns in order.
type Table[R any] struct {
	name    string
	columns []column[R]
	// own gives a row lists of its own, and bytes says how much memory they hold;
	// nil where rows have none.
	own   func(r *R)
	bytes func(r R) int
	// whole says that a pass makes the table of others: what a stopped pass left of
	// it is no table. Of a raw table every row counts.
	whole bool
	// doubt, if not nil, looks at each row that is read for what cannot be: others may
	// have written it.
	doubt func(r *R)
}

// schema is the table's with the run's constants.
func (t Table[R]) schema(meta map[string]string) *arrow.Schema {
	fields := make([]arrow.Field, len(t.columns))
	for i, c := range t.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind, Nullable: c.nullable, Metadata: arrow.NewMetadata([]string{"unit"}, []string{c.unit})}
	}
	all := map[string]string{}
	for k, v := range meta {
		all[clean(k)] = hidden(clean(v))
	}
	all[MetaTable] = t.name
	m := arrowfile.Metadata(all)
	return arrow.NewSchema(fields, &m)
}

// Columns lists the names and units of the table's columns in order.
func (t Table[R]) Columns() (names, units []string) {
	for _, c := range t.columns {
		names, units = append(names, c.name), append(units, c.unit)
	}
	return names, units
}

// Writer writes a table while its rows come. It encodes them on a goroutine of
// its own and journals them several times a second: a killed process loses the
// last moments only. Any number of goroutines may write.
type Writer[R any] struct{ rows *arrowfile.Rows[R] }

// Create starts the raw table at path with the run constants meta. A row that is
// written, with its lists, is the table's from then on.
func (t Table[R]) Create(path string, meta map[string]string) (*Writer[R], error) {
	var put []func(*R)
	rows, err := arrowfile.CreateRowsIn(tables{}, path, arrowfile.Shape[R]{
		Schema: t.schema(meta),
		Encode: func(b *array.RecordBuilder, r R) {
			if put == nil { // the builder is one and the same
				put = t.putters(b)
			}
			for _, p := range put {
				p(&r)
			}
		},
		Bytes: t.bytes,
	})
	if err != nil {
		return nil, err
	}
	return &Writer[R]{rows}, nil
}

// putters append a row's fields to the columns of b.
func (t Table[R]) putters(b *array.RecordBuilder) []func(*R) {
	put := make([]func(*R), len(t.columns))
	for i, c := range t.columns {
		put[i] = c.put(b.Field(i))
	}
	return put
}

// Write appends rows. An error is of an earlier row: once there is one, rows are
// taken no more.
func (w *Writer[R]) Write(rows ...R) error { return w.rows.Append(rows...) }

// Abort leaves the table incomplete: its rows stay readable under the partial
// names. After Close it does nothing.
func (w *Writer[R]) Abort() error { return w.rows.Abort() }

// Close completes the file, also one without rows, and gives it its final name.
func (w *Writer[R]) Close() error { return w.rows.Close() }

// DerivedWriter writes a table that a pass over others can write again. The same
// rows and metadata give the same bytes. It is used by one goroutine at a time.
type DerivedWriter[R any] struct {
	file    *arrowfile.Writer
	builder *array.RecordBuilder
	put     []func(r *R)
	rows    int
}

// Derive starts the derived table at path with the constants meta.
func (t Table[R]) Derive(path string, meta map[string]string) (*DerivedWriter[R], error) {
	schema := t.schema(meta)
	file, err := arrowfile.CreateIn(tables{}, path, schema, arrowfile.Derived())
	if err != nil {
		return nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return &DerivedWriter[R]{file: file, builder: b, put: t.putters(b)}, nil
}

// batchRows is the number of rows that a derived table hands over at a time.
const batchRows = 1 << 14

// Write appends a row.
func (w *DerivedWriter[R]) Write(r *R) error {
	for _, put := range w.put {
		put(r)
	}
	if w.rows++; w.rows%batchRows == 0 {
		return w.flush()
	}
	return nil
}

func (w *DerivedWriter[R]) flush() error {
	batch := w.builder.NewRecordBatch()
	defer batch.Release()
	if batch.NumRows() == 0 {
		return nil
	}
	return w.file.Write(batch)
}

// Abort gives the table up. After Close it does nothing.
func (w *DerivedWriter[R]) Abort() error { return w.file.Abort() }

// Close completes the file, also one without rows, and gives it its final name.
func (w *DerivedWriter[R]) Close() error {
	if err := w.flush(); err != nil {
		w.file.Abort()
		return err
	}
	return w.file.Close()
}

// untilNextLook is how many rows are read between two looks at the context.
const untilNextLook = 1024

// Scan yields the rows of the table at path as they are read: memory stays at
// one batch. A row and its lists are valid until the next one. Columns are found
// by name; a table with more of them than this version knows is read all the same.
// The end of ctx ends it, with its cause as an error.
func (t Table[R]) Scan(ctx context.Context, path string) iter.Seq2[*R, error] {
	return t.ScanWith(ctx, path, nil)
}

// ScanWith is Scan of a table whose schema metadata opened gets before the first row,
// if it is not nil. Its error ends the scan.
func (t Table[R]) ScanWith(ctx context.Context, path string, opened func(meta map[string]string) error) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) { t.scan(ctx, path, opened, yield) }
}

// scan is ScanWith's work: in a closure it would be in the binary once for each caller.
func (t Table[R]) scan(ctx context.Context, path string, opened func(meta map[string]string) error, yield func(*R, error) bool) {
	r, err := OpenTable(path)
	if err != nil {
		yield(nil, err)
		return
	}
	defer r.Close()
	if t.whole && !r.Complete {
		yield(nil, fmt.Errorf("read table %s: its making was stopped: %w", r.Path, fs.ErrNotExist))
		return
	}
	meta := r.Metadata()
	if got := meta[MetaTable]; got != t.name {
		yield(nil, fmt.Errorf("read table %s: it is table %q, want %q", r.Path, got, t.name))
		return
	}
	if opened != nil {
		if err := opened(meta); err != nil {
			yield(nil, fmt.Errorf("read table %s: %w", r.Path, err))
			return
		}
	}
	var row R
	n := 0
	for batch, err := range r.Batches() {
		if err != nil {
			yield(nil, err)
			return
		}
		get, err := t.bind(batch)
		if err != nil {
			yield(nil, fmt.Errorf("read table %s: %w", r.Path, err))
			return
		}
		for i := range int(batch.NumRows()) {
			for _, set := range get {
				set(i, &row)
			}
			if t.doubt != nil {
				t.doubt(&row)
			}
			if n++; n%untilNextLook == 1 && ctx.Err() != nil {
				yield(nil, fmt.Errorf("read rows: %w", context.Cause(ctx)))
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// Read reads the whole of the table at path with its schema metadata. Large
// tables are better scanned.
func (t Table[R]) Read(path string) (rows []R, meta map[string]string, err error) {
	for r, err := range t.ScanWith(context.Background(), path, func(m map[string]string) error { meta = m; return nil }) {
		if err != nil {
			return nil, nil, err
		}
		row := *r
		if t.own != nil {
			t.own(&row)
		}
		rows = append(rows, row)
	}
	return rows, meta, nil
}

// bind finds the table's columns in a batch, and returns what sets a row's fields.
func (t Table[R]) bind(batch arrow.RecordBatch) ([]func(int, *R), error) {
	get := make([]func(int, *R), 0, len(t.columns))
	for _, c := range t.columns {
		indices := batch.Schema().FieldIndices(c.name)
		if len(indices) == 0 && c.added {
			continue
		}
		if len(indices) == 0 {
			return nil, fmt.Errorf("column %q is missing", c.name)
		}
		a := batch.Column(indices[0])
		if !arrow.TypeEqual(a.DataType(), c.kind) {
			return nil, fmt.Errorf("column %q is of type %s, want %s", c.name, a.DataType(), c.kind)
		}
		if c.get == nil {
			continue
		}
		set, err := c.get(a)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.name, err)
		}
		get = append(get, set)
	}
	return get, nil
}

// Meta reads the schema metadata of the table at path.
func (t Table[R]) Meta(path string) (meta map[string]string, err error) {
	for _, err := range t.ScanWith(context.Background(), path, func(m map[string]string) error { meta = m; return nil }) {
		if err != nil {
			return nil, err
		}
		break
	}
	return meta, nil
}
