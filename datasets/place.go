package datasets

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// lineAt turns a position in a file into a line and a column, both from 1, by
// reading the file up to it. It is for errors, where a second look is cheap.
// What cannot be read again (a pipe) is taken for one line.
func lineAt(r io.ReaderAt, offset int64) (line, column int64) {
	line = 1
	start := int64(0)
	buf := make([]byte, readSize)
	for at := int64(0); at < offset; {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), offset-at)], at)
		for b := buf[:n]; ; {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				break
			}
			b = b[i+1:]
			line++
			start = at + int64(n-len(b))
		}
		at += int64(n)
		if err != nil || n == 0 {
			break
		}
	}
	return line, offset - start + 1
}

// maxReasons bounds the reasons for a drop that are told apart: some quote the
// file.
const maxReasons = 40

// drop counts a conversation or row that makes no request.
func (t *Trace) drop(reason string) {
	if _, known := t.Dropped[reason]; !known && len(t.Dropped) >= maxReasons {
		reason = "other reasons"
	}
	t.Dropped[reason]++
}

// dropList says in one line why conversations were dropped, most frequent
// reason first.
func (t *Trace) dropList() string {
	if len(t.Dropped) == 0 {
		return "it holds none"
	}
	reasons := slices.SortedFunc(maps.Keys(t.Dropped), func(a, b string) int {
		if d := t.Dropped[b] - t.Dropped[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	b.WriteString("dropped: ")
	for i, reason := range reasons {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", t.Dropped[reason], reason)
	}
	return b.String()
}
