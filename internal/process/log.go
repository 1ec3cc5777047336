package process

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"cfubench/internal/secret"
)

const (
	// logHead and logTail bound what a Log passes on.
	logHead, logTail = 8 << 20, 1 << 20
	// lineLimit ends a line that has no end of its own.
	lineLimit = 1 << 16
	// lastLines of lastWidth bytes are kept for an error.
	lastLines, lastWidth = 20, 400
)

// Log takes what a process prints, line by line: secrets and control characters
// do not get through, and of a flood only the beginning and the end do. The last
// lines are kept for an error. It may be used by several goroutines.
type Log struct {
	mu      sync.Mutex
	out     io.Writer // nil for nowhere
	secrets *secret.Redactor
	partial []byte
	head    int      // bytes that went out
	tail    [][]byte // lines beyond the head, as they came
	held    int      // bytes in tail
	left    int64    // bytes that were left out between head and tail
	last    [][]byte
	closed  bool
}

// NewLog returns a Log in front of out, nil for nowhere, that hides what secrets
// knows, nil for nothing.
func NewLog(out io.Writer, secrets *secret.Redactor) *Log {
	return &Log{out: out, secrets: secrets}
}

// Write never fails: a full disk under the log must not stop the process.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\r\n")
		room := lineLimit - len(l.partial)
		switch {
		case i >= 0 && i <= room:
			l.line(append(l.partial, b[:i]...))
			l.partial, b = l.partial[:0], b[i+1:]
		case len(b) >= room:
			l.line(append(l.partial, b[:room]...))
			l.partial, b = l.partial[:0], b[room:]
		default:
			l.partial, b = append(l.partial, b...), nil
		}
	}
	return n, nil
}

// line takes a line over; its bytes are the caller's again afterwards.
func (l *Log) line(b []byte) {
	if b = bytes.TrimRight(b, " \t"); len(b) == 0 {
		return
	}
	b = bytes.Clone(b)
	if len(l.last) == lastLines {
		copy(l.last, l.last[1:])
		l.last = l.last[:lastLines-1]
	}
	l.last = append(l.last, b)
	switch {
	case l.out == nil:
	case l.head < logHead && l.held == 0:
		l.head += len(b)
		l.pass(b)
	default:
		l.tail, l.held = append(l.tail, b), l.held+len(b)
		for l.held > logTail {
			l.left += int64(len(l.tail[0])) + 1
			l.held -= len(l.tail[0])
			l.tail[0] = nil
			l.tail = l.tail[1:]
		}
	}
}

func (l *Log) pass(b []byte) {
	io.WriteString(l.out, l.secrets.Line(string(b), 2*lineLimit)+"\n")
}

// Close passes on what is left: a last line without a line feed and, after a
// flood, its end. What is written afterwards is still among the last lines.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.line(l.partial)
	l.partial = nil
	if l.left > 0 {
		fmt.Fprintf(l.out, "[%d bytes left out]\n", l.left)
	}
	for _, b := range l.tail {
		l.pass(b)
	}
	l.tail, l.out = nil, nil
	return nil
}

// Last returns the last lines, each indented and bounded, "" if there are none.
func (l *Log) Last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.last
	if p := bytes.TrimRight(l.partial, " \t"); len(p) > 0 {
		lines = append(lines[:len(lines):len(lines)], p)
	}
	var out strings.Builder
	for i, b := range lines[max(0, len(lines)-lastLines):] {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString("  " + l.secrets.Line(string(b), lastWidth))
	}
	return out.String()
}

var _ io.WriteCloser = (*Log)(nil)
