package failure

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// TestJoin: what follows from the same cause is no reason of its own.
func TestJoin(t *testing.T) {
	full := fmt.Errorf("write a: %w", &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC})
	fuller := fmt.Errorf("write b: %w", syscall.ENOSPC)
	missing, other := fmt.Errorf("open c: %w", syscall.ENOENT), errors.New("the engine ended")
	for _, c := range []struct {
		about       string
		first, next error
		want        string
	}{
		{"the disk is full for both", full, fuller, full.Error()},
		{"two system errors", full, missing, full.Error() + "\n" + missing.Error()},
		{"one is none of the system's", other, full, other.Error() + "\n" + full.Error()},
		{"only the second failed", nil, full, full.Error()},
		{"only the first failed", other, nil, other.Error()},
	} {
		if got := Join(c.first, c.next); got == nil || got.Error() != c.want {
			t.Errorf("%s: got %q, want %q", c.about, got, c.want)
		}
	}
	if err := Join(nil, nil); err != nil {
		t.Errorf("got %q, want no error from none", err)
	}
}
