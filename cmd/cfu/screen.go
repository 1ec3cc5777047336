package main

import (
	"fmt"
	"io"

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
