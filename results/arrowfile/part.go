package arrowfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/internal/arrowcheck"
)

const (
	// streamOffset is where an IPC file's inner stream begins: after the six
	// bytes of the magic and two of padding.
	streamOffset = 8
	prefixLen    = arrowcheck.PrefixLen
	// atOnce is how many bytes are read at once where they are only compared, and
	// maxSegment how many are read together with the message in them.
	atOnce, maxSegment = 64 << 10, 32 << 20
)

// part is one file of a table. It takes the messages out of the file by itself,
// checks them, and has the Arrow library decode what has passed.
type part struct {
	file    source
	blocks  []arrowcheck.Block // where the footer says that messages are; nil without one
	digests []digest           // of the segments, nil without
	eos     int64              // where the stream of a complete file ends
	next    int                // the block to read next
	at      int64              // without a footer: where the next message begins
	batches int                // that the footer lists
	given   int                // that were read
	check   *arrowcheck.Checker
	feed    *feed
	stream  *ipc.Reader
	spare   []byte // memory for what is not kept
}

// openPart reads and checks the schema, with which every file begins. Without a
// footer the part is read as the stream that it is. A journal is only a stream.
func openPart(file source, end ending, blocks []arrowcheck.Block) (*part, error) {
	p := &part{file: file, blocks: blocks, digests: end.digests, eos: end.stream, check: arrowcheck.NewChecker(arrowcheck.MaxBatch), feed: &feed{}}
	if err := p.readSchema(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *part) schema() *arrow.Schema { return p.stream.Schema() }

// ErrEmpty is of a file whose writer was stopped before anything was in it.
var ErrEmpty = errors.New("the file is empty: its writer stopped before the first row")

// checkMagic refuses a file of another format.
func checkMagic(file io.ReaderAt) error {
	magic := make([]byte, streamOffset)
	switch n, err := file.ReadAt(magic, 0); {
	case n == 0:
		return ErrEmpty
	case err != nil || !bytes.HasPrefix(magic, ipc.Magic):
		return errors.New("not an Arrow IPC file")
	}
	return nil
}

func (p *part) readSchema() error {
	var prefix [4]byte
	if n, err := p.file.ReadAt(prefix[:], 0); n < len(prefix) || !bytes.Equal(prefix[:], []byte{0xff, 0xff, 0xff, 0xff}) {
		if err := checkMagic(p.file); err != nil {
			return err
		}
		p.at = streamOffset
	} else if err != nil {
		return err
	}
	start := p.at
	meta, body, err := message(p.file, start, p.file.size)
	if err != nil {
		return fmt.Errorf("neither footer nor schema: %w", err)
	}
	if _, err := p.check.Message(meta, body); err != nil {
		return damaged(fmt.Errorf("the schema: %w", err))
	}
	p.at = start + prefixLen + int64(len(meta)+len(body))
	if p.digests != nil {
		if want := max(len(p.blocks), 1) + 1; len(p.digests) != want {
			return damaged(fmt.Errorf("%d checksums, want %d", len(p.digests), want))
		}
		if err := p.verify(0, 0, p.at); err != nil {
			return fmt.Errorf("the schema: %w", err)
		}
		if len(p.blocks) == 0 {
			if err := p.verify(1, p.at, p.eos); err != nil {
				return err
			}
		} else if p.blocks[0].Offset != p.at {
			return damaged(fmt.Errorf("the first message would lie at %d, the schema ends at %d", p.blocks[0].Offset, p.at))
		}
	}
	p.feed.put(meta, body)
	if p.stream, err = ipc.NewReaderFromMessageReader(p.feed); err != nil {
		return damaged(fmt.Errorf("the schema: %w", err))
	}
	if err := checkTypes(p.schema().Fields()); err != nil {
		return err
	}
	if _, promised := p.schema().Metadata().GetValue(MetaChecksums); promised && p.blocks != nil && p.digests == nil {
		return damaged(errors.New("the checksums that it was written with are gone"))
	}
	return nil
}

// checkTypes refuses columns whose rows need no bytes: their number would be
// whatever a damaged file says. Nobody writes them here.
func checkTypes(fields []arrow.Field) error {
	for _, f := range fields {
		switch t := f.Type.(type) {
		case arrow.FixedWidthDataType:
			if t.BitWidth() <= 0 {
				return fmt.Errorf("column %q of type %s, whose values have no bytes", f.Name, t)
			}
		case arrow.BinaryDataType:
		case *arrow.ListType, *arrow.LargeListType, *arrow.StructType:
			if err := checkTypes(t.(arrow.NestedType).Fields()); err != nil {
				return err
			}
		default:
			return fmt.Errorf("column %q of type %s, which no table here has", f.Name, f.Type)
		}
	}
	return nil
}

func orElse(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

// verify holds the bytes from..to of the file against checksum i.
func (p *part) verify(i int, from, to int64) error {
	h := sha256.New()
	for from < to {
		b := p.scratch(min(to-from, atOnce))
		if _, err := p.file.ReadAt(b, from); err != nil {
			return err
		}
		h.Write(b)
		from += int64(len(b))
	}
	return compare(h.Sum(nil), p.digests[i])
}

// scratch is memory of n bytes until the next call.
func (p *part) scratch(n int64) []byte {
	if int64(cap(p.spare)) < n {
		p.spare = make([]byte, n)
	}
	return p.spare[:n]
}

func compare(got []byte, want digest) error {
	if !bytes.Equal(got, want[:]) {
		return damaged(errors.New("its checksum is another than when it was written"))
	}
	return nil
}

// message reads the message of file at from, which may go up to limit.
func message(file io.ReaderAt, from, limit int64) (meta, body []byte, err error) {
	var prefix [prefixLen]byte
	if from < 0 || limit-from < prefixLen {
		return nil, nil, io.ErrUnexpectedEOF
	}
	if _, err := file.ReadAt(prefix[:], from); err != nil {
		return nil, nil, err
	}
	length, err := arrowcheck.Prefix(prefix)
	if err != nil {
		return nil, nil, err
	}
	if length > limit-from-prefixLen {
		return nil, nil, fmt.Errorf("a message with metadata of %d bytes", length)
	}
	meta = make([]byte, length)
	if _, err := file.ReadAt(meta, from+prefixLen); err != nil {
		return nil, nil, err
	}
	n, err := arrowcheck.BodyLength(meta)
	if err != nil {
		return nil, nil, err
	}
	if n < 0 || n > arrowcheck.MaxBatch || n > limit-from-prefixLen-length {
		return nil, nil, fmt.Errorf("a message with a body of %d bytes", n)
	}
	body = make([]byte, n)
	_, err = file.ReadAt(body, from+prefixLen+length)
	return meta, body, err
}

// batch reads the next batch, nil after the last.
func (p *part) batch() (arrow.RecordBatch, error) {
	meta, body, err := p.take()
	if err != nil || meta == nil {
		return nil, err
	}
	if _, err := p.check.Message(meta, body); err != nil {
		return nil, damaged(err)
	}
	if body, err = p.check.Unpack(meta, body); err != nil {
		return nil, damaged(err)
	}
	p.feed.put(meta, body)
	p.given++
	return p.decode()
}

// all yields what batch returns, up to nil or an error. Of a long table the next
// batch is decoded while whoever reads is at work on the one before.
func (p *part) all() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if p.batches < 2 {
			for more := true; more; {
				batch, err := p.batch()
				more = yield(batch, err) && batch != nil && err == nil
			}
			return
		}
		type decoded struct {
			batch arrow.RecordBatch
			err   error
		}
		ready, enough := make(chan decoded), make(chan struct{})
		go func() {
			defer close(ready)
			for more := true; more; {
				d := decoded{}
				if d.batch, d.err = p.batch(); d.batch != nil {
					d.batch.Retain() // the stream has it only until its next
				}
				select {
				case ready <- d:
					more = d.batch != nil && d.err == nil
				case <-enough:
					more = false
				}
			}
		}()
		for d := range ready {
			more := yield(d.batch, d.err)
			if d.batch != nil {
				d.batch.Release()
			}
			if !more {
				break
			}
		}
		close(enough)
		for range ready { // until it has let go of the file
		}
	}
}

