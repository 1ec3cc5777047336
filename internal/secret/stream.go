package secret

import (
	"bytes"
	"io"
)

const (
	// lineLimit bounds what a Writer keeps of a line without end, and hold what
	// of it waits for what may follow.
	lineLimit, hold = 1 << 16, 1 << 13
)

// Writer redacts a stream of text, however it is cut into writes. Text goes on
// line by line; Close sends on what has no end of line.
type Writer struct {
	r      *Redactor
	out    io.Writer
	kept   []byte
	values bool // what is known alone
}

// Writer returns a Writer in front of out. It is used by one goroutine at a
// time.
func (r *Redactor) Writer(out io.Writer) *Writer { return &Writer{r: r, out: out} }

// ValuesWriter is a Writer that redacts as Values does: tables and JSON stay what they
// are.
func (r *Redactor) ValuesWriter(out io.Writer) *Writer {
	return &Writer{r: r, out: out, values: true}
}

// Write takes all of b over; its error is out's.
func (w *Writer) Write(b []byte) (int, error) {
	w.kept = append(w.kept, b...)
	if n := bytes.LastIndexAny(w.kept, "\r\n"); n >= 0 {
		if err := w.send(n + 1); err != nil {
			return len(b), err
		}
	}
	if len(w.kept) < lineLimit || w.r == nil {
		return len(b), nil
	}
	cut := len(w.kept) - hold
	for _, s := range w.spans(string(w.kept)) {
		if s.context < cut && cut < s.end {
			cut = s.context
		}
	}
	if cut < lineLimit/2 { // a place of that size is no secret's
		cut = len(w.kept)
	}
	return len(b), w.send(cut)
}

// spans are what is to be hidden in text, which may go on.
func (w *Writer) spans(text string) []span {
	if w.values {
		return w.r.known(text, false)
	}
	return w.r.find(text, false, false)
}

// send passes the first n bytes on.
func (w *Writer) send(n int) error {
	text := string(w.kept[:n])
	if w.values {
		text = w.r.Values(text)
	} else {
		text = w.r.Text(text)
	}
	w.kept = append(w.kept[:0], w.kept[n:]...)
	_, err := io.WriteString(w.out, text)
	return err
}

// Close sends the rest on. It does not close what is behind it.
func (w *Writer) Close() error {
	if len(w.kept) == 0 {
		return nil
	}
	return w.send(len(w.kept))
}
