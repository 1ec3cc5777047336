package arrowfile

import (
	"errors"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	// journalEvery is how long a row waits to be encoded with others: a killed
	// process loses at most that and the time to encode.
	journalEvery = 200 * time.Millisecond
	// gatherRows end the wait, and queueBytes bound what waits: who hands rows
	// over faster than they can be encoded waits then.
	gatherRows = 4096
	queueBytes = 16 << 20
)

// Shape says how rows of a type become columns.
type Shape[R any] struct {
	Schema *arrow.Schema
	// Encode appends one row to the schema's builder. Bytes is about how much
	// memory a row holds; it may be nil for rows without slices of their own.
	Encode func(*array.RecordBuilder, R)
	Bytes  func(R) int
}

// Rows writes a table row by row. Append hands rows over and returns; a
// goroutine encodes them, at least five times a second, so that a killed
// process loses the last moments only. Any number of goroutines may append.
type Rows[R any] struct {
	shape Shape[R]
	out   *Writer
	wake  chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	room   sync.Cond
	queue  []R
	bytes  int
	closed bool
	err    error // of the goroutine
}

// CreateRows starts a table of rows at path, as Create does.
func CreateRows[R any](path string, shape Shape[R]) (*Rows[R], error) {
	return startRows(host{}, path, shape)
}

// CreateRowsIn is CreateRows for a file of a folder, out of which no link leads.
func CreateRowsIn[R any](in Folder, name string, shape Shape[R]) (*Rows[R], error) {
	return startRows(in, name, shape)
}

func startRows[R any](in Folder, path string, shape Shape[R]) (*Rows[R], error) {
	out, err := create(in, path, shape.Schema, nil)
	if err != nil {
		return nil, err
	}
	w := &Rows[R]{shape: shape, out: out, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	w.room.L = &w.mu
	go w.encode()
	return w, nil
}

// Append takes rows over: what their slices hold is the table's from now on. The
// error is of an earlier row; once there is one, rows are taken no more. It
// waits only while 16 MiB of rows wait to be encoded.
func (w *Rows[R]) Append(rows ...R) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		for w.bytes >= queueBytes && w.err == nil && !w.closed {
			w.room.Wait()
		}
		if w.closed && w.err == nil {
			w.err = errors.New("append to a closed table")
		}
		if w.err != nil {
			return w.err
		}
		w.bytes += w.size(r)
		w.queue = append(w.queue, r)
		if n := len(w.queue); n == 1 || n == gatherRows || w.bytes >= queueBytes {
			w.poke()
		}
	}
	return nil
}

func (w *Rows[R]) size(r R) int {
	const row = 256 // of a row's own fields
	if w.shape.Bytes == nil {
		return row
	}
	return row + w.shape.Bytes(r)
}

func (w *Rows[R]) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// encode moves rows from the queue to the file until the table is closed.
func (w *Rows[R]) encode() {
	defer close(w.ended)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, w.shape.Schema)
	defer builder.Release()
	gather := time.NewTimer(0)
	defer gather.Stop()
	var rows []R
	for {
		w.mu.Lock()
		waits, full, closed := len(w.queue) > 0, w.full(), w.closed
		w.mu.Unlock()
		if !waits && closed {
			return
		}
		if !waits {
			<-w.wake
			continue
		}
		if !full && !closed {
			gather.Reset(journalEvery)
			for waiting := true; waiting; {
				select {
				case <-gather.C:
					waiting = false
				case <-w.wake:
					w.mu.Lock()
					waiting = !w.full() && !w.closed
					w.mu.Unlock()
				}
			}
		}
		w.mu.Lock()
		rows, w.queue = w.queue, rows[:0]
		w.bytes = 0
		w.mu.Unlock()
		w.room.Broadcast()
		err := w.write(builder, rows)
		clear(rows)
		if err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			w.room.Broadcast()
			return
		}
	}
}

func (w *Rows[R]) full() bool { return len(w.queue) >= gatherRows || w.bytes >= queueBytes }

// write encodes rows in batches of bounded size.
func (w *Rows[R]) write(builder *array.RecordBuilder, rows []R) error {
	n, size := 0, 0
	flush := func() error {
		batch := builder.NewRecordBatch()
		defer batch.Release()
		n, size = 0, 0
		return w.out.Write(batch)
	}
	for _, r := range rows {
		w.shape.Encode(builder, r)
		n, size = n+1, size+w.size(r)
		if n == gatherRows || size >= batchBytes/2 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return nil
	}
	return flush()
}

// stop ends the goroutine after the rows that wait.
func (w *Rows[R]) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.room.Broadcast()
	w.poke()
	<-w.ended
}

// Close writes the rows that wait, completes the file and gives it its final
// name. After an error the rows stay under the partial names.
func (w *Rows[R]) Close() error { w.stop(); return w.out.Close() }

// Digest is that of Writer, after Close.
func (w *Rows[R]) Digest() string { return w.out.Digest() }

// Abort writes the rows that wait and leaves the table incomplete: its rows stay
// readable under the partial names. After Close it does nothing.
func (w *Rows[R]) Abort() error { w.stop(); return w.out.Abort() }
