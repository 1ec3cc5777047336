package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"cfubench/internal/outside"
	"cfubench/internal/secret"
)

// screen is where a command says something to its user. Each write is one
// message, of which no secret and no terminal sequence gets through.
type screen struct {
	out     io.Writer
	secrets *secret.Redactor
}

// Write implements io.Writer.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.out, plain(string(b), s.secrets)); err != nil {
		return 0, fmt.Errorf("print: %w", err)
	}
	return len(b), nil
}

// plain is a message fit for the screen, as wide and as indented as it was. It is
// redacted again once what was hidden in a secret is taken out.
func plain(text string, secrets *secret.Redactor) string {
	return secrets.Text(outside.Text(secrets.Text(text)))
}

// status is where a run says what it does: lines on stderr, and a progress line
// that is rewritten in place on a terminal and printed every ten seconds
// elsewhere. Results go to stdout.
type status struct {
	results  io.Writer
	secrets  *secret.Redactor
	terminal bool
	width    int // in characters

	mu    sync.Mutex // guards what follows
	w     io.Writer
	shown bool // a live line stands on the terminal
}

func newStatus(env environment) *status {
	s := &status{results: env.stdout, w: env.stderr, secrets: env.secrets, width: 80}
	if covered, ok := env.stderr.(screen); ok { // lines are made plain before the cursor is moved
		s.w = covered.out
	}
	if f, ok := s.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			s.width = n
		}
	}
	return s
}

// every is how often the progress line is worth redrawing.
func (s *status) every() time.Duration {
	if s.terminal {
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// live shows a passing state.
func (s *status) live(line string) {
	line = plain(line, s.secrets)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		fmt.Fprintln(s.w, line)
		return
	}
	if n := utf8.RuneCountInString(line); n < s.width {
		line += strings.Repeat(" ", s.width-1-n)
	} else {
		line = string([]rune(line)[:s.width-1])
	}
	fmt.Fprintf(s.w, "\r%s", line)
	s.shown = true
}

// Say prints a line that stays.
func (s *status) Say(line string) { s.print(s.w, line) }

// Result prints a line of the run's output.
func (s *status) Result(line string) { s.print(s.results, line) }

// print prints a line without secrets in place of the progress line.
func (s *status) print(w io.Writer, line string) {
	line = plain(line, s.secrets)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintln(w, line)
}

// clear takes the progress line off the terminal.
func (s *status) clear() {
	if s.shown {
		fmt.Fprintf(s.w, "\r%s\r", strings.Repeat(" ", s.width-1))
		s.shown = false
	}
}

// Follow shows line() until ctx ends.
func (s *status) Follow(ctx context.Context, line func() string) {
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
