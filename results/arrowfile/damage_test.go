package arrowfile_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/results/arrowfile"
)

// table writes a complete table of rows numbered from 0 and returns its bytes.
func table(t testing.TB, rows int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema(), arrowfile.Derived())
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema())
	defer b.Release()
	if err := w.Write(numbers(b, 0, rows)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// consume reads a file as a pass would: every value of every row. It fails the
// test if a row is not the one that was written.
func consume(t testing.TB, path string) (rows int, err error) {
	t.Helper()
	r, err := arrowfile.Open(path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for batch, err := range r.Batches() {
		if err != nil {
			return rows, err
		}
		n, text := batch.Column(0).(*array.Int64), batch.Column(1).(*array.String)
		for i := range int(batch.NumRows()) {
			if n.Value(i) != int64(rows) || text.Value(i) != "row "+strconv.Itoa(rows) {
				t.Fatalf("row %d of %s is %d, %q", rows, path, n.Value(i), text.Value(i))
			}
			rows++
		}
	}
	return rows, nil
}

// Whatever happens to a complete table, a reader gets the rows that were
// written, or an error that names the file.
func TestDamageIsSaid(t *testing.T) {
	const rows = 70_000 // two batches
	whole := table(t, rows)
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "t.arrow")
	said := 0
	for i := range 500 {
		b := bytes.Clone(whole)
		at := random.IntN(len(b))
		var what string
		switch i % 5 {
		case 0, 1:
			what = "a flipped bit"
			b[at] ^= 1 << random.IntN(8)
		case 2:
			what = "64 bytes of zero"
			clear(b[at:min(at+64, len(b))])
		case 3:
			what = "a sector of noise"
			for k := at; k < min(at+512, len(b)); k++ {
				b[k] = byte(random.Uint32())
			}
		case 4:
			what = "a cut and a foreign end"
			b = append(b[:at], whole[random.IntN(len(whole)):]...)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		n, err := consume(t, path)
		if bytes.Equal(b, whole) {
			continue
		}
		if err != nil {
			said++
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s at %d: error %q does not name the file", what, at, err)
			}
		} else if n != rows {
			t.Errorf("%s at %d of %d: %d rows and no error, want %d", what, at, len(b), n, rows)
		}
	}
	if said < 450 {
		t.Errorf("%d of 500 damages were said", said)
	}
}

// Every bit of a small table is under a checksum, or does not matter.
func TestEveryBitIsCovered(t *testing.T) {
	whole := table(t, 3)
	path := filepath.Join(t.TempDir(), "t.arrow")
	unsaid := 0
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := consume(t, path); err == nil {
			unsaid++
		}
	}
	if unsaid > 0 {
		t.Errorf("%d of %d bytes may change without a word", unsaid, len(whole))
	}
}

func TestErrorNamesTheBatch(t *testing.T) {
	whole := table(t, 3*65536)
	path := filepath.Join(t.TempDir(), "t.arrow")
	whole[len(whole)/2] ^= 4 // in the second of three
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	rows, err := consume(t, path)
	want := "read table " + path + ": batch 1: damaged: its checksum is another than when it was written"
	if rows != 65536 || err == nil || err.Error() != want {
		t.Errorf("%d rows and %q, want those of the first batch and %q", rows, err, want)
	}
}

// touch reads values from all over a batch.
func touch(batch arrow.RecordBatch) {
	for _, c := range batch.Columns() {
		for i := 0; i < c.Len(); i += 1 + c.Len()/1000 {
			_ = c.ValueStr(i)
		}
	}
}

// Lengths in files of other writers are checked before anything is allocated.
func TestClaimsAreNotBelieved(t *testing.T) {
	foreign := func(options ...ipc.Option) []byte {
		path := filepath.Join(t.TempDir(), "t.arrow")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ipc.NewFileWriter(f, append(options, ipc.WithSchema(schema()))...)
		if err != nil {
			t.Fatal(err)
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema())
		if err := w.Write(numbers(b, 0, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	path := filepath.Join(t.TempDir(), "t.arrow")
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		comment string
		file    []byte
	}{
		{"packed", foreign(ipc.WithZstd())},
		{"packed with lz4", foreign(ipc.WithLZ4())},
		{"plain", foreign()},
	} {
		if err := os.WriteFile(path, c.file, 0o644); err != nil {
			t.Fatal(err)
		}
		if n, err := consume(t, path); n != 1000 || err != nil {
			t.Fatalf("%s: %d rows, %v, want 1000", c.comment, n, err)
		}
		for range 600 {
			b := bytes.Clone(c.file)
			at := random.IntN(len(b) - 8)
			switch random.IntN(3) {
			case 0:
				b[at] ^= 1 << random.IntN(8)
			case 1:
				binary.LittleEndian.PutUint64(b[at&^7:], 1<<(20+random.Uint64N(43)))
			case 2:
				clear(b[at : at+8])
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			var m0, m1 runtime.MemStats
			runtime.ReadMemStats(&m0)
			r, err := arrowfile.Open(path)
			if err == nil {
				for batch, err := range r.Batches() {
					if err == nil {
						touch(batch)
					}
				}
				r.Close()
			}
			runtime.ReadMemStats(&m1)
			if got := m1.TotalAlloc - m0.TotalAlloc; got > 1<<30 {
				t.Fatalf("%s: %d bytes were allocated for a file of %d, damaged at %d", c.comment, got, len(b), at)
			}
		}
	}
}

// A null in a column that is to have none would read as zero.
func TestNullsWhereNoneMayBe(t *testing.T) {
	nullable := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	path := filepath.Join(t.TempDir(), "t.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(nullable))
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, nullable)
	b.Field(0).AppendNull()
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := consume(t, path); err == nil || !strings.Contains(err.Error(), `column "n" has 1 nulls`) {
		t.Errorf("error %v, want one of the column's null", err)
	}
}

// FuzzTable reads any bytes as a table.
func FuzzTable(f *testing.F) {
	whole := table(f, 20)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("ARROW1\x00\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, suffix := range []string{"", arrowfile.PartialSuffix, arrowfile.JournalSuffix} {
			path := filepath.Join(t.TempDir(), "t.arrow")
			if err := os.WriteFile(path+suffix, content, 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := arrowfile.Open(path)
			if err != nil {
				continue
			}
			for batch, err := range r.Batches() {
				if err == nil {
					touch(batch)
				}
			}
			r.Close()
		}
	})
}
