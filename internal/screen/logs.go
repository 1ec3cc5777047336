package screen

import (
	"io"
	"log"

	"cfubench/internal/secret"
)

// Logs sends what libraries log to w, a line each without secrets. net/http logs what a
// server sent unasked, up to 4 KiB of it.
func Logs(w io.Writer, secrets *secret.Redactor) {
	log.SetFlags(0)
	log.SetOutput(logs{w, secrets})
}

type logs struct {
	out     io.Writer
	secrets *secret.Redactor
}

// Write implements io.Writer.
func (l logs) Write(b []byte) (int, error) {
	if _, err := io.WriteString(l.out, l.secrets.Line(string(b), 0)+"\n"); err != nil {
		return 0, err
	}
	return len(b), nil
}
