package arrowfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// A complete table carries checksums between the end of its stream and its
// footer, where readers of Arrow files do not look:
//
//	digest of each segment, 32 bytes each
//	digest of all bytes from the first of these on, itself left out
//	count of the segments (4 bytes, little endian), 4 bytes of zero
//	the mark, 8 bytes
//
// Segment 0 is magic and schema, then one segment a batch, the last with the
// end-of-stream marker. So every bit of the file is under one digest, a reader
// checks only what it reads, and an error can name the batch. SHA-256 is for
// accidents: whoever can write the file can write the digests too.
const sumMark = "cfusum1\n"

// MetaChecksums is the key of the schema's metadata that says that a complete
// file carries checksums, so that their loss is noticed too.
const (
	MetaChecksums = "checksums"
	sumKind       = "sha256 a batch"
)

const (
	sumTail     = 4 + 4 + len(sumMark)
	eosLen      = 8
	footerTail  = 4 + 6 // length of the footer, magic
	maxFooter   = 64 << 20
	maxSegments = 1 << 22
)

type digest = [sha256.Size]byte

// summer writes a file and digests its segments.
type summer struct {
	out     io.Writer
	at      int64 // bytes that went out
	open    int64 // of them, in the segment under way
	state   hash.Hash
	digests []digest
	head    []byte // the first 16 bytes, which tell where the schema ends
	headEnd int64  // 0 while unknown
	closing *bytes.Buffer
	self    digest // of the checksums and the footer, when they are written
}

func newSummer(out io.Writer) *summer { return &summer{out: out, state: sha256.New()} }

// Write passes p on. The end of the schema ends the first segment by itself.
func (s *summer) Write(p []byte) (int, error) {
	if s.closing != nil {
		return s.closing.Write(p)
	}
	total := len(p)
	for len(p) > 0 {
		n := len(p)
		switch {
		case s.headEnd == 0:
			n = min(n, 2*streamOffset-len(s.head))
			s.head = append(s.head, p[:n]...)
			if len(s.head) == 2*streamOffset {
				s.headEnd = 2*streamOffset + int64(binary.LittleEndian.Uint32(s.head[12:]))
			}
		case s.at < s.headEnd:
			n = int(min(int64(n), s.headEnd-s.at))
		}
		if _, err := s.out.Write(p[:n]); err != nil {
			return total - len(p), err
		}
		s.state.Write(p[:n])
		s.at += int64(n)
		s.open += int64(n)
		p = p[n:]
		if s.at == s.headEnd {
			s.cut()
		}
	}
	return total, nil
}

// cut ends the segment under way, if there is anything in it.
func (s *summer) cut() {
	if s.open == 0 {
		return
	}
	s.digests = append(s.digests, digest(s.state.Sum(nil)))
	s.state.Reset()
	s.open = 0
}

// finish lets end write the end of the file, and puts the checksums into it.
func (s *summer) finish(end func() error) error {
	var tail bytes.Buffer
	s.closing = &tail
	err := end()
	s.closing = nil
	if err != nil {
		return err
	}
	b := tail.Bytes()
	start := len(b) - footerTail
	if start >= 0 {
		start -= int(binary.LittleEndian.Uint32(b[start:]))
	}
	if start < eosLen {
		return errors.New("the Arrow library ended the file in a way not known here")
	}
	if _, err := s.Write(b[:start]); err != nil {
		return err
	}
	s.cut()
	block := make([]byte, 0, (len(s.digests)+1)*sha256.Size+sumTail)
	for _, d := range s.digests {
		block = append(block, d[:]...)
	}
	var last [sumTail]byte
	binary.LittleEndian.PutUint32(last[:], uint32(len(s.digests)))
	copy(last[8:], sumMark)
	s.self = selfDigest(block, last[:], b[start:])
	block = append(append(block, s.self[:]...), last[:]...)
	if _, err := s.out.Write(block); err != nil {
		return err
	}
	_, err = s.out.Write(b[start:])
	return err
}

func selfDigest(parts ...[]byte) digest {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return digest(h.Sum(nil))
}

// ending is the end of a complete file: its footer and, where there are any, its
// checksums.
type ending struct {
	footer  []byte   // the flatbuffer
	stream  int64    // where the stream's bytes end
	digests []digest // nil without checksums
	self    digest
}

// readEnding reads the end of a file of the given size. Its error says that
// there is no whole footer.
func readEnding(r io.ReaderAt, size int64) (ending, error) {
	var e ending
	if size < 2*streamOffset+footerTail {
		return e, errors.New("the file is too short for a footer")
	}
	var tail [footerTail]byte
	if _, err := r.ReadAt(tail[:], size-footerTail); err != nil {
		return e, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if !bytes.Equal(tail[4:], ipc.Magic) {
		return e, errors.New("the file does not end as an Arrow file does")
	}
	start := size - footerTail - length
	if length < 8 || length > maxFooter || start < 2*streamOffset {
		return e, fmt.Errorf("the footer's length %d cannot be", length)
	}
	e.footer, e.stream = make([]byte, length), start
	if _, err := r.ReadAt(e.footer, start); err != nil {
		return e, err
	}
	var last [sumTail]byte
	if start < int64(sumTail+sha256.Size) {
		return e, nil
	}
	if _, err := r.ReadAt(last[:], start-int64(sumTail)); err != nil {
		return e, err
	}
	if string(last[8:]) != sumMark {
		return e, nil
	}
	count := int64(binary.LittleEndian.Uint32(last[:]))
	from := start - int64(sumTail) - (count+1)*sha256.Size
	if count == 0 || count > maxSegments || from < 0 {
		return e, fmt.Errorf("%d checksums cannot be", count)
	}
	block := make([]byte, (count+1)*sha256.Size)
	if _, err := r.ReadAt(block, from); err != nil {
		return e, err
	}
	digests, self := block[:count*sha256.Size], digest(block[count*sha256.Size:])
	if selfDigest(digests, last[:], e.footer, tail[:]) != self {
		return e, errors.New("the footer or the checksums are not what was written")
	}
	e.stream, e.self = from, self
	e.digests = make([]digest, count)
	for i := range e.digests {
		e.digests[i] = digest(digests[i*sha256.Size:])
	}
	return e, nil
}
