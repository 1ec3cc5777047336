package runfolder

// The functions of this file are the one way to what lies in run folders, by paths
// such as CellFile's. Where the folder itself is, its user says; from there on no
// link leads out of it, also none that somebody puts there in mid-work. Whole files
// that stand beside run.json are written by package atomicfile, which replaces a
// link.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"cfubench/results/arrowfile"
)

// ownFiles are the files that stand in a run folder itself. No cell has such a
// name, nor BareDir's.
var ownFiles = []string{RunFile, SummaryFile, ReportFile, FootprintFile, RecordFile}

// reserved reports whether a cell cannot have the name.
func reserved(name string) bool { return name == BareDir || slices.Contains(ownFiles, name) }

// locate divides a path into that of the run folder and a name in it: of a cell's
// folder or a file in it, of BareDir or a file in it, else of what stands in the
// run folder itself.
func locate(path string) (dir, name string) {
	path = filepath.Clean(path)
	parent, base := filepath.Dir(path), filepath.Base(path)
	plain := strings.TrimSuffix(strings.TrimSuffix(base, arrowfile.PartialSuffix), arrowfile.JournalSuffix)
	above := filepath.Dir(parent)
	switch {
	case reserved(plain):
		return parent, base
	case filepath.Base(parent) == BareDir:
		return above, filepath.Join(BareDir, base)
	case filepath.Base(above) == CellsDir:
		return filepath.Dir(above), filepath.Join(CellsDir, filepath.Base(parent), base)
	case filepath.Base(parent) == CellsDir:
		return above, filepath.Join(CellsDir, base)
	}
	return parent, base
}

// at does f in the run folder of path, with the name of path there. Errors are
// about path.
func at(path string, f func(root *os.Root, name string) error) error {
	dir, name := locate(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = f(root, name)
	var of *fs.PathError
	if errors.As(err, &of) {
		return &fs.PathError{Op: strings.TrimSuffix(of.Op, "at"), Path: path, Err: of.Err}
	}
	return err
}

// OpenFile is os.OpenFile.
func OpenFile(path string, flag int, perm fs.FileMode) (file *os.File, err error) {
	err = at(path, func(root *os.Root, name string) error {
		file, err = root.OpenFile(name, flag, perm)
		return err
	})
	return file, err
}

// Create makes a new file in place of what may be there, also of a link, and the
// folders that lead to it.
func Create(path string) (file *os.File, err error) {
	dir, _ := locate(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	err = at(path, func(root *os.Root, name string) error {
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		file, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	})
	return file, err
}

// Rename is os.Rename within a folder.
func Rename(from, to string) error {
	return at(from, func(root *os.Root, name string) error {
		return root.Rename(name, filepath.Join(filepath.Dir(name), filepath.Base(to)))
	})
}

// Remove is os.Remove.
func Remove(path string) error { return at(path, (*os.Root).Remove) }

// RemoveAll is os.RemoveAll.
func RemoveAll(path string) error { return at(path, (*os.Root).RemoveAll) }

// MakeDir makes the run folder of path, and in it path.
func MakeDir(path string) error {
	dir, _ := locate(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return at(path, func(root *os.Root, name string) error { return root.MkdirAll(name, 0o755) })
}

// Stat is os.Stat.
func Stat(path string) (info fs.FileInfo, err error) {
	err = at(path, func(root *os.Root, name string) error {
		info, err = root.Stat(name)
		return err
	})
	return info, err
}

// ReadDir lists a folder of a run folder.
func ReadDir(path string) (entries []fs.DirEntry, err error) {
	f, err := OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// ReadFile reads a whole file, and nothing that it would wait for, such as a pipe.
func ReadFile(path string) ([]byte, error) {
	f, err := OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("read %s: it is no regular file", path)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// tables is where arrowfile finds the tables of run folders.
type tables struct{}

var _ arrowfile.Folder = tables{}

func (tables) OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return OpenFile(path, flag, perm)
}
func (tables) Rename(from, to string) error { return Rename(from, to) }
func (tables) Remove(path string) error     { return Remove(path) }

// OpenTable opens a table of any columns.
func OpenTable(path string) (*arrowfile.Reader, error) { return arrowfile.OpenIn(tables{}, path) }

// RecoverTable completes a table from what a stopped writer left of it.
func RecoverTable(path string) (rows int64, err error) { return arrowfile.RecoverIn(tables{}, path) }
