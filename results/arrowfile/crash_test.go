package arrowfile_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"cfubench/results/arrowfile"
)

// Rows that come in batches of any size are in full batches in the end, and no
// stop between two writes loses one: neither before nor after the journal is
// emptied, and whatever of the last write is on disk.
func TestNoStopLosesARow(t *testing.T) {
	const full = 256
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "t.arrow")
		w, err := arrowfile.Create(path, schema(), arrowfile.BatchRows(full))
		if err != nil {
			rt.Fatal(err)
		}
		defer w.Abort()
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema())
		defer b.Release()
		files := func() (partial, journal []byte) {
			partial, _ = os.ReadFile(path + arrowfile.PartialSuffix)
			journal, _ = os.ReadFile(path + arrowfile.JournalSuffix)
			return partial, journal
		}
		check := func(comment string, partial, journal []byte, least, most int) {
			stopped := filepath.Join(dir, "stopped.arrow")
			os.WriteFile(stopped+arrowfile.PartialSuffix, partial, 0o644)
			os.WriteFile(stopped+arrowfile.JournalSuffix, journal, 0o644)
			rows, err := consume(t, stopped)
			if least == 0 && err != nil {
				return // nothing was there to lose
			}
			if err != nil || rows < least || rows > most {
				rt.Fatalf("%s: %d rows, %v, want %d to %d", comment, rows, err, least, most)
			}
		}
		rows := 0
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 5), rapid.IntRange(100, 600), rapid.Just(full)), 1, 20).Draw(rt, "sizes")
		for _, n := range sizes {
			oldPartial, oldJournal := files()
			if err := w.Write(numbers(b, rows, n)); err != nil {
				rt.Fatal(err)
			}
			partial, journal := files()
			check("after a write", partial, journal, rows+n, rows+n)
			check("before the journal is emptied", partial, oldJournal, rows, rows+n)
			check("after it is emptied", partial, nil, 0, rows+n)
			if len(partial) > len(oldPartial) {
				cut := rapid.IntRange(len(oldPartial), len(partial)).Draw(rt, "cut")
				check("in a batch", partial[:cut], oldJournal, rows, rows+n)
			} else {
				cut := rapid.IntRange(len(oldJournal), len(journal)).Draw(rt, "cut")
				check("in the journal", partial, journal[:cut], rows, rows+n)
			}
			rows += n
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		if got, err := consume(t, path); got != rows || err != nil {
			rt.Fatalf("complete: %d rows, %v, want %d", got, err, rows)
		}
		left, _ := filepath.Glob(path + "?*")
		if len(left) > 0 {
			rt.Fatalf("after Close %v are left", left)
		}
		f, err := os.Open(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer f.Close()
		plain, err := ipc.NewFileReader(f)
		if err != nil {
			rt.Fatal(err)
		}
		if got, want := plain.NumRecords(), (rows+full-1)/full; got != want {
			rt.Fatalf("%d rows are in %d batches, want %d", rows, got, want)
		}
	})
}

func TestRecover(t *testing.T) {
	for _, c := range []struct {
		comment string
		prepare func(path string, w *arrowfile.Writer)
		rows    int
		err     error
	}{
		{"a writer that was stopped", func(_ string, w *arrowfile.Writer) { w.Abort() }, 300, nil},
		{"a complete table", func(_ string, w *arrowfile.Writer) { w.Close() }, 300, nil},
		{"a complete table with an older journal", func(path string, w *arrowfile.Writer) {
			w.Close()
			os.WriteFile(path+arrowfile.JournalSuffix, []byte("old"), 0o644)
		}, 300, nil},
		{"nothing", func(path string, w *arrowfile.Writer) {
			w.Abort()
			os.Remove(path + arrowfile.JournalSuffix)
			os.Remove(path + arrowfile.PartialSuffix)
		}, 0, fs.ErrNotExist},
	} {
		t.Run(c.comment, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.arrow")
			w, err := arrowfile.Create(path, schema())
			if err != nil {
				t.Fatal(err)
			}
			write(t, w, 0, 3)
			c.prepare(path, w)
			rows, err := arrowfile.Recover(path)
			if rows != int64(c.rows) || !errors.Is(err, c.err) {
				t.Fatalf("Recover = %d, %v, want %d, %v", rows, err, c.rows, c.err)
			}
			if c.err != nil {
				return
			}
			got, r, err := read(t, path)
			if got != c.rows || err != nil || !r.Complete || !r.Verified {
				t.Errorf("after it: %d rows, %v, want %d of a complete table", got, err, c.rows)
			}
			if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
				t.Errorf("after it %v are left", left)
			}
		})
	}
}

