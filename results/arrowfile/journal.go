package arrowfile

import (
	"bufio"
	"errors"
	"os"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// journal holds the rows that are not in the table yet, as an Arrow stream of
// plain buffers: packing is for the table.
type journal struct {
	in     Folder
	name   string
	schema *arrow.Schema
	file   *os.File
	buffer *bufio.Writer
	ipc    *ipc.Writer // nil until the first row
}

// write appends a batch whose first row is the table's row first.
func (j *journal) write(batch arrow.RecordBatch, first int64) error {
	if j.file == nil {
		f, err := createNew(j.in, j.name)
		if err != nil {
			return err
		}
		j.file, j.buffer = f, bufio.NewWriterSize(f, 1<<16)
	}
	if j.ipc == nil {
		all := j.schema.Metadata().ToMap()
		all[metaFirstRow] = strconv.FormatInt(first, 10)
		m := Metadata(all)
		j.ipc = ipc.NewWriter(j.buffer, ipc.WithSchema(arrow.NewSchema(j.schema.Fields(), &m)))
	}
	if err := j.ipc.Write(batch); err != nil {
		return err
	}
	return j.buffer.Flush()
}

// restart empties the journal.
func (j *journal) restart() error {
	if j.file == nil {
		return nil
	}
	j.ipc = nil
	j.buffer.Reset(j.file)
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	_, err := j.file.Seek(0, 0)
	return err
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func (j *journal) remove() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Close(), j.in.Remove(j.name))
}
