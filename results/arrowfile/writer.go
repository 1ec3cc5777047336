// Package arrowfile writes and reads Arrow IPC files whose rows survive the
// death of their writer, and whose damage is noticed.
//
// It is opinionated. A file appears under its final name only when it is
// complete. Until then full batches grow in NAME.partial, and the rows that do
// not fill one yet stand in NAME.journal; a Reader reads both. Complete files
// carry a checksum a batch (see MetaChecksums), which every Reader holds them
// against, and are plain Arrow files to everybody else. The same batches give
// the same bytes. The package knows nothing of what the columns mean.
//
// A Writer takes batches, a Rows takes rows of a type and encodes them on a
// goroutine of its own.
package arrowfile

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	// PartialSuffix is appended to the name of a file that is being written.
	PartialSuffix = ".partial"
	// JournalSuffix is appended to the name for the rows that do not fill a
	// batch yet.
	JournalSuffix = ".journal"
)

const (
	// batchRows and batchBytes bound a batch of a complete file: 65,536 rows
	// pack well and read fast, 16 MiB bound what writer and reader hold.
	batchRows  = 1 << 16
	batchBytes = 16 << 20
	// mergeAt small batches of about one size are made one.
	mergeAt = 16
	// metaFirstRow is the key of a journal's schema metadata with the number of
	// the table's row that it begins with.
	metaFirstRow = "journal_first_row"
)

// Metadata turns a map into Arrow metadata, in the order of the keys, so that
// equal maps give equal bytes.
func Metadata(m map[string]string) arrow.Metadata {
	keys := slices.Sorted(maps.Keys(m))
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = m[k]
	}
	return arrow.NewMetadata(keys, values)
}

// Option changes how a Writer works.
type Option func(*Writer)

// Derived is for tables that a pass over others can write again: they have no
// journal, and are not forced to the disk.
func Derived() Option { return func(w *Writer) { w.derived = true } }

// Writer writes one Arrow IPC file, zstd-compressed, in batches of up to 65,536
// rows or about 16 MiB, however small those are that it is given. It is used by
// one goroutine at a time, and holds less than 64 MiB.
type Writer struct {
	in      Folder
	path    string
	schema  *arrow.Schema
	derived bool
	limit   int64 // rows of a batch

	file   *os.File
	buffer *bufio.Writer
	sums   *summer
	ipc    *ipc.FileWriter
	done   int64 // rows in the file

	pending      []arrow.RecordBatch // rows not in the file yet
	pendingRows  int64
	pendingBytes int64
	journal      *journal
	err          error
}

// Create opens path.partial for writing, in place of what an earlier run left
// there. The file is moved to path by Close.
func Create(path string, schema *arrow.Schema, options ...Option) (*Writer, error) {
	return create(host{}, path, schema, options)
}

// CreateIn is Create for a file of a folder, out of which no link leads.
func CreateIn(in Folder, name string, schema *arrow.Schema, options ...Option) (*Writer, error) {
	return create(in, name, schema, options)
}

func create(in Folder, path string, schema *arrow.Schema, options []Option) (*Writer, error) {
	w := &Writer{in: in, path: path, schema: marked(schema), limit: batchRows}
	for _, o := range options {
		o(w)
	}
	err := in.Remove(path + JournalSuffix)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		w.file, err = createNew(in, path+PartialSuffix)
	}
	if err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	w.buffer = bufio.NewWriterSize(w.file, 1<<18)
	w.sums = newSummer(w.buffer)
	// One compressor: blocks compressed side by side would make the bytes
	// depend on the machine.
	w.ipc, err = ipc.NewFileWriter(w.sums, ipc.WithSchema(w.schema), ipc.WithZstd(), ipc.WithCompressConcurrency(1))
	if err != nil {
		w.file.Close()
		return nil, fmt.Errorf("create table %s: %w", path, err)
	}
	if !w.derived {
		w.journal = &journal{in: in, name: path + JournalSuffix, schema: w.schema}
	}
	return w, nil
}

// marked is the schema with the promise of checksums.
func marked(schema *arrow.Schema) *arrow.Schema {
	all := schema.Metadata().ToMap()
	all[MetaChecksums] = sumKind
	m := Metadata(all)
	return arrow.NewSchema(schema.Fields(), &m)
}

// Write appends one batch. Its rows are in the operating system's hands when
// Write returns, unless the table is Derived: a killed process loses none.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	if w.err == nil {
		if err := w.write(batch); err != nil {
			w.err = fmt.Errorf("write table %s: %w", w.path, cause(err))
		}
	}
	return w.err
}

