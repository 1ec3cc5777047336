// Package arrowcheck checks Arrow IPC messages before the Arrow library decodes
// them. The library takes lengths at their word: it would allocate what a damaged
// or forged byte claims, or follow a schema that contains itself.
//
// Names and slots are those of the format's Message.fbs, File.fbs and Schema.fbs.
package arrowcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
)

const (
	// MaxBatch bounds the decoded bytes of one batch. Ours have about 16 MiB;
	// other writers' may be larger.
	MaxBatch = 512 << 20
	// MaxMeta bounds a message's metadata, maxText the names and the metadata of
	// a schema, which may share one long text.
	MaxMeta, maxText = 8 << 20, 32 << 20
	// maxRows bounds the rows of one batch, also of columns without bytes.
	maxRows = 1 << 27
	// maxFields and maxDepth bound the columns, those inside of columns too.
	maxFields, maxDepth = 4096, 8
	// maxWindow is the largest window of a zstd frame: what level 19 makes.
	maxWindow = 8 << 20
)

// Headers of messages.
const (
	Schema, Dictionary, Batch = 1, 2, 3
	codecLZ4, codecZstd       = 0, 1
)

// Block is where a message lies in a file.
type Block struct{ Offset, Meta, Body int64 }

// End is the byte after the message.
func (b Block) End() int64 { return b.Offset + b.Meta + b.Body }

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

// Footer reads where a file's messages lie, in their order, from its footer.
// They begin at from and end at limit; batches are those that hold rows.
func Footer(footer []byte, from, limit int64) (all []Block, batches int, err error) {
	defer recovered(&err)
	t := root(footer)
	schema, ok := t.child(1)
	if !ok {
		return nil, 0, errors.New("the footer has no schema")
	}
	if _, err := checkSchema(schema); err != nil {
		return nil, 0, err
	}
	for _, n := range []int{2, 3} { // dictionaries, batches
		start, length, err := t.vector(n, 24)
		if err != nil {
			return nil, 0, err
		}
		for i := range length {
			b := footer[start+24*i:]
			all = append(all, Block{
				int64(binary.LittleEndian.Uint64(b)), int64(int32(binary.LittleEndian.Uint32(b[8:]))), int64(binary.LittleEndian.Uint64(b[16:])),
			})
		}
		batches = length
	}
	at := from
	for i, b := range all {
		if b.Offset < at || b.Meta < 8 || b.Body < 0 || b.Offset > limit || b.Meta > limit-b.Offset || b.Body > limit-b.Offset-b.Meta {
			return nil, 0, fmt.Errorf("message %d would lie at %d with %d and %d bytes, in a file of %d", i, b.Offset, b.Meta, b.Body, limit)
		}
		at = b.End()
	}
	return all, batches, nil
}

// types are those of Schema.fbs whose values have bytes and whose description
// has no text of its own: numbers, text, bytes, booleans, dates, lists, structs.
var types = map[byte]bool{2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true, 12: true, 13: true, 18: true, 19: true, 20: true, 21: true}

// buffers are how many a column of a type has in a batch, without those inside of it:
// text and bytes have validity, offsets and values, lists validity and offsets, structs
// validity.
func buffers(kind byte) int {
	switch kind {
	case 4, 5, 19, 20:
		return 3
	case 13:
		return 1
	}
	return 2
}

// layout is what a batch of a schema has: columns, those inside of columns too, and
// their buffers.
type layout struct{ nodes, buffers int }

// checkSchema bounds a schema's columns, and says what its batches have. Damaged bytes
// could make columns share their inner columns, or contain themselves, and so ask for
// more work than they have bytes.
func checkSchema(schema table) (of layout, err error) {
	fields, text := 0, 0
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
			if kind := field.byte(2, 0); !types[kind] || field.slot(4) != 0 {
				return fmt.Errorf("a column of type %d, or with a dictionary, which no table here has", kind)
			}
			of.nodes++
			of.buffers += buffers(field.byte(2, 0))
			if err := field.text(0, &text); err != nil {
				return err
			}
			if err := checkPairs(field, 6, &text); err != nil {
				return err
			}
			if err := walk(field, 5, depth+1); err != nil { // Field.children
				return err
			}
		}
		return nil
	}
	if err := checkPairs(schema, 2, &text); err != nil {
		return of, err
	}
	err = walk(schema, 1, 1) // Schema.fields
	return of, err
}

