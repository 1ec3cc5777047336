package arrowfile

import (
	"fmt"
	"io"
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

// source is an open file of the size that it had when it was opened. A small one
// is read at once: in a folder of thousands of small tables the calls of the system
// would take longer than what is done with the bytes.
type source struct {
	io.ReaderAt
	io.Closer
	size int64
}

// small is the size in bytes up to which a file is read at once.
const small = 64 << 10

// inMemory are bytes of a file from a place on, to be read by their place in the
// file.
type inMemory struct {
	bytes []byte
	from  int64
}

// ReadAt implements io.ReaderAt.
func (m inMemory) ReadAt(b []byte, at int64) (int, error) {
	at -= m.from
	if at < 0 || at > int64(len(m.bytes)) {
		return 0, io.EOF
	}
	n := copy(b, m.bytes[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// openRegular opens a file for reading, and nothing that would let the reader
// wait, such as a pipe.
func openRegular(in Folder, name string) (source, error) {
	f, err := in.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return source{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is no regular file", name)
	}
	s := source{f, f, 0}
	if err == nil {
		if s.size = info.Size(); s.size <= small {
			b := make([]byte, s.size)
			n, failed := f.ReadAt(b, 0)
			if failed != io.EOF { // it was cut meanwhile, which the checks of its bytes say
				err = failed
			}
			s.ReaderAt = inMemory{b[:n], 0}
		}
	}
	if err != nil {
		f.Close()
		return source{}, err
	}
	return s, nil
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
