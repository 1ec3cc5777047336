package process

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/secret"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestLog(t *testing.T) {
	t.Run("keeps the last lines", func(t *testing.T) {
		l := NewLog(nil, nil)
		for i := range 3 * lastLines {
			fmt.Fprintf(l, "line %d\n", i)
		}
		got := strings.Split(l.Last(), "\n")
		if len(got) != lastLines || got[lastLines-1] != fmt.Sprintf("  line %d", 3*lastLines-1) {
			t.Errorf("the tail is %q, want the last %d lines", got, lastLines)
		}
	})
	t.Run("cuts a long line of the last, not the log's", func(t *testing.T) {
		var log strings.Builder
		l := NewLog(&log, nil)
		long := strings.Repeat("ä", lastWidth)
		fmt.Fprintln(l, long)
		if got := l.Last(); len(got) > lastWidth+2 || !strings.HasSuffix(got, "…") {
			t.Errorf("a line of %d bytes became %d bytes", len(long), len(got))
		}
		if log.String() != long+"\n" {
			t.Errorf("the log has %d bytes of a line of %d", log.Len(), len(long))
		}
	})
	t.Run("goes on when the log cannot be written", func(t *testing.T) {
		l := NewLog(fullDisk{}, nil)
		if n, err := l.Write([]byte("a\n")); n != 2 || err != nil {
			t.Errorf("Write: %d, %v, want 2 and no error", n, err)
		}
	})
	t.Run("a last line without a line feed", func(t *testing.T) {
		var log strings.Builder
		l := NewLog(&log, nil)
		fmt.Fprint(l, "killed")
		if got := l.Last(); got != "  killed" {
			t.Errorf("before Close the last lines are %q", got)
		}
		l.Close()
		if log.String() != "killed\n" || l.Last() != "  killed" {
			t.Errorf("after Close the log is %q, the last lines %q", log.String(), l.Last())
		}
	})
	t.Run("control characters do not get through", func(t *testing.T) {
		var log strings.Builder
		l := NewLog(&log, nil)
		fmt.Fprint(l, "\x1b[31mred\x1b[0m \xff\u202e\n")
		if log.String() != "red \ufffd\n" {
			t.Errorf("the log is %q", log.String())
		}
	})
}

// Of a flood the beginning and the end are kept, and how much is not.
func TestLogOfAFlood(t *testing.T) {
	var log strings.Builder
	l := NewLog(&log, secret.New("sk-secret-1"))
	line := strings.Repeat("x", 99) + "\n"
	const lines = 400_000 // 40 MB
	fmt.Fprintln(l, "first sk-secret-1")
	for range lines {
		fmt.Fprint(l, line)
	}
	fmt.Fprintln(l, "last sk-secret-1")
	l.Close()
	got := log.String()
	if len(got) > logHead+logTail+1<<20 || len(got) < logHead {
		t.Errorf("the log has %d bytes", len(got))
	}
	if !strings.HasPrefix(got, "first ***\n") || !strings.HasSuffix(got, "last ***\n") || !strings.Contains(got, "bytes left out]\n") {
		t.Errorf("the log begins with %q and ends with %q", got[:20], got[len(got)-20:])
	}
}

// However the output is cut into writes, the log has the same lines, and no
// secret.
func TestLogDoesNotDependOnWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"sk-secret-1", "load", " ", "\n", "\r", "é", "\t", "\x1b[1m"})).Draw(t, "words")
		text := strings.Join(words, "")
		whole, cut := new(strings.Builder), new(strings.Builder)
		r := secret.New("sk-secret-1")
		one, many := NewLog(whole, r), NewLog(cut, r)
		one.Write([]byte(text))
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			many.Write(rest[:n])
			rest = rest[n:]
		}
		one.Close()
		many.Close()
		if whole.String() != cut.String() || one.Last() != many.Last() {
			t.Errorf("log %q and last %q in one write, %q and %q in several", whole, one.Last(), cut, many.Last())
		}
		if strings.Contains(cut.String()+many.Last(), "secret") {
			t.Errorf("log %q has the secret", cut)
		}
	})
}
