package arrowfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/results/arrowfile"
)

// batchRows is the number of rows in each batch of the tests' tables.
const batchRows = 100

func schema() *arrow.Schema {
	meta := arrowfile.Metadata(map[string]string{"b": "2", "a": "1", "c": "3"})
	return arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}}, &meta)
}

// write appends batches from..to−1, whose rows are numbered on.
func write(t testing.TB, w *arrowfile.Writer, from, to int) {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema())
	defer b.Release()
	for k := from; k < to; k++ {
		if err := w.Write(numbers(b, k*batchRows, batchRows)); err != nil {
			t.Fatal(err)
		}
	}
}

// numbers is a batch of n rows that are numbered from first.
func numbers(b *array.RecordBuilder, first, n int) arrow.RecordBatch {
	for i := first; i < first+n; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append("row " + strconv.Itoa(i))
	}
	return b.NewRecordBatch()
}

// read returns the numbers in a table, which must count on from zero.
func read(t testing.TB, path string) (rows int, r *arrowfile.Reader, err error) {
	t.Helper()
	r, err = arrowfile.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	for batch, err := range r.Batches() {
		if err != nil {
			return rows, r, err
		}
		column := batch.Column(0).(*array.Int64)
		for i := range int(batch.NumRows()) {
			if got := column.Value(i); got != int64(rows) {
				t.Fatalf("row %d of %s = %d", rows, path, got)
			}
			rows++
		}
	}
	return rows, r, nil
}

func TestFileAppearsWhenComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema())
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 3)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Close: stat of the final name = %v, want not exist", err)
	}
	rows, r, err := read(t, path)
	if err != nil || rows != 3*batchRows || r.Complete {
		t.Errorf("before Close: %d rows, complete %v, error %v; want 300 rows of a partial file", rows, r.Complete, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + arrowfile.PartialSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: stat of the partial name = %v, want not exist", err)
	}
	rows, r, err = read(t, path)
	if err != nil || rows != 3*batchRows || !r.Complete {
		t.Errorf("after Close: %d rows, complete %v, error %v; want 300 rows of a complete file", rows, r.Complete, err)
	}
	if got := r.Metadata()["b"]; got != "2" {
		t.Errorf("metadata b = %q, want 2", got)
	}
	if err := w.Close(); err != nil {
		t.Errorf("second Close = %v, want nothing", err)
	}
}

func TestAbortKeepsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema())
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 2)
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if rows, _, err := read(t, path); err != nil || rows != 2*batchRows {
		t.Errorf("after Abort: %d rows, error %v; want 200", rows, err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close after Abort says that the file is complete")
	}
}

// A derived table that is given up leaves nothing: it can be made again.
func TestAbortOfADerivedTable(t *testing.T) {
	dir := t.TempDir()
	w, err := arrowfile.Create(filepath.Join(dir, "t.arrow"), schema(), arrowfile.Derived())
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 2)
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("after Abort %v are left, want nothing", left)
	}
}

func TestEqualBatchesGiveEqualBytes(t *testing.T) {
	var files [2][]byte
	for i := range files {
		path := filepath.Join(t.TempDir(), "t.arrow")
		w, err := arrowfile.Create(path, schema())
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, 0, 5)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same batches gave different bytes")
	}
}

// A writer may be killed at any moment: whatever prefix of its bytes is on disk
// must read as a whole number of batches, never as an error, panic or wrong row.
func TestEveryPrefixReadsAsWholeBatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema())
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 2)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.arrow")
	final := filepath.Join(t.TempDir(), "final.arrow")
	started, most := false, 0
	for n := range whole {
		if err := os.WriteFile(cut+arrowfile.PartialSuffix, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(final, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := arrowfile.Open(final); err == nil {
			r.Close()
			t.Fatalf("%d of %d bytes under the final name were opened, want an error", n, len(whole))
		}
		rows, r, err := read(t, cut)
		if err != nil {
			if started {
				t.Fatalf("%d of %d bytes: %v, though fewer bytes were readable", n, len(whole), err)
			}
			continue
		}
		started = true
		if r.Complete || rows%batchRows != 0 || rows < most {
			t.Fatalf("%d of %d bytes: %d rows, complete %v; want whole batches, no fewer than with fewer bytes (%d)", n, len(whole), rows, r.Complete, most)
		}
		most = rows
	}
	if most != 2*batchRows {
		t.Errorf("without its last byte the file reads %d rows, want all 200", most)
	}
}

// FuzzTornTail appends garbage to what a killed machine had written: the whole
// batches before it are read, and there is no panic.
func FuzzTornTail(f *testing.F) {
	path := filepath.Join(f.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema())
	if err != nil {
		f.Fatal(err)
	}
	write(f, w, 0, 2)
	if err := w.Abort(); err != nil { // schema and two batches, no footer
		f.Fatal(err)
	}
	written, err := os.ReadFile(path + arrowfile.JournalSuffix)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(make([]byte, 4096))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("\xff\xff\xff\xff\x10\x00\x00\x00garbage that is no message"))
	f.Add(written[len(written)/2:])
	f.Fuzz(func(t *testing.T, tail []byte) {
		file := filepath.Join(t.TempDir(), "f.arrow")
		if err := os.WriteFile(file+arrowfile.PartialSuffix, append(slices.Clone(written), tail...), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := arrowfile.Open(file)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		defer r.Close()
		rows := 0
		for batch, err := range r.Batches() {
			if err != nil {
				t.Fatalf("after %d rows: %v", rows, err)
			}
			rows += int(batch.NumRows())
		}
		if rows < 2*batchRows {
			t.Fatalf("%d rows, want the %d that were written", rows, 2*batchRows)
		}
	})
}

// TestKilledWriter kills a real process in the middle of writing.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv("ARROWFILE_TEST_WRITE"); path != "" {
		w, err := arrowfile.Create(path, schema())
		if err != nil {
			t.Fatal(err)
		}
		for k := range 1_000_000 {
			write(t, w, k, k+1)
			if k == 20 {
				os.Stdout.WriteString("written\n")
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "t.arrow")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), "ARROWFILE_TEST_WRITE="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, _ := out.Read(line)
	if got := strings.TrimSpace(string(line[:n])); got != "written" {
		t.Fatalf("the writer said %q", got)
	}
	time.Sleep(20 * time.Millisecond) // somewhere in the middle of a batch
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	rows, r, err := read(t, path)
	if err != nil || r.Complete || rows < 21*batchRows {
		t.Errorf("after SIGKILL: %d rows, error %v; want the 2,100 rows written before it or more", rows, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ comment, path, want string }{
		{"a file of another format", put("a", "PAR1 and so on, long enough"), "not an Arrow IPC file"},
		{"an empty file", put("b", ""), "the file is empty"},
		{"magic and nothing else", put("c", "ARROW1\x00\x00"), "too short for a footer"},
		{"a partial file of magic and nothing else", put("d.partial", "ARROW1\x00\x00"), "neither footer nor schema"},
		{"a folder", dir, "no regular file"},
		{"no file", filepath.Join(dir, "none"), "no such file"},
	} {
		if _, err := arrowfile.Open(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.comment, err, c.want)
		}
	}
}