// checkPairs checks metadata: a list of keys and values.
func checkPairs(t table, slot int, text *int) error {
	start, length, err := t.vector(slot, 4)
	if err != nil {
		return err
	}
	for i := range length {
		pair := table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(flatbuffers.UOffsetT(start + 4*i))}}
		for n := range 2 {
			if err := pair.text(n, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// text adds the length of a text, and something for itself, to what is read.
func (t table) text(slot int, sum *int) error {
	_, n, err := t.vector(slot, 1)
	if err != nil {
		return err
	}
	if *sum += n + 16; *sum > maxText {
		return fmt.Errorf("names and metadata of more than %d bytes", maxText)
	}
	return nil
}

// BodyLength is the length of the body that a message's metadata announces.
func BodyLength(meta []byte) (n int64, err error) {
	defer recovered(&err)
	return root(meta).int64(3), nil
}

// Checker checks the messages of one stream in their order: a schema stands first, and
// only there, and says what every batch has. The library reads as many buffers as the
// schema wants, however many the batch has.
type Checker struct {
	limit int64
	of    layout
	begun bool
}

// NewChecker checks the messages of a stream whose batches have at most limit bytes
// decoded.
func NewChecker(limit int64) *Checker { return &Checker{limit: limit} }

// Message checks a message's metadata against its body before anything is
// decoded or allocated. It returns which header it has.
func (c *Checker) Message(meta, body []byte) (header byte, err error) {
	defer recovered(&err)
	t := root(meta)
	if n := t.int64(3); n != int64(len(body)) {
		return 0, fmt.Errorf("a body of %d bytes is said, %d are there", n, len(body))
	}
	inner, ok := t.child(2)
	if !ok {
		return 0, errors.New("a message without a header")
	}
	text := 0
	if err := checkPairs(t, 4, &text); err != nil {
		return 0, err
	}
	header = t.byte(1, 0)
	if (header == Schema) == c.begun {
		return header, errors.New("a schema stands first, and only there")
	}
	switch header {
	case Schema:
		c.begun = true
		c.of, err = checkSchema(inner)
		return header, err
	case Dictionary:
		return header, errors.New("a dictionary, which no table here has")
	case Batch:
		return header, c.batch(inner, body)
	}
	return header, fmt.Errorf("a message of unknown kind %d", header)
}

// batch checks a RecordBatch: its rows, and where and how long its buffers
// say to be, packed and unpacked.
func (c *Checker) batch(t table, body []byte) error {
	if n := t.int64(0); n < 0 || n > maxRows {
		return fmt.Errorf("%d rows in one batch", n)
	}
	start, length, err := t.vector(1, 16) // nodes
	if err != nil {
		return err
	}
	if length < c.of.nodes {
		return fmt.Errorf("%d columns in a batch, the schema has %d", length, c.of.nodes)
	}
	for i := range length {
		n, nulls := pair(t.Bytes[start+16*i:])
		if n < 0 || n > MaxBatch || nulls < 0 || nulls > n {
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
	if length < c.of.buffers {
		return fmt.Errorf("%d buffers in a batch, the schema wants %d", length, c.of.buffers)
	}
	left := c.limit
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
			return fmt.Errorf("the batch claims more than %d bytes", c.limit)
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
	if n < 0 || n > MaxBatch {
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

// recovered turns a panic of code that reads damaged bytes into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = Senseless(p)
	}
}

// Senseless is the error of a panic of code that reads damaged bytes. What Go says of an
// index or a nil says nothing of the file.
func Senseless(p any) error {
	if _, ours := p.(runtime.Error); ours {
		return errors.New("bytes that make no sense: an offset or a length in them points to where nothing is")
	}
	return fmt.Errorf("bytes that make no sense: %v", p)
}
