package screen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"cfubench/internal/prose"
)

// patience is how long a write may wait for its reader once the command is interrupted.
const patience = 250 * time.Millisecond

// errUnread says that nobody reads what is written.
var errUnread = errors.New("nobody has read it since the interrupt")

// Patient is w whose writes wait for a reader, a pipe's or a terminal's, until ctx ends,
// and then for a moment: what is not read by then is lost. An interrupted command ends
// also where its reader has stopped.
func Patient(ctx context.Context, w io.Writer) io.Writer {
	if page, ok := w.(prose.Page); ok {
		return prose.Page{Writer: Patient(ctx, page.Writer)}
	}
	return &patient{ctx: ctx, under: w}
}

type patient struct {
	ctx   context.Context
	under io.Writer

	mu   sync.Mutex
	late chan struct{} // closed when a write that was given up has ended, nil without one
}

// Fd is the descriptor of what is under it, none if that is no file.
func (p *patient) Fd() uintptr {
	if f, ok := p.under.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.late != nil {
		select {
		case <-p.late:
			p.late = nil
		default:
			return 0, errUnread
		}
	}
	var n int
	var err error
	done := make(chan struct{})
	copied := bytes.Clone(b)
	go func() {
		defer close(done)
		n, err = p.under.Write(copied)
	}()
	select {
	case <-done:
		return n, err
	case <-p.ctx.Done():
	}
	select {
	case <-done:
		return n, err
	case <-time.After(patience):
		p.late = done
		return 0, errUnread
	}
}
