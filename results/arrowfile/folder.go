package arrowfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Folder is where tables lie: an os.Root, out of which no link leads, or what is
// made of one.
type Folder interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
}

// host is the whole file system, for tables that are nobody's but their user's.
type host struct{}

func (host) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (host) Rename(from, to string) error { return os.Rename(from, to) }
func (host) Remove(name string) error     { return os.Remove(name) }

// openRegular opens a file for reading, and nothing that would let the reader
// wait, such as a pipe.
func openRegular(in Folder, name string) (*os.File, error) {
	f, err := in.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is no regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// createNew creates a file in place of what may be there, also of a link, which
// it does not follow.
func createNew(in Folder, name string) (*os.File, error) {
	if err := in.Remove(name); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return in.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
}

// syncDir makes a rename in the folder of name durable.
func syncDir(in Folder, name string) error {
	d, err := in.OpenFile(filepath.Dir(name), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
