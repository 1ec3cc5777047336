package arrowfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// streamOffset is where an IPC file's inner stream begins: after the six bytes
// of the magic and two of padding.
const streamOffset = 8

// Reader reads the batches of one Arrow IPC file, complete or partial.
type Reader struct {
	// Path is the file that was opened: with PartialSuffix if only that one
	// existed.
	Path     string
	Complete bool // it has a footer: nothing is missing
	schema   *arrow.Schema
	file     *os.File
	footed   *ipc.FileReader
	stream   *ipc.Reader
}

// Open opens the table at path or, where there is none, at path.partial. A file
// without a footer is read as the stream that it is up to the last complete
// batch. Files may be cut or end in garbage; their schema is taken at its word,
// so a forged one may ask for more memory than there is.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if partial, partialErr := os.Open(path + PartialSuffix); partialErr == nil {
			file, err, path = partial, nil, path+PartialSuffix
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	r := &Reader{Path: path, file: file}
	if err := r.start(); err != nil {
		file.Close()
		return nil, fmt.Errorf("open table %s: %w", path, err)
	}
	return r, nil
}

func (r *Reader) start() (err error) {
	defer recovered(&err)
	magic := make([]byte, streamOffset)
	switch n, err := io.ReadFull(r.file, magic); {
	case n == 0:
		return errors.New("the file is empty: its writer stopped before the first row")
	case err != nil || !bytes.HasPrefix(magic, ipc.Magic):
		return errors.New("not an Arrow IPC file")
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	// No message is larger than its file: a torn one may claim to be, and a batch
	// of a long run may exceed the library's own limit.
	limits := []ipc.Option{ipc.WithBodySizeLimit(info.Size()), ipc.WithMetadataSizeLimit(info.Size())}
	if footed, err := ipc.NewFileReader(r.file, limits...); err == nil {
		r.footed, r.schema, r.Complete = footed, footed.Schema(), true
		return nil
	}
	if _, err := r.file.Seek(streamOffset, io.SeekStart); err != nil {
		return err
	}
	stream, err := ipc.NewReader(r.file, limits...)
	if err != nil {
		return fmt.Errorf("neither footer nor schema: %w", err)
	}
	r.stream, r.schema = stream, stream.Schema()
	return nil
}

// Schema is the table's schema with its metadata.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Metadata is the schema's metadata.
func (r *Reader) Metadata() map[string]string { return r.schema.Metadata().ToMap() }

// Batches yields the table's batches once. Each is valid until the next: Retain
// it to keep it. The end of a partial file, wherever it was cut, is the end of
// the sequence; damage in a complete file is an error.
func (r *Reader) Batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := 0; ; i++ {
			batch, err := r.batch(i)
			if err != nil {
				yield(nil, fmt.Errorf("read table %s: batch %d: %w", r.Path, i, err))
				return
			}
			if batch == nil {
				return
			}
			more := yield(batch, nil)
			batch.Release()
			if !more {
				return
			}
		}
	}
}

// batch reads batch i, nil after the last.
func (r *Reader) batch(i int) (batch arrow.RecordBatch, err error) {
	defer recovered(&err)
	if r.footed != nil {
		if i >= r.footed.NumRecords() {
			return nil, nil
		}
		return r.footed.RecordBatchAt(i)
	}
	if !r.next() {
		return nil, nil
	}
	batch = r.stream.RecordBatch()
	batch.Retain()
	return batch, nil
}

// next moves the stream on. A cut file ends in a message cut short, which the
// library reports by an error or, where the cut bytes decode to nonsense, by a
// panic: both are the end of what was written.
func (r *Reader) next() (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return r.stream.Next()
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.stream != nil {
		r.stream.Release()
	}
	if r.footed != nil {
		r.footed.Close()
	}
	return r.file.Close()
}

// recovered turns a panic of the decoder on damaged bytes into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}
