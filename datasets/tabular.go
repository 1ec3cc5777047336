package datasets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// lineError is something wrong in a line of a file, from 1.
type lineError struct {
	line int
	err  error
}

func (l *lineError) Error() string { return fmt.Sprintf("line %d: %v", l.line, l.err) }
func (l *lineError) Unwrap() error { return l.err }

// table reads the columns of a CSV file that it was asked for, by name and in
// whatever order they stand.
type table struct {
	r       *csv.Reader
	bounded *bounded
	line    int   // where the last record began
	columns []int // position of each wanted column
	names   []string
	row     []string
}

// maxRecord bounds the bytes of a CSV record. encoding/csv has no bound of its
// own, and a quote that is never closed makes one record of the rest of a file.
const maxRecord = 1 << 20

// bounded passes reads through until a record has taken more than maxRecord.
type bounded struct {
	r    io.Reader
	left int
}

var errLongRecord = fmt.Errorf("record is longer than %d MiB", maxRecord>>20)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRecord
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// newTable reads the header line, in which all names must be. kind names the
// format in errors: "an Azure trace".
func newTable(r io.Reader, kind string, names ...string) (*table, error) {
	b := &bounded{r, maxRecord}
	t := &table{r: csv.NewReader(b), bounded: b, names: names}
	t.r.ReuseRecord = true
	t.r.FieldsPerRecord = 0 // every row has as many fields as the header
	header, err := t.r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("file is empty, want %s with columns %s", kind, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, t.failed(err)
	}
	t.line, _ = t.r.FieldPos(0)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	for _, name := range names {
		position := slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == name })
		if position < 0 {
			return nil, &lineError{1, fmt.Errorf("no column %q: %s has columns %s, this file has %s",
				name, kind, strings.Join(names, ", "), shorten(strings.Join(header, ", ")))}
		}
		t.columns = append(t.columns, position)
	}
	return t, nil
}

// next reads a row; after the last it returns io.EOF.
func (t *table) next() error {
	t.bounded.left = maxRecord
	row, err := t.r.Read()
	if err == io.EOF {
		return err
	}
	if err != nil {
		return t.failed(err)
	}
	t.row = row
	t.line, _ = t.r.FieldPos(0)
	return nil
}

// field returns the text of a wanted column.
func (t *table) field(column int) string {
	return strings.TrimSpace(t.row[t.columns[column]])
}

// count reads a number of tokens.
func (t *table) count(column int) (int, error) {
	text := t.field(column)
	n, ok := parseCount(text)
	if !ok {
		return 0, t.errorf(column, "%q is not a number of tokens", shorten(text))
	}
	return n, nil
}

// errorf makes an error at a column of the present row.
func (t *table) errorf(column int, format string, args ...any) error {
	line, _ := t.r.FieldPos(t.columns[column])
	return &lineError{line, fmt.Errorf("column %s: %w", t.names[column], fmt.Errorf(format, args...))}
}

// failed puts the line of a record that could not be read first.
func (t *table) failed(err error) error {
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		return &lineError{p.Line, p.Err}
	}
	if errors.Is(err, errLongRecord) {
		return &lineError{t.line + 1, err}
	}
	return err
}

// maxCount is far above any context length and keeps sums from overflowing.
const maxCount = 1 << 30

// parseCount reads a decimal number from 0 to maxCount.
func parseCount(text string) (n int, ok bool) {
	if text == "" || len(text) > 10 {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= maxCount
}

// shorten makes text of a file fit for an error: one line of bearable length.
func shorten(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	return clip(text, 80)
}

// clip keeps the first runes of a text.
func clip(text string, runes int) string {
	if all := []rune(text); len(all) > runes {
		return string(all[:runes]) + "…"
	}
	return text
}