// take returns the next message, nil after the last.
func (p *part) take() (meta, body []byte, err error) {
	if p.blocks == nil {
		if meta, body, err = message(p.file, p.at, p.file.size); err == io.EOF {
			return nil, nil, nil
		}
		p.at += prefixLen + int64(len(meta)+len(body))
		return meta, body, err
	}
	if p.next == len(p.blocks) {
		if p.given != p.batches {
			err = damaged(fmt.Errorf("it has %d batches, its footer lists %d", p.given, p.batches))
		}
		return nil, nil, err
	}
	b := p.blocks[p.next]
	from, err := p.segment(b)
	if err != nil {
		return nil, nil, err
	}
	p.next++
	if meta, body, err = message(from, b.Offset, b.End()); err != nil {
		return nil, nil, damaged(fmt.Errorf("at byte %d: %w", b.Offset, err))
	}
	if int64(len(meta)) != b.Meta-prefixLen || int64(len(body)) != b.Body {
		return nil, nil, damaged(fmt.Errorf("at byte %d: another message than its footer lists", b.Offset))
	}
	return meta, body, nil
}

// segment is where the next message is to be read, at its place in the file: in
// memory, where it was read to be held against its checksum.
func (p *part) segment(b arrowcheck.Block) (io.ReaderAt, error) {
	if p.digests == nil {
		return p.file, nil
	}
	to := p.eos
	if p.next+1 < len(p.blocks) {
		to = p.blocks[p.next+1].Offset
	}
	if to-b.Offset > maxSegment {
		return p.file, p.verify(p.next+1, b.Offset, to)
	}
	s := inMemory{p.scratch(to - b.Offset), b.Offset}
	if _, err := p.file.ReadAt(s.bytes, b.Offset); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.bytes)
	return s, compare(sum[:], p.digests[p.next+1])
}

// decode decodes the batch that was fed, and checks its columns: their buffers,
// offsets and nulls.
func (p *part) decode() (batch arrow.RecordBatch, err error) {
	defer recovered(&err)
	if !p.stream.Next() {
		return nil, damaged(orElse(p.stream.Err(), "no batch"))
	}
	batch = p.stream.RecordBatch()
	if err := arrowcheck.Columns(batch); err != nil {
		return nil, damaged(err)
	}
	return batch, nil
}

func (p *part) close() error {
	p.stream.Release()
	return p.file.Close()
}

// feed hands checked messages to the Arrow library.
type feed struct{ queue []*ipc.Message }

func (f *feed) put(meta, body []byte) {
	f.queue = append(f.queue, ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)))
}

// Message implements ipc.MessageReader.
func (f *feed) Message() (*ipc.Message, error) {
	if len(f.queue) == 0 {
		return nil, io.EOF
	}
	m := f.queue[0]
	f.queue = f.queue[1:]
	return m, nil
}

// Retain and Release implement ipc.MessageReader; the garbage collector owns
// the messages.
func (f *feed) Retain()  {}
func (f *feed) Release() {}
