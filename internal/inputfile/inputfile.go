// Package inputfile opens files that a user names, which may be pipes: whoever writes
// into one may take his time, or never come.
package inputfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Open opens the file at path for reading. The end of ctx ends the opening of a pipe
// that nobody writes to, with its cause as the error, and every read of one.
func Open(ctx context.Context, path string) (*os.File, error) {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() || info.IsDir() {
		return os.Open(path)
	}
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		if o.err == nil {
			context.AfterFunc(ctx, func() { _ = o.file.SetReadDeadline(time.Unix(1, 0)) }) // what has no deadlines does not wait
		}
		return o.file, o.err
	case <-ctx.Done(): // the process ends with the opening under way
		return nil, fmt.Errorf("open %s: %w", path, context.Cause(ctx))
	}
}

// OpenRegular opens a file that must be a regular one: it is read more than once, or
// something else must not wait for its writer.
func OpenRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file, and a pipe or a device is not taken here", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadRegular reads the whole of a file that must be a regular one.
func ReadRegular(path string) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
