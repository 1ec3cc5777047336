package runfolder

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/internal/outside"
	"cfubench/results/arrowfile"
)

// Tables lists the tables of a run by name, those of cells first.
func Tables() []string {
	return []string{"requests", "readings", "power", "energy", "engine", "devices", "tenants", "footprint"}
}

// TablePaths are the files of a table below the run folder dir with the cells
// that they belong to; a table of the whole run has the cell "". Cells that have
// no such table are left out; an error says which table cannot be read, or is gone
// though run.json has its digest.
func TablePaths(dir string, run Run, table string) (paths, cells []string, err error) {
	if !slices.Contains(Tables(), table) {
		return nil, nil, fmt.Errorf("table %q is unknown: use one of %v", table, Tables())
	}
	add := func(path string, cell Cell) error {
		whole, err := isWhole(path)
		_, listed := cell.Tables[filepath.Base(path)]
		_, unnamed := Stat(path) // what there is, is what a stopped writer left
		derived := table == "energy" || table == "footprint"
		switch {
		case errors.Is(unnamed, fs.ErrNotExist) && listed:
			return fmt.Errorf("cell %s: %s, which run.json lists, is gone: %w", cell.ID, filepath.Base(path), unnamed)
		case errors.Is(unnamed, fs.ErrNotExist) && (derived || errors.Is(err, arrowfile.ErrEmpty)):
			return nil
		case errors.Is(err, fs.ErrNotExist):
			return nil // a cell needs not have each of them
		case err != nil:
			return err
		case !whole && derived:
			return nil
		}
		paths, cells = append(paths, path), append(cells, cell.ID)
		return nil
	}
	if table == "footprint" {
		err := add(filepath.Join(dir, FootprintFile), Cell{})
		return paths, cells, err
	}
	for _, c := range run.Cells {
		if err := add(CellFile(dir, c.ID, table+".arrow"), c); err != nil {
			return nil, nil, err
		}
	}
	return paths, cells, nil
}

// isWhole opens the table at path and reports whether its writer completed it.
func isWhole(path string) (whole bool, err error) {
	r, err := OpenTable(path)
	if err != nil {
		return false, err
	}
	return r.Complete, r.Close()
}

// ExportCSV writes a table of the run folder dir as CSV: the column cell, where
// the table has none of its own, then the table's columns, then a column
// param.NAME for each parameter of a sweep. Nulls are empty, lists are numbers with spaces between, and no text is a spreadsheet's formula.
func ExportCSV(ctx context.Context, w io.Writer, dir string, run Run, table string) error {
	paths, cells, err := TablePaths(dir, run, table)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no table %s", dir, table)
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	out := csv.NewWriter(buffered)
	params := paramColumns{names: run.ParamNames(), values: map[string][]string{}}
	for _, c := range run.Cells {
		params.add(c.ID, run.ParamsOf(c.Point))
	}
	for i, path := range paths {
		if err := exportFile(ctx, out, path, cells[i], params, i == 0); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("export %s: %w", table, err)
	}
	return buffered.Flush()
}

// paramColumns are the values of a sweep's parameters by cell, in the order of their
// names.
type paramColumns struct {
	names  []string
	values map[string][]string
}

func (p paramColumns) add(cell string, params map[string]string) {
	for _, name := range p.names {
		p.values[cell] = append(p.values[cell], outside.Cell(params[name]))
	}
}

func exportFile(ctx context.Context, out *csv.Writer, path, cell string, params paramColumns, header bool) error {
	r, err := OpenTable(path)
	if err != nil {
		return err
	}
	defer r.Close()
	var names []string
	before := 0 // columns before the table's own
	own := r.Schema().FieldIndices("cell")
	if len(own) == 0 {
		names, before = append(names, "cell"), 1
	}
	for _, f := range r.Schema().Fields() {
		names = append(names, f.Name)
	}
	after := len(names)
	for _, name := range params.names {
		names = append(names, "param."+name)
	}
	if header {
		if err := out.Write(names); err != nil {
			return err
		}
	}
	line := make([]string, len(names))
	for batch, err := range r.Batches() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("export %s: %w", path, context.Cause(ctx))
		}
		for i := range int(batch.NumRows()) {
			if before > 0 {
				line[0] = outside.Cell(cell)
			}
			for c, column := range batch.Columns() {
				line[before+c] = csvValue(column, i)
			}
			of := cell
			if column, ok := ownCell(batch, own); ok {
				of = column.Value(i)
			}
			clear(line[after:]) // of a row of no cell
			copy(line[after:], params.values[of])
			if err := out.Write(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownCell is a table's own column of cells.
func ownCell(batch arrow.RecordBatch, own []int) (*array.String, bool) {
	if len(own) == 0 {
		return nil, false
	}
	column, ok := batch.Column(own[0]).(*array.String)
	return column, ok
}

// csvValue is the text of one value.
func csvValue(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.Int64:
		return strconv.FormatInt(a.Value(i), 10)
	case *array.Int32:
		return strconv.FormatInt(int64(a.Value(i)), 10)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'g', -1, 64)
	case *array.String:
		return outside.Cell(a.Value(i))
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i))
	case *array.List:
		start, end := a.ValueOffsets(i)
		var b []byte
		for j := start; j < end; j++ {
			if j > start {
				b = append(b, ' ')
			}
			b = append(b, csvValue(a.ListValues(), int(j))...)
		}
		return string(b)
	}
	return a.ValueStr(i)
}

// ExportAll writes every table that the run in out has as CSV into the folder dir, which
// it makes, and tells the path of each once it is written.
func ExportAll(ctx context.Context, dir, out string, run Run, wrote func(path string)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	for _, name := range Tables() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted before table %s: %w", name, err)
		}
		paths, _, err := TablePaths(out, run, name)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			continue
		}
		if err := exportTo(ctx, filepath.Join(dir, name+".csv"), out, run, name); err != nil {
			return err
		}
		wrote(filepath.Join(dir, name+".csv"))
	}
	return nil
}

// exportTo writes one table to a file.
func exportTo(ctx context.Context, path, out string, run Run, table string) error {
	f, err := Create(path)
	if err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	err = ExportCSV(ctx, f, out, run, table)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write %s: %w", path, closeErr)
	}
	return err
}
