// Package screen is where a command says something to its user: warnings, progress and
// errors, without secrets and terminal sequences, and fit for a page.
package screen

import (
	"fmt"
	"io"

	"cfubench/internal/outside"
	"cfubench/internal/prose"
	"cfubench/internal/secret"
)

// Screen is an io.Writer of messages, of which no secret and no terminal sequence gets
// through. Each write is one message.
type Screen struct {
	Out     io.Writer
	Secrets *secret.Redactor
	// Whole lines are not even broken on a page, such as an error's.
	Whole bool
}

// Write implements io.Writer.
func (s Screen) Write(b []byte) (int, error) {
	text := plain(string(b), s.Secrets)
	out := s.Out
	if page, ok := out.(prose.Page); ok && s.Whole {
		out = page.Writer
	}
	if err := prose.Print(out, text); err != nil {
		return 0, fmt.Errorf("print: %w", err)
	}
	return len(b), nil
}

// plain is a message fit for the screen, as wide and as indented as it was. It is
// redacted again once what was hidden in a secret is taken out.
func plain(text string, secrets *secret.Redactor) string {
	return secrets.Text(outside.Text(secrets.Text(text)))
}
