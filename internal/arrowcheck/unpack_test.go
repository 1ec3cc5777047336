package arrowcheck_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/internal/arrowcheck"
)

// messages is a stream of messages in memory.
type messages struct{ left [][2][]byte } // metadata and body of each

func (m *messages) Message() (*ipc.Message, error) {
	if len(m.left) == 0 {
		return nil, io.EOF
	}
	next := m.left[0]
	m.left = m.left[1:]
	return ipc.NewMessage(memory.NewBufferBytes(next[0]), memory.NewBufferBytes(next[1])), nil
}
func (m *messages) Retain()  {}
func (m *messages) Release() {}

// written are the messages of one batch: a column that packs well, one that does
// not, lists with nulls, and text.
func written(t *testing.T, options ...ipc.Option) [][2][]byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "same", Type: arrow.PrimitiveTypes.Int64},
		{Name: "noise", Type: arrow.PrimitiveTypes.Int64},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b, noise := array.NewRecordBuilder(memory.DefaultAllocator, schema), uint64(1)
	for i := range 3000 {
		noise = noise*6364136223846793005 + 1442695040888963407
		b.Field(0).(*array.Int64Builder).Append(7)
		b.Field(1).(*array.Int64Builder).Append(int64(noise))
		b.Field(2).(*array.ListBuilder).Append(i%2 == 0)
		b.Field(2).(*array.ListBuilder).ValueBuilder().(*array.Int32Builder).Append(int32(i))
		if i%3 == 0 {
			b.Field(3).(*array.StringBuilder).AppendNull()
		} else {
			b.Field(3).(*array.StringBuilder).Append("gpu0")
		}
	}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append(options, ipc.WithSchema(schema))...)
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var list [][2][]byte
	for rest := out.Bytes(); ; {
		length, err := arrowcheck.Prefix([arrowcheck.PrefixLen]byte(rest))
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		meta := rest[arrowcheck.PrefixLen : arrowcheck.PrefixLen+length]
		n, err := arrowcheck.BodyLength(meta)
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[arrowcheck.PrefixLen+length:]
		list = append(list, [2][]byte{meta, rest[:n]})
		rest = rest[n:]
	}
}

// read decodes the one batch of the messages.
func read(t *testing.T, list [][2][]byte) arrow.RecordBatch {
	t.Helper()
	r, err := ipc.NewReaderFromMessageReader(&messages{list})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Next() {
		t.Fatal(r.Err())
	}
	return r.RecordBatch()
}

// What is unpacked here reads as what the library unpacks.
func TestUnpack(t *testing.T) {
	want := read(t, written(t))
	for _, c := range []struct {
		comment string
		options []ipc.Option
		longer  bool // than it was
	}{
		{"packed with zstd", []ipc.Option{ipc.WithZstd()}, true},
		{"packed with zstd where that pays", []ipc.Option{ipc.WithZstd(), ipc.WithMinSpaceSavings(0.3)}, true},
		{"packed with lz4, which the library unpacks", []ipc.Option{ipc.WithLZ4()}, false},
		{"not packed", nil, false},
	} {
		list, check := written(t, c.options...), arrowcheck.NewChecker(arrowcheck.MaxBatch)
		for i, m := range list {
			if _, err := check.Message(m[0], m[1]); err != nil {
				t.Fatalf("%s: message %d: %v", c.comment, i, err)
			}
			body, err := check.Unpack(m[0], m[1])
			if err != nil {
				t.Fatalf("%s: message %d: %v", c.comment, i, err)
			}
			if c.longer != (len(body) > len(m[1])) && i == len(list)-1 {
				t.Errorf("%s: the body has %d bytes, had %d", c.comment, len(body), len(m[1]))
			}
			list[i][1] = body
		}
		if got := read(t, list); !array.RecordEqual(got, want) {
			t.Errorf("%s: other values than were written", c.comment)
		}
	}
}

// A frame that holds more or less than it is said to, or that is damaged, is an
// error, and no panic.
func TestUnpackDamaged(t *testing.T) {
	for _, c := range []struct {
		comment string
		damage  func(body []byte)
	}{
		{"fewer bytes are claimed", func(b []byte) { binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)-8) }},
		{"more bytes are claimed", func(b []byte) { binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)+8) }},
		{"no bytes that could be", func(b []byte) { binary.LittleEndian.PutUint64(b, 1<<62) }},
		{"another frame", func(b []byte) { b[9]++ }},
	} {
		list, check := written(t, ipc.WithZstd()), arrowcheck.NewChecker(arrowcheck.MaxBatch)
		for _, m := range list {
			if _, err := check.Message(m[0], m[1]); err != nil {
				t.Fatal(err)
			}
		}
		last := list[len(list)-1]
		c.damage(last[1])
		if _, err := check.Unpack(last[0], last[1]); err == nil {
			t.Errorf("%s: no error", c.comment)
		}
	}
}
