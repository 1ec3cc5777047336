package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// status is the progress line on stderr: rewritten in place on a terminal, a
// plain line every ten seconds elsewhere.
type status struct {
	w        io.Writer
	terminal bool
	width    int
	shown    bool // a live line stands on the terminal
}

func newStatus(w io.Writer) *status {
	s := &status{w: w, width: 80}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			s.width = n
		}
	}
	return s
}

// every is how often the line is worth redrawing.
func (s *status) every() time.Duration {
	if s.terminal {
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// live shows a passing state.
func (s *status) live(line string) {
	if !s.terminal {
		fmt.Fprintln(s.w, line)
		return
	}
	if len(line) >= s.width {
		line = line[:s.width-1]
	}
	fmt.Fprintf(s.w, "\r%s%s", line, strings.Repeat(" ", s.width-1-len(line)))
	s.shown = true
}

// say prints a line that stays.
func (s *status) say(format string, args ...any) {
	if s.shown {
		fmt.Fprintf(s.w, "\r%s\r", strings.Repeat(" ", s.width-1))
		s.shown = false
	}
	fmt.Fprintf(s.w, format+"\n", args...)
}

// follow shows line() until ctx ends.
func (s *status) follow(ctx context.Context, line func() string) {
	tick := time.NewTicker(s.every())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.live(line())
		}
	}
}
