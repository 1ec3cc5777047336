package screen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"cfubench/internal/prose"
)

// Nobody reads: a write waits until the command is interrupted, and no longer; those
// behind it do not wait at all. What a reader takes later is what was written first.
func TestPatient(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	p := Patient(ctx, w)
	failed := make(chan error)
	go func() {
		_, err := p.Write([]byte("first\n"))
		failed <- err
	}()
	select {
	case err := <-failed:
		t.Fatalf("before the interrupt: %v, want that it waits", err)
	default:
	}
	interrupt()
	if err := <-failed; !errors.Is(err, errUnread) {
		t.Errorf("after the interrupt: %v, want %v", err, errUnread)
	}
	if _, err := p.Write([]byte("second\n")); !errors.Is(err, errUnread) {
		t.Errorf("behind a write that is stuck: %v, want %v", err, errUnread)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "first\n" {
		t.Errorf("the reader gets %q, %v", got, err)
	}
	<-p.(*patient).late
	go io.Copy(io.Discard, r)
	if n, err := p.Write([]byte("third\n")); n != 6 || err != nil {
		t.Errorf("once there is a reader again: %d, %v", n, err)
	}
}

// A page stays one, and a file shows its descriptor.
func TestPatientPage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	page, ok := Patient(t.Context(), prose.Page{Writer: &out}).(prose.Page)
	if !ok {
		t.Fatal("a page is none any more")
	}
	if n, err := page.Write([]byte("text")); n != 4 || err != nil || out.String() != "text" {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
	if fd := Patient(t.Context(), os.Stderr).(*patient).Fd(); fd != os.Stderr.Fd() {
		t.Errorf("descriptor %d, want %d", fd, os.Stderr.Fd())
	}
}