func (w *Writer) write(batch arrow.RecordBatch) error {
	if batch.NumRows() == 0 {
		return nil
	}
	if !sameFields(batch.Schema(), w.schema) {
		return fmt.Errorf("a batch with the columns %v, want %v", batch.Schema().Fields(), w.schema.Fields())
	}
	batch = array.NewRecordBatch(w.schema, batch.Columns(), batch.NumRows())
	w.pending = append(w.pending, batch)
	w.pendingRows += batch.NumRows()
	w.pendingBytes += bytesOf(batch)
	if w.journal != nil && !w.full() {
		if err := w.journal.write(batch, w.done+w.pendingRows-batch.NumRows()); err != nil {
			return err
		}
	}
	if !w.full() {
		return w.tidy()
	}
	for w.full() {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if w.pendingRows == 0 {
		return nil
	}
	// What is left is a slice, which would keep all that it is one of.
	rest, err := copyOf(w.schema, w.pending[0])
	if err != nil {
		return err
	}
	w.pending[0], w.pendingBytes = rest, bytesOf(rest)
	return nil
}

func sameFields(a, b *arrow.Schema) bool {
	return slices.EqualFunc(a.Fields(), b.Fields(), func(x, y arrow.Field) bool {
		return x.Name == y.Name && x.Nullable == y.Nullable && arrow.TypeEqual(x.Type, y.Type)
	})
}

func (w *Writer) full() bool { return w.pendingRows >= w.limit || w.pendingBytes >= batchBytes }

// tidy makes many small batches one, so that one-row batches cost no more
// memory than their rows. Each row is copied once for each size.
func (w *Writer) tidy() error {
	size := func(b arrow.RecordBatch) (class int) {
		for n := b.NumRows(); n >= mergeAt; n /= mergeAt {
			class++
		}
		return class
	}
	for {
		from := len(w.pending)
		for from > 0 && size(w.pending[from-1]) == size(w.pending[len(w.pending)-1]) {
			from--
		}
		if len(w.pending)-from < mergeAt {
			return nil
		}
		one, err := merge(w.schema, w.pending[from:])
		if err != nil {
			return err
		}
		w.pending = append(w.pending[:from], one)
		w.pendingBytes = 0
		for _, b := range w.pending {
			w.pendingBytes += bytesOf(b)
		}
	}
}

// merge makes one batch of several.
func merge(schema *arrow.Schema, batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	if len(batches) == 1 {
		return batches[0], nil
	}
	return copyOf(schema, batches...)
}

// copyOf is a batch with the rows of several in memory of its own.
func copyOf(schema *arrow.Schema, batches ...arrow.RecordBatch) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, schema.NumFields())
	rows := int64(0)
	for i := range columns {
		pieces := make([]arrow.Array, len(batches))
		for k, b := range batches {
			pieces[k] = b.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(pieces, memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	for _, b := range batches {
		rows += b.NumRows()
	}
	return array.NewRecordBatch(schema, columns, rows), nil
}

// bytesOf is how many bytes the buffers of a batch have.
func bytesOf(batch arrow.RecordBatch) (n int64) {
	var add func(d arrow.ArrayData)
	add = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
		for _, c := range d.Children() {
			add(c)
		}
	}
	for _, c := range batch.Columns() {
		add(c.Data())
	}
	return n
}

// cut moves up to limit pending rows to the file, as one batch.
func (w *Writer) cut() error {
	all, err := merge(w.schema, w.pending)
	if err != nil {
		return err
	}
	n := min(w.pendingRows, w.limit)
	if w.pendingBytes > batchBytes {
		n = max(1, min(n, int64(float64(w.pendingRows)*batchBytes/float64(w.pendingBytes))))
	}
	head := all.NewSlice(0, n)
	clear(w.pending)
	w.pending = w.pending[:0]
	if n < all.NumRows() {
		w.pending = append(w.pending, all.NewSlice(n, all.NumRows()))
	}
	w.pendingBytes = w.pendingBytes * (w.pendingRows - n) / w.pendingRows
	w.pendingRows -= n
	w.sums.cut()
	if err := w.ipc.Write(head); err != nil {
		return err
	}
	if err := w.buffer.Flush(); err != nil {
		return err
	}
	w.done += n
	if w.journal == nil {
		return nil
	}
	// Only now: until here the journal has the rows, afterwards the file.
	if err := w.journal.restart(); err != nil || w.pendingRows == 0 || w.full() {
		return err
	}
	return w.journal.write(w.pending[0], w.done)
}

// cause is what the operating system said, without the ways to it: the path is
// said already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Close completes the file and gives it its final name. After an error, also an
// earlier one of Write, it leaves what Abort leaves.
func (w *Writer) Close() error {
	if w.file == nil {
		return w.err
	}
	if w.err != nil {
		err := w.err
		w.Abort()
		return err
	}
	err := w.complete()
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	w.file = nil
	if err == nil {
		err = w.in.Rename(w.path+PartialSuffix, w.path)
	}
	if err == nil && w.journal != nil {
		err = errors.Join(w.journal.remove(), syncDir(w.in, w.path))
	}
	if err != nil {
		w.err = fmt.Errorf("complete table %s: %w", w.path, cause(err))
		if w.derived {
			_ = w.in.Remove(w.path + PartialSuffix) // what went wrong is said already
		}
	}
	return w.err
}

// Digest names the content of a table that was closed, and is the Digest of a
// Reader of it.
func (w *Writer) Digest() string { return fmt.Sprintf("%x", w.sums.self) }

func (w *Writer) complete() error {
	for w.pendingRows > 0 {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if err := w.sums.finish(w.ipc.Close); err != nil {
		return err
	}
	if err := w.buffer.Flush(); err != nil || w.derived {
		return err
	}
	return w.file.Sync()
}

// Abort closes the file without completing it: its rows stay readable under the
// partial names. Those of a derived table go, as they can be made again. After
// Close it does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	if w.derived {
		err = errors.Join(err, w.in.Remove(w.path+PartialSuffix))
	} else {
		err = errors.Join(err, w.journal.close())
	}
	w.file = nil
	if w.err == nil {
		w.err = fmt.Errorf("table %s: aborted", w.path)
	}
	if err != nil {
		return fmt.Errorf("abort table %s: %w", w.path, cause(err))
	}
	return nil
}
