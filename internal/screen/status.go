package screen

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"cfubench/internal/prose"
	"cfubench/internal/secret"
)

// Status is where a run says what it does: lines on stderr, and a progress line
// that is rewritten in place on a terminal and printed every ten seconds
// elsewhere. Results go to stdout.
type Status struct {
	results  io.Writer
	secrets  *secret.Redactor
	terminal bool
	width    int // in characters

	mu    sync.Mutex // guards what follows
	w     io.Writer
	shown bool // a live line stands on the terminal
}

// NewStatus makes a Status that prints its lines to messages and its results to results,
// without secrets.
func NewStatus(results, messages io.Writer, secrets *secret.Redactor) *Status {
	s := &Status{results: results, w: messages, secrets: secrets, width: 80}
	if covered, ok := messages.(Screen); ok { // lines are made plain before the cursor is moved
		s.w = covered.Out
	}
	under := s.w
	if page, ok := under.(prose.Page); ok {
		under = page.Writer
	}
	if f, ok := under.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			s.width = n
		}
	}
	return s
}

// Terminal reports whether the progress line is rewritten in place.
func (s *Status) Terminal() bool { return s.terminal }

// every is how often the progress line is worth redrawing.
func (s *Status) every() time.Duration {
	if s.terminal {
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// live shows a passing state.
func (s *Status) live(line string) {
	line = plain(line, s.secrets)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		prose.Print(s.w, line+"\n")
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
func (s *Status) Say(line string) { s.print(s.w, line) }

// Result prints a line of the run's output.
func (s *Status) Result(line string) { s.print(s.results, line) }

// print prints a line without secrets in place of the progress line.
func (s *Status) print(w io.Writer, line string) {
	line = plain(line, s.secrets)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	prose.Print(w, line+"\n")
}

// clear takes the progress line off the terminal.
func (s *Status) clear() {
	if s.shown {
		fmt.Fprintf(s.w, "\r%s\r", strings.Repeat(" ", s.width-1))
		s.shown = false
	}
}

// Follow shows line() until ctx ends.
func (s *Status) Follow(ctx context.Context, line func() string) {
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
