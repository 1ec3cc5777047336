package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
)

// The checks of this file stand in front of the Arrow library, which takes
// lengths at their word: it would allocate what a damaged byte claims. Names
// and slots are those of the format's Message.fbs, File.fbs and Schema.fbs.

const (
	// maxBatch bounds the decoded bytes of one batch. The Writer's batches have
	// about 16 MiB; other writers' may be larger.
	maxBatch = 512 << 20
	// maxRows bounds the rows of one batch, also of columns without bytes.
	maxRows = 1 << 27
	// maxFields and maxDepth bound the columns, those inside of columns too.
	maxFields, maxDepth = 4096, 8
	// maxWindow is the largest window of a zstd frame: what level 19 makes.
	maxWindow = 8 << 20
)

const (
	headerSchema, headerDictionary, headerBatch = 1, 2, 3
	codecLZ4, codecZstd                         = 0, 1
)

// block is where a message lies in a file.
type block struct{ offset, meta, body int64 }

func (b block) end() int64 { return b.offset + b.meta + b.body }

// table is a flatbuffer's table. Its reads panic where the bytes point outside.
type table struct{ flatbuffers.Table }

func root(b []byte) table {
	return table{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}
}

// slot is where field n of the table begins, 0 if it is not there.
func (t table) slot(n int) flatbuffers.UOffsetT {
	o := flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(4 + 2*n)))
	if o == 0 {
		return 0
	}
	return t.Pos + o
}

func (t table) int64(n int) int64 {
	if o := t.slot(n); o != 0 {
		return t.GetInt64(o)
	}
	return 0
}

func (t table) byte(n int, absent byte) byte {
	if o := t.slot(n); o != 0 {
		return t.GetByte(o)
	}
	return absent
}

func (t table) child(n int) (table, bool) {
	o := t.slot(n)
	if o == 0 {
		return table{}, false
	}
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(o)}}, true
}

// vector is the place and length of a vector whose elements have size bytes.
func (t table) vector(n, size int) (start, length int, err error) {
	o := t.slot(n)
	if o == 0 {
		return 0, 0, nil
	}
	start, length = int(t.Vector(o-t.Pos)), t.VectorLen(o-t.Pos)
	if length < 0 || start < 0 || start > len(t.Bytes) || length > (len(t.Bytes)-start)/size {
		return 0, 0, fmt.Errorf("a list of %d elements goes beyond its bytes", length)
	}
	return start, length, nil
}

// footerBlocks reads where the messages lie, in their order in the file, which
// ends at limit. batches are those that hold rows.
func footerBlocks(footer []byte, limit int64) (all []block, batches int, err error) {
	defer recovered(&err)
	t := root(footer)
	schema, ok := t.child(1)
	if !ok {
		return nil, 0, errors.New("the footer has no schema")
	}
	if err := checkSchema(schema); err != nil {
		return nil, 0, err
	}
	for _, n := range []int{2, 3} { // dictionaries, batches
		start, length, err := t.vector(n, 24)
		if err != nil {
			return nil, 0, err
		}
		for i := range length {
			b := footer[start+24*i:]
			all = append(all, block{
				int64(binary.LittleEndian.Uint64(b)), int64(int32(binary.LittleEndian.Uint32(b[8:]))), int64(binary.LittleEndian.Uint64(b[16:])),
			})
		}
		batches = length
	}
	at := int64(streamOffset)
	for i, b := range all {
		if b.offset < at || b.meta < 8 || b.body < 0 || b.offset > limit || b.meta > limit-b.offset || b.body > limit-b.offset-b.meta {
			return nil, 0, fmt.Errorf("message %d would lie at %d with %d and %d bytes, in a file of %d", i, b.offset, b.meta, b.body, limit)
		}
		at = b.end()
	}
	return all, batches, nil
}

