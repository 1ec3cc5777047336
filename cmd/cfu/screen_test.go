package main

import (
	"bytes"
	"testing"

	"cfubench/internal/secret"
)

// What a command says has neither secrets nor terminal sequences, and keeps its
// layout.
func TestScreen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"a secret", "bad key sk-0123456789\n", "bad key ***\n"},
		{"a secret with an escape in it", "sk-012345\x1b[0m6789\n", "***\n"},
		{"a terminal sequence", "m\x1b[2J\x1b]0;title\a\n", "m\n"},
		{"columns and indentation", "  run        drive\n\n    deep\n", "  run        drive\n\n    deep\n"},
	} {
		var out bytes.Buffer
		n, err := screen{&out, secret.New("sk-0123456789")}.Write([]byte(tt.text))
		if err != nil || n != len(tt.text) || out.String() != tt.want {
			t.Errorf("%s: got %q, %d, %v, want %q", tt.name, out.String(), n, err, tt.want)
		}
	}
}
