package arrowcheck

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Columns checks what a decoded batch holds before its values are read: buffers
// and offsets, a value a row, and no null where there may be none, which would
// read as zero.
func Columns(batch arrow.RecordBatch) (err error) {
	defer recovered(&err) // the library's own check trusts the last offset
	if err := array.ValidateRecordFull(batch); err != nil {
		return err
	}
	for i, c := range batch.Columns() {
		f := batch.Schema().Field(i)
		if int64(c.Len()) != batch.NumRows() {
			return fmt.Errorf("column %q has %d values in %d rows", f.Name, c.Len(), batch.NumRows())
		}
		if c.NullN() > 0 && !f.Nullable {
			return fmt.Errorf("column %q has %d nulls, and is to have none", f.Name, c.NullN())
		}
	}
	return nil
}