// checkSchema bounds a schema's columns. Damaged bytes could make columns
// share their inner columns, and so ask for more work than they have bytes.
func checkSchema(schema table) error {
	fields := 0
	var walk func(t table, slot, depth int) error
	walk = func(t table, slot, depth int) error {
		start, length, err := t.vector(slot, 4)
		if err != nil {
			return err
		}
		if fields += length; fields > maxFields || depth > maxDepth {
			return fmt.Errorf("a schema of more than %d columns or %d levels", maxFields, maxDepth)
		}
		for i := range length {
			at := flatbuffers.UOffsetT(start + 4*i)
			field := table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}
			if err := walk(field, 5, depth+1); err != nil { // Field.children
				return err
			}
		}
		return nil
	}
	return walk(schema, 1, 1) // Schema.fields
}

// checkMessage checks a message's metadata against its body before anything is
// decoded or allocated. It returns which header it has.
func checkMessage(meta, body []byte) (header byte, err error) {
	defer recovered(&err)
	t := root(meta)
	if n := t.int64(3); n != int64(len(body)) {
		return 0, fmt.Errorf("a body of %d bytes is said, %d are there", n, len(body))
	}
	inner, ok := t.child(2)
	if !ok {
		return 0, errors.New("a message without a header")
	}
	switch header = t.byte(1, 0); header {
	case headerSchema:
		return header, checkSchema(inner)
	case headerDictionary:
		if inner, ok = inner.child(1); !ok {
			return header, errors.New("a dictionary without values")
		}
		return header, checkBatch(inner, body)
	case headerBatch:
		return header, checkBatch(inner, body)
	}
	return header, fmt.Errorf("a message of unknown kind %d", header)
}

// checkBatch checks a RecordBatch: its rows, and where and how long its buffers
// say to be, packed and unpacked.
func checkBatch(t table, body []byte) error {
	if n := t.int64(0); n < 0 || n > maxRows {
		return fmt.Errorf("%d rows in one batch", n)
	}
	start, length, err := t.vector(1, 16) // nodes
	if err != nil {
		return err
	}
	for i := range length {
		n, nulls := pair(t.Bytes[start+16*i:])
		if n < 0 || n > maxBatch || nulls < 0 || nulls > n {
			return fmt.Errorf("column %d of %d values, %d of them null", i, n, nulls)
		}
	}
	compression, packed := t.child(3)
	codec := byte(codecLZ4)
	if packed {
		if codec = compression.byte(0, codecLZ4); codec > codecZstd || compression.byte(1, 0) != 0 {
			return errors.New("buffers packed in a way not known here")
		}
	}
	if start, length, err = t.vector(2, 16); err != nil { // buffers
		return err
	}
	left := int64(maxBatch)
	for i := range length {
		at, n := pair(t.Bytes[start+16*i:])
		if at < 0 || n < 0 || at > int64(len(body)) || n > int64(len(body))-at {
			return fmt.Errorf("buffer %d would lie at %d with %d bytes, in a body of %d", i, at, n, len(body))
		}
		if packed && n > 0 {
			if n, err = unpacked(body[at:at+n], codec); err != nil {
				return fmt.Errorf("buffer %d: %w", i, err)
			}
		}
		if n > left {
			return fmt.Errorf("the batch claims more than %d bytes", int64(maxBatch))
		}
		left -= n
	}
	return nil
}

// unpacked is how many bytes a packed buffer says to have.
func unpacked(b []byte, codec byte) (int64, error) {
	if len(b) < 8 {
		return 0, errors.New("too short to say how long it is")
	}
	n := int64(binary.LittleEndian.Uint64(b))
	if n == -1 {
		return int64(len(b)) - 8, nil
	}
	if n < 0 || n > maxBatch {
		return 0, fmt.Errorf("claims %d bytes", n)
	}
	if codec == codecZstd && n > 0 {
		var h zstd.Header
		if err := h.Decode(b[8:]); err != nil {
			return 0, fmt.Errorf("no zstd frame: %w", err)
		}
		if h.HasFCS && h.FrameContentSize != uint64(n) {
			return 0, fmt.Errorf("claims %d bytes, its frame %d", n, h.FrameContentSize)
		}
		if h.WindowSize > uint64(max(n, maxWindow)) {
			return 0, fmt.Errorf("a zstd window of %d bytes", h.WindowSize)
		}
	}
	return n, nil
}

func pair(b []byte) (int64, int64) {
	return int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
}
