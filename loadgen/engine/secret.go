package engine

import "cfubench/internal/secret"

// Redact returns the command with the values of keys and tokens replaced, fit to
// be recorded.
func Redact(command string) string { return secret.New().Command(command) }
