// Package arrowfile writes and reads Arrow IPC files whose rows survive the
// death of their writer.
//
// It is opinionated: a file appears under its final name only when it is
// complete, until then it grows batch by batch under NAME.partial; a partial
// file is read as far as its last complete batch; and the same batches give the
// same bytes. It knows nothing of what the columns mean.
package arrowfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// PartialSuffix is appended to the name of a file that is being written.
const PartialSuffix = ".partial"

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

// Writer writes one Arrow IPC file, zstd-compressed. It is used by one
// goroutine at a time.
type Writer struct {
	path string
	file *os.File
	ipc  *ipc.FileWriter
	err  error
}

// Create opens path.partial for writing, truncating what an earlier run left
// there. The file is moved to path by Close.
func Create(path string, schema *arrow.Schema) (*Writer, error) {
	file, err := os.Create(path + PartialSuffix)
	if err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	// One compressor: blocks compressed side by side would make the bytes
	// depend on the machine.
	w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema), ipc.WithZstd(), ipc.WithCompressConcurrency(1))
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("create table %s: %w", path, err)
	}
	return &Writer{path: path, file: file, ipc: w}, nil
}

// Write appends one batch, which is in the operating system's hands when Write
// returns: a killed process loses none of it.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	if w.err != nil {
		return w.err
	}
	if err := w.ipc.Write(batch); err != nil {
		w.err = fmt.Errorf("write table %s: %w", w.path, cause(err))
	}
	return w.err
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
// earlier one of Write, the rows stay under the partial name.
func (w *Writer) Close() error {
	if w.file == nil {
		return w.err
	}
	if w.err != nil {
		err := w.err
		w.Abort()
		return err
	}
	err := w.ipc.Close()
	if err == nil {
		err = w.file.Sync()
	}
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	w.file = nil
	if err == nil {
		err = os.Rename(w.path+PartialSuffix, w.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(w.path))
	}
	if err != nil {
		w.err = fmt.Errorf("complete table %s: %w", w.path, cause(err))
	}
	return w.err
}

// Abort closes the file without completing it: its rows stay readable under the
// partial name. After Close it does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	if w.err == nil {
		w.err = fmt.Errorf("table %s: aborted", w.path)
	}
	if err != nil {
		return fmt.Errorf("abort table %s: %w", w.path, err)
	}
	return nil
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
