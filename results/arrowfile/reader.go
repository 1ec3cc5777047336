package arrowfile

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/internal/arrowcheck"
)

// Reader reads the batches of one table, complete or partial.
type Reader struct {
	// Path is the file that was opened: with PartialSuffix if only that one
	// existed.
	Path     string
	Complete bool // it has a footer: nothing is missing
	Verified bool // it carries checksums, which every batch is compared with
	// Digest names the content of a table with checksums: whoever has kept it
	// knows the table again.
	Digest string
	parts  []*part // the table, or what a stopped writer left of it and its journal
}

// Open opens the table at path or, where there is none, what a stopped writer
// has left of it: path.partial and path.journal.
//
// A complete file must be whole: one that is cut, or differs by a bit from what
// was written, is an error that says where, and so are lengths and offsets that
// cannot be, before anything is allocated for them. A partial file is read up to
// its last whole batch, and may end in garbage. Other writers' files have no
// checksums; they are checked as far as the format goes.
func Open(path string) (*Reader, error) { return open(host{}, path) }

// OpenIn is Open for a file of a folder, out of which no link leads.
func OpenIn(in Folder, name string) (*Reader, error) { return open(in, name) }

func open(in Folder, path string) (*Reader, error) {
	base, partial := strings.CutSuffix(path, PartialSuffix)
	if !partial {
		file, err := openRegular(in, path)
		switch {
		case err == nil:
			return openComplete(file, path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("open table: %w", err)
		}
	}
	r := &Reader{Path: base + PartialSuffix}
	var first error
	for _, name := range []string{r.Path, base + JournalSuffix} {
		file, err := openRegular(in, name)
		if err == nil {
			var p *part
			if p, err = openPart(file, ending{}, nil); err == nil {
				r.parts = append(r.parts, p)
				continue
			}
			file.Close()
			err = fmt.Errorf("open table %s: %w", name, err)
		}
		if first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	switch {
	case len(r.parts) > 0:
		return r, nil
	case first != nil:
		return nil, first
	}
	return nil, fmt.Errorf("open table: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT})
}

func openComplete(file source, path string) (r *Reader, err error) {
	defer func() {
		if err != nil {
			file.Close()
			err = fmt.Errorf("open table %s: %w", path, err)
		}
	}()
	if err := checkMagic(file); err != nil {
		return nil, err
	}
	end, err := readEnding(file, file.size)
	if err != nil {
		return nil, fmt.Errorf("damaged or cut short: %w (named …%s its whole batches can still be read)", err, PartialSuffix)
	}
	blocks, batches, err := arrowcheck.Footer(end.footer, streamOffset, end.stream)
	if err != nil {
		return nil, damaged(err)
	}
	p, err := openPart(file, end, blocks)
	if err != nil {
		return nil, err
	}
	p.batches = batches
	r = &Reader{Path: path, Complete: true, Verified: end.digests != nil, parts: []*part{p}}
	if r.Verified {
		r.Digest = fmt.Sprintf("%x", end.self)
	}
	return r, nil
}

// Schema is the table's schema with its metadata.
func (r *Reader) Schema() *arrow.Schema { return r.parts[0].schema() }

// Metadata is the schema's metadata.
func (r *Reader) Metadata() map[string]string { return r.Schema().Metadata().ToMap() }

// Batches yields the table's batches once. Each is valid until the next: Retain
// it to keep it. The end of a partial table, wherever it was cut, is the end of
// the sequence; damage in a complete one is an error.
func (r *Reader) Batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		rows := int64(0) // that were in the batches so far
		n := 0
		for _, p := range r.parts {
			skip, ok := p.skip(rows)
			if !ok {
				return // rows in between are lost, and what follows would seem to be they
			}
			for batch, err := range p.all() {
				if err != nil && r.Complete {
					yield(nil, fmt.Errorf("read table %s: batch %d: %w", r.Path, n, err))
					return
				}
				if err != nil || batch == nil {
					break
				}
				if skip >= batch.NumRows() {
					skip -= batch.NumRows()
					continue
				}
				batch = r.ours(batch, skip)
				skip = 0
				rows += batch.NumRows()
				more := yield(batch, nil)
				batch.Release()
				if n++; !more {
					return
				}
			}
		}
	}
}

// ours is batch from row skip on, under the table's schema, which a journal's
// differs from by its metadata.
func (r *Reader) ours(batch arrow.RecordBatch, skip int64) arrow.RecordBatch {
	if skip > 0 {
		batch = batch.NewSlice(skip, batch.NumRows())
		defer batch.Release()
	}
	return array.NewRecordBatch(r.Schema(), batch.Columns(), batch.NumRows())
}

// skip is how many of a journal's rows the table before it has already. It is
// not ok if there are rows between the two.
func (p *part) skip(rows int64) (skip int64, ok bool) {
	text, journal := p.schema().Metadata().GetValue(metaFirstRow)
	if !journal {
		return 0, true
	}
	first, err := strconv.ParseInt(text, 10, 64)
	return rows - first, err == nil && first >= 0 && first <= rows
}

// Rows counts the table's rows by reading all batches, which verifies them.
func (r *Reader) Rows() (rows int64, err error) {
	for batch, err := range r.Batches() {
		if err != nil {
			return rows, err
		}
		rows += batch.NumRows()
	}
	return rows, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	var err error
	for _, p := range r.parts {
		err = errors.Join(err, p.close())
	}
	return err
}

// damaged says so of an error of the checks and of the decoder.
func damaged(err error) error { return fmt.Errorf("damaged: %w", err) }

// recovered turns a panic of the decoder on damaged bytes into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = arrowcheck.Senseless(p)
	}
}
