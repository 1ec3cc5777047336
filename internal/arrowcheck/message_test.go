package arrowcheck

import (
	"bytes"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// stream is an Arrow stream of one batch, packed or not.
func stream(t testing.TB, options ...ipc.Option) []byte {
	t.Helper()
	meta := arrow.NewMetadata([]string{"unit"}, []string{"ns"})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Metadata: meta},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String},
	}, &meta)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append(options, ipc.WithSchema(schema))...)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 100 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.ListBuilder).Append(i%2 == 0)
		b.Field(2).(*array.StringBuilder).Append("text")
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestStream(t *testing.T) {
	for _, c := range []struct {
		comment string
		bytes   []byte
		limit   int64
		want    string // of the error, "" for none
	}{
		{"plain", stream(t), 1 << 20, ""},
		{"packed with zstd", stream(t, ipc.WithZstd()), 1 << 20, ""},
		{"packed with lz4", stream(t, ipc.WithLZ4()), 1 << 20, ""},
		{"a body above the limit", stream(t), 100, "a body of"},
		{"a packed body that is above the limit when unpacked", stream(t, ipc.WithZstd()), 1000, "more than 1000 bytes"},
		{"a stream that is cut", stream(t)[:600], 1 << 20, "unexpected EOF"},
		{"another thing", []byte("GET / HTTP/1.1\r\n\r\n"), 1 << 20, "no message begins"},
	} {
		r, err := ipc.NewReaderFromMessageReader(NewStream(bytes.NewReader(c.bytes), c.limit))
		rows := int64(0)
		if err == nil {
			for r.Next() {
				rows += r.RecordBatch().NumRows()
			}
			err = r.Err()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || c.want == "" && rows != 100 {
			t.Errorf("%s: %d rows, %v, want %q", c.comment, rows, err, c.want)
		}
	}
}

// A schema whose columns contain themselves, or share what they contain over and
// over, is a few bytes and endless work.
func TestSchemaBombs(t *testing.T) {
	for _, c := range []struct {
		comment       string
		depth, shared int
	}{{"deep", 1000, 1}, {"shared", 30, 2}, {"wide", 2, 3000}} {
		b := flatbuffers.NewBuilder(1024)
		name := b.CreateString("x")
		field := func(children flatbuffers.UOffsetT) flatbuffers.UOffsetT {
			b.StartObject(1)
			kind := b.EndObject()
			b.StartObject(7)
			b.PrependUOffsetTSlot(0, name, 0)
			b.PrependByteSlot(2, 12, 0)
			b.PrependUOffsetTSlot(3, kind, 0)
			if children != 0 {
				b.PrependUOffsetTSlot(5, children, 0)
			}
			return b.EndObject()
		}
		list := func(f flatbuffers.UOffsetT) flatbuffers.UOffsetT {
			b.StartVector(4, c.shared, 4)
			for range c.shared {
				b.PrependUOffsetT(f)
			}
			return b.EndVector(c.shared)
		}
		children := flatbuffers.UOffsetT(0)
		for range c.depth {
			children = list(field(children))
		}
		b.StartObject(4)
		b.PrependUOffsetTSlot(1, children, 0)
		schema := b.EndObject()
		b.StartObject(5)
		b.PrependByteSlot(1, Schema, 0)
		b.PrependUOffsetTSlot(2, schema, 0)
		b.Finish(b.EndObject())
		if _, err := NewChecker(MaxBatch).Message(b.FinishedBytes(), nil); err == nil || !strings.Contains(err.Error(), "a schema of more than") {
			t.Errorf("%s: %v, want refused", c.comment, err)
		}
	}
}

// FuzzStream decodes whatever passes the checks.
func FuzzStream(f *testing.F) {
	for _, b := range [][]byte{stream(f), stream(f, ipc.WithZstd()), stream(f, ipc.WithLZ4())} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewStream(bytes.NewReader(b), 1<<20)
		r, err := ipc.NewReaderFromMessageReader(s)
		if err != nil {
			return
		}
		for r.Next() {
			if Columns(r.RecordBatch()) == nil {
				for _, c := range r.RecordBatch().Columns() {
					for i := 0; i < c.Len(); i += 1 + c.Len()/100 {
						c.ValueStr(i)
					}
				}
			}
		}
	})
}

// FuzzFooter reads any bytes as a footer.
func FuzzFooter(f *testing.F) {
	f.Add(stream(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		blocks, _, err := Footer(b, 8, 1<<20)
		for _, k := range blocks {
			if err == nil && (k.Offset < 8 || k.End() > 1<<20) {
				t.Fatalf("block %+v came through", k)
			}
		}
	})
}

// TestSenseless: what Go says of an index is not what is told of a file.
func TestSenseless(t *testing.T) {
	flipped := func(index int) (err error) {
		defer recovered(&err)
		return []error{nil}[index]
	}
	if err := flipped(1); err == nil || strings.Contains(err.Error(), "range") || !strings.Contains(err.Error(), "where nothing is") {
		t.Errorf("an index out of range: got %v, want it in words", err)
	}
	if err := Senseless("negative length"); !strings.Contains(err.Error(), "negative length") {
		t.Errorf("a panic in words: got %v, want them", err)
	}
}
