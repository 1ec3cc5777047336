package screen

import (
	"io"
	"sync"

	"cfubench/internal/prose"
	"cfubench/internal/secret"
)

// Results is w for a command's results: of tables and JSON, what is known to be secret
// alone is hidden, line by line. flush sends on what has no end of line.
func Results(w io.Writer, secrets *secret.Redactor) (results io.Writer, flush func() error) {
	page, paged := w.(prose.Page)
	if paged {
		w = page.Writer
	}
	r := &redacting{writer: secrets.ValuesWriter(w)}
	if paged {
		return prose.Page{Writer: r}, r.flush
	}
	return r, r.flush
}

// redacting is a secret.Writer of several goroutines.
type redacting struct {
	mu     sync.Mutex
	writer *secret.Writer
}

// Write implements io.Writer.
func (r *redacting) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writer.Write(b)
}

func (r *redacting) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writer.Close()
}
