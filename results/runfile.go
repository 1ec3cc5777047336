package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// runSchema is the version of run.json that this package writes and reads.
const runSchema = 1

// CellDir is the folder of a cell's tables in the run folder dir.
func CellDir(dir, cell string) string { return filepath.Join(dir, CellsDir, cell) }

// ReadRun reads run.json of the run folder dir. An error says so if dir holds no
// run (it wraps fs.ErrNotExist) or one of another schema.
func ReadRun(dir string) (Run, error) {
	path := filepath.Join(dir, RunFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, fmt.Errorf("%s holds no run: %w; give the folder that 'cfu run --out' wrote", dir, err)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run: %w", err)
	}
	var r Run
	if err := json.Unmarshal(text, &r); err != nil {
		return Run{}, fmt.Errorf("read %s: %w", path, err)
	}
	if r.Schema != runSchema {
		return Run{}, fmt.Errorf("read %s: it has schema %d, this version reads %d", path, r.Schema, runSchema)
	}
	return r, nil
}

// WriteRun writes run.json of the run folder dir in one step: a reader sees the
// old file or the new one. It sets the schema.
func WriteRun(dir string, r Run) error {
	r.Schema = runSchema
	return writeJSON(filepath.Join(dir, RunFile), r)
}

// writeJSON writes v to path, indented, in one step.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return replaceFile(path, append(text, '\n'))
}

// replaceFile gives path the content text, durably and in one step.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
