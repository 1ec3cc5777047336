package arrowcheck

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// stored is what stands before a buffer that is not packed though its batch is, as
// the format allows (Message.fbs, BodyCompression); before the others stands their
// length. mark is its own length.
const (
	stored = -1
	mark   = 8
)

// frames unpacks zstd frames, never into more bytes than there is room for. It may
// be used side by side, and keeps nothing of a frame. It is made at the start: one made
// at its first use would belong to the bubble of whatever test that was in.
var frames, framesErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))

// Unpack unpacks the buffers of a message that has passed Message, if they are
// packed with zstd: the body that it returns is new memory, and meta says in place
// where in it the buffers lie. Other messages stay as they are, and so does their
// body. The Arrow library would start three goroutines a buffer to do the same.
func (c *Checker) Unpack(meta, body []byte) (plain []byte, err error) {
	defer recovered(&err)
	t := root(meta)
	batch, ok := t.child(2)
	if kind := t.byte(1, 0); !ok || kind != Batch {
		return body, nil
	}
	compression, packed := batch.child(3)
	if !packed || compression.byte(0, codecLZ4) != codecZstd {
		return body, nil
	}
	start, length, err := batch.vector(2, 16)
	if err != nil {
		return nil, err
	}
	places := meta[start : start+16*length]
	lengths, total := make([]int64, length), int64(0)
	for i := range lengths {
		if at, n := pair(places[16*i:]); n > 0 {
			if lengths[i], err = unpacked(body[at:at+n], codecZstd); err != nil {
				return nil, fmt.Errorf("buffer %d: %w", i, err)
			}
			total += aligned(mark + lengths[i])
		}
	}
	out := make([]byte, total)
	if framesErr != nil {
		return nil, framesErr
	}
	to := int64(0)
	for i, size := range lengths {
		at, n := pair(places[16*i:])
		if n == 0 {
			binary.LittleEndian.PutUint64(places[16*i:], uint64(to))
			continue
		}
		binary.LittleEndian.PutUint64(out[to:], 1<<64-1) // stored
		into, from := out[to+mark:to+mark+size:to+mark+size], body[at+mark:at+n]
		if int64(binary.LittleEndian.Uint64(body[at:])) == stored {
			copy(into, from)
		} else if size > 0 {
			got, err := frames.DecodeAll(from, into[:0])
			if err == nil && int64(len(got)) != size {
				err = fmt.Errorf("it has %d bytes, claims %d", len(got), size)
			}
			if err != nil {
				return nil, fmt.Errorf("buffer %d: %w", i, err)
			}
		}
		binary.LittleEndian.PutUint64(places[16*i:], uint64(to))
		binary.LittleEndian.PutUint64(places[16*i+8:], uint64(mark+size))
		to += aligned(mark + size)
	}
	// What a codec is needed for no more need not be the one that is dear to make.
	compression.set(0, func(b []byte) { b[0] = codecLZ4 })
	t.set(3, func(b []byte) { binary.LittleEndian.PutUint64(b, uint64(len(out))) })
	// Damaged metadata may have one byte in two fields: what was set in one place may
	// have made another of what was checked.
	if _, err := c.Message(meta, out); err != nil {
		return nil, err
	}
	return out, nil
}

// set changes the bytes of field n in place, if it is there.
func (t table) set(n int, change func(b []byte)) {
	if o := t.slot(n); o != 0 {
		change(t.Bytes[o:])
	}
}

// aligned is n rounded up to the next multiple of 8, so that numbers lie as their
// type wants.
func aligned(n int64) int64 { return (n + 7) &^ 7 }
