package inputfile_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/internal/inputfile"
)

var errSignal = errors.New("terminated")

// TestPipes: neither the opening nor a read of a pipe outlives the context.
func TestPipes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		writer bool // somebody holds the other end, and writes "begun"
	}{
		{"a pipe that nobody opens", false},
		{"a pipe whose writer falls silent", true},
	} {
		path := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if tt.writer {
			go func() {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err == nil {
					_, _ = w.WriteString("begun")
					t.Cleanup(func() { w.Close() })
				}
			}()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(errSignal) })
		ended := make(chan string, 1)
		go func() {
			f, err := inputfile.Open(ctx, path)
			if err != nil {
				ended <- err.Error()
				return
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			if err != nil {
				ended <- string(b) + ", then an error"
				return
			}
			ended <- "its end"
		}()
		want := "terminated"
		if tt.writer {
			want = "begun, then an error"
		}
		select {
		case got := <-ended:
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", tt.name, got, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the end of the context does not end it", tt.name)
		}
	}
}

// TestReadRegular: what is no file is refused at once.
func TestReadRegular(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(path, []byte("text"), 0o600), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	if b, err := inputfile.ReadRegular(path); err != nil || string(b) != "text" {
		t.Errorf("a file: got %q, %v, want its text", b, err)
	}
	for _, other := range []string{pipe, dir} {
		if _, err := inputfile.ReadRegular(other); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: got %v, want that it is no regular file", other, err)
		}
	}
}
