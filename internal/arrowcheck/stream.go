package arrowcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// PrefixLen is the length of what stands before a message's metadata: a mark and
// their length.
const PrefixLen = 8

const continuation = 0xffffffff

// Prefix reads the length of the metadata that follow. io.EOF is the end of a
// stream that ends as it should.
func Prefix(prefix [PrefixLen]byte) (length int64, err error) {
	length = int64(int32(binary.LittleEndian.Uint32(prefix[4:])))
	switch {
	case binary.LittleEndian.Uint32(prefix[:]) != continuation:
		return 0, errors.New("no message begins here")
	case length == 0:
		return 0, io.EOF
	case length < 8 || length > MaxMeta:
		return 0, fmt.Errorf("a message with metadata of %d bytes", length)
	}
	return length, nil
}

// Stream reads the messages of an Arrow IPC stream, each checked, for
// ipc.NewReaderFromMessageReader. Bodies have at most maxBody bytes,
// packed and unpacked.
type Stream struct {
	r       io.Reader
	maxBody int64
	check   *Checker
}

// NewStream returns the messages of r.
func NewStream(r io.Reader, maxBody int64) *Stream {
	return &Stream{r: r, maxBody: maxBody, check: NewChecker(maxBody)}
}

// Message implements ipc.MessageReader.
func (s *Stream) Message() (*ipc.Message, error) {
	var prefix [PrefixLen]byte
	if _, err := io.ReadFull(s.r, prefix[:]); err != nil {
		return nil, err
	}
	length, err := Prefix(prefix)
	if err != nil {
		return nil, err
	}
	meta := make([]byte, length)
	if _, err := io.ReadFull(s.r, meta); err != nil {
		return nil, noEOF(err)
	}
	n, err := BodyLength(meta)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > s.maxBody {
		return nil, fmt.Errorf("a message with a body of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(s.r, body); err != nil {
		return nil, noEOF(err)
	}
	if _, err := s.check.Message(meta, body); err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Retain and Release implement ipc.MessageReader; the garbage collector owns
// the messages.
func (s *Stream) Retain()  {}
func (s *Stream) Release() {}
