package engine

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	tailLines = 20
	tailWidth = 400 // bytes of a line
)

// tail passes what a server prints on to a log, line by line and without
// secrets, and keeps the last lines for an error.
type tail struct {
	mu      sync.Mutex
	log     io.Writer // nil for nowhere
	secrets []string
	partial []byte
	last    []string
}

func newTail(log io.Writer, secrets []string) *tail {
	return &tail{log: log, secrets: secrets}
}

// Write never fails: a full disk under the log must not stop the server.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial = append(t.partial, b...)
	for {
		i := bytes.IndexAny(t.partial, "\r\n")
		if i < 0 && len(t.partial) < 1<<16 {
			return len(b), nil
		}
		if i < 0 {
			i = len(t.partial) - 1
		}
		t.line(string(t.partial[:i]))
		t.partial = t.partial[i+1:]
	}
}

// flush ends a last line without a line feed.
func (t *tail) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(string(t.partial))
	t.partial = nil
}

func (t *tail) line(s string) {
	s = strings.TrimRight(s, " \t")
	if s == "" {
		return
	}
	for _, secret := range t.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	if t.log != nil {
		io.WriteString(t.log, s+"\n")
	}
	if len(s) > tailWidth {
		s = strings.ToValidUTF8(s[:tailWidth], "") + "…"
	}
	if len(t.last) == tailLines {
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, s)
}

// lines returns the last lines, indented.
func (t *tail) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.last) == 0 {
		return ""
	}
	return "  " + strings.Join(t.last, "\n  ")
}