// number is a row of the tests' table.
type number int

func numberShape() arrowfile.Shape[number] {
	return arrowfile.Shape[number]{Schema: schema(), Encode: func(b *array.RecordBuilder, n number) {
		b.Field(0).(*array.Int64Builder).Append(int64(n))
		b.Field(1).(*array.StringBuilder).Append("row " + strconv.Itoa(int(n)))
	}}
}

func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.CreateRows(path, numberShape())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 150_000 {
		if err := w.Append(number(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rows, err := consume(t, path); rows != 150_000 || err != nil {
		t.Errorf("%d rows, %v, want 150,000", rows, err)
	}
	if err := w.Append(1); err == nil {
		t.Error("Append after Close is no error")
	}
	if w.Digest() == "" {
		t.Error("no digest")
	}
}

func TestRowsAfterAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	shape := numberShape()
	shape.Bytes = func(number) int { return 1 << 20 } // the queue is soon full
	w, err := arrowfile.CreateRows(path, shape)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+arrowfile.JournalSuffix, 0o755); err != nil { // nothing can be created there
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path+arrowfile.JournalSuffix, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // ends, though nobody makes room any more
		if err = w.Append(number(i)); err != nil {
			break
		}
	}
	if closed := w.Close(); err == nil && closed == nil {
		t.Error("neither Append nor Close says that nothing could be written")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the table is under its final name")
	}
}

// TestKilledRows kills a process that appends rows and says how far it is: what
// it said a second before is there.
func TestKilledRows(t *testing.T) {
	if path := os.Getenv("ARROWFILE_TEST_ROWS"); path != "" {
		w, err := arrowfile.CreateRows(path, numberShape())
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			if err := w.Append(number(i)); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 0 {
				fmt.Println(i)
				time.Sleep(time.Millisecond)
			}
		}
	}
	for range 2 {
		path := filepath.Join(t.TempDir(), "t.arrow")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledRows$")
		cmd.Env = append(os.Environ(), "ARROWFILE_TEST_ROWS="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		type mark struct {
			rows int
			at   time.Time
		}
		var marks []mark
		started := time.Now()
		limit := 1100*time.Millisecond + rand.N(time.Second)
		for lines := bufio.NewScanner(out); time.Since(started) < limit && lines.Scan(); {
			n, _ := strconv.Atoi(lines.Text())
			marks = append(marks, mark{n, time.Now()})
		}
		killed := time.Now()
		cmd.Process.Kill()
		cmd.Wait()
		want := 0
		for _, m := range marks {
			if killed.Sub(m.at) > time.Second {
				want = m.rows
			}
		}
		rows, err := consume(t, path)
		if err != nil || rows < want {
			t.Errorf("killed after %v: %d rows, %v, want %d or more", killed.Sub(started), rows, err, want)
		}
	}
}

// One-row batches cost no more memory than their rows, and none of it grows
// with the table.
func TestWriterStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := arrowfile.Create(path, schema(), arrowfile.Derived())
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema())
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	for i := range 100_000 {
		if err := w.Write(numbers(b, i, 1)); err != nil {
			t.Fatal(err)
		}
		if i%20_000 == 19_999 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			if got := int64(m.HeapAlloc) - int64(before); got > 64<<20 {
				t.Fatalf("after %d rows the writer holds %d MiB", i, got>>20)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rows, err := consume(t, path); rows != 100_000 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A link in place of a file that is written is replaced, not followed.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", arrowfile.PartialSuffix, arrowfile.JournalSuffix} {
		if err := os.Symlink(victim, filepath.Join(out, "t.arrow"+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := arrowfile.OpenIn(root, "t.arrow"); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a link out of the folder: %v, want an error", err)
	}
	w, err := arrowfile.CreateIn(root, "t.arrow", schema())
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 2)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(victim); !bytes.Equal(content, []byte("precious")) {
		t.Errorf("the file that the links led to has %d bytes", len(content))
	}
	if rows, _, err := read(t, filepath.Join(out, "t.arrow")); rows != 2*batchRows || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestNoPipeIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	if err := exec.Command("mkfifo", path).Run(); err != nil {
		t.Skip(err)
	}
	if _, err := arrowfile.Open(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a pipe: %v", err)
	}
}
