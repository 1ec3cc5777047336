package arrowfile

import (
	"errors"
	"fmt"
	"io/fs"
)

// Recover completes the table at path from what a stopped writer left of it,
// and says how many rows that were. A complete table is left as it is: its
// partial files, which are older, are removed. A Recover that is itself stopped
// loses nothing.
func Recover(path string) (rows int64, err error) { return recoverTable(host{}, path) }

// RecoverIn is Recover for a file of a folder, out of which no link leads.
func RecoverIn(in Folder, name string) (rows int64, err error) { return recoverTable(in, name) }

func recoverTable(in Folder, path string) (rows int64, err error) {
	r, err := open(in, path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if !r.Complete {
		// Under another name: a writer's own would be in place of what is read.
		again := path + ".recovered"
		w, err := create(in, again, r.Schema(), []Option{Derived()})
		if err != nil {
			return 0, err
		}
		defer w.Abort()
		for batch, err := range r.Batches() {
			if err != nil {
				return rows, err
			}
			if err := w.Write(batch); err != nil {
				return rows, err
			}
			rows += batch.NumRows()
		}
		if err := w.Close(); err != nil {
			return rows, err
		}
		if err := in.Rename(again, path); err != nil {
			return rows, fmt.Errorf("recover table: %w", err)
		}
	} else if rows, err = r.Rows(); err != nil {
		return rows, err
	}
	for _, suffix := range []string{JournalSuffix, PartialSuffix} {
		if e := in.Remove(path + suffix); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return rows, err
}
