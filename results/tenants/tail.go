package tenants

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"cfubench/internal/inputfile"
)

const (
	// longestLine is the most bytes of a line: a longer one is left out.
	longestLine = 4 << 20
	// most read at a time: what is more comes with the next look.
	mostRead = 16 << 20
)

// Tail reads the lines that are added to a file from the first look on. A file that
// is replaced or emptied is read from its begin, the rest of the old one first. The
// file need not be there yet.
type Tail struct {
	Path string

	file    *os.File
	begun   bool
	offset  int64
	rest    []byte // of a line whose end has not come
	skipped bool   // the line under way is too long
}

// Lines yields the whole lines that have come since the last look, and whether some
// of them were left out, for their length.
func (t *Tail) Lines(take func(line []byte)) (long int, err error) {
	for budget := int64(mostRead); ; {
		if t.file == nil {
			opened, err := t.open()
			if err != nil || !opened {
				return long, err
			}
		}
		n, cut, err := t.read(budget, take)
		if long += cut; err != nil {
			return long, err
		}
		if budget -= n; budget <= 0 {
			return long, nil
		}
		if replaced, err := t.replaced(); err != nil || !replaced {
			return long, err
		}
		t.file.Close()
		t.file, t.offset, t.rest, t.skipped = nil, 0, nil, false
	}
}

// open opens the file; false if it is not there.
func (t *Tail) open() (bool, error) {
	file, err := inputfile.OpenRegular(t.Path)
	if errors.Is(err, fs.ErrNotExist) {
		t.begun = true // what is there later has come later
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the log of requests: %w", err)
	}
	if !t.begun {
		if t.offset, err = file.Seek(0, io.SeekEnd); err != nil {
			file.Close()
			return false, fmt.Errorf("open the log of requests: %w", err)
		}
	}
	t.file, t.begun = file, true
	return true, nil
}

// read reads up to budget bytes and takes their lines.
func (t *Tail) read(budget int64, take func([]byte)) (n int64, long int, err error) {
	buffer := make([]byte, 64<<10)
	for n < budget {
		got, err := t.file.ReadAt(buffer, t.offset)
		t.offset += int64(got)
		n += int64(got)
		long += t.split(buffer[:got], take)
		if err == io.EOF {
			return n, long, nil
		}
		if err != nil {
			return n, long, fmt.Errorf("read the log of requests: %w", err)
		}
	}
	return n, long, nil
}

// split takes the lines that are whole with what has come.
func (t *Tail) split(b []byte, take func([]byte)) (long int) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			if t.rest = append(t.rest, b...); len(t.rest) > longestLine {
				t.rest, t.skipped = nil, true
			}
			return long
		}
		line := append(t.rest, b[:i]...)
		switch {
		case t.skipped || len(line) > longestLine:
			long++
		case len(bytes.TrimSpace(line)) > 0:
			take(line)
		}
		t.rest, t.skipped, b = nil, false, b[i+1:]
	}
}

// replaced reports whether another file has the name, or the file was emptied.
func (t *Tail) replaced() (bool, error) {
	own, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("read the log of requests: %w", err)
	}
	now, err := os.Stat(t.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is being replaced
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read the log of requests: %w", err)
	}
	return !os.SameFile(own, now) || own.Size() < t.offset, nil
}

// Close closes the file.
func (t *Tail) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
