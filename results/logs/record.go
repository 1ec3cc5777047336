package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// readSize is how much of a file is asked for at a time.
	readSize = 256 << 10
	// maxRecord bounds a record of a table, and with it the memory of a file
	// that is no table at all.
	maxRecord = 1 << 20
	// maxJSONLine bounds a line of JSON: a request with its answer.
	maxJSONLine = 32 << 20
)

// lineError is something wrong in a line of a file, from 1.
type lineError struct {
	line int
	err  error
}

func (l *lineError) Error() string { return fmt.Sprintf("line %d: %v", l.line, l.err) }
func (l *lineError) Unwrap() error { return l.err }

// records cuts a CSV file into records and fields. A field may be quoted and
// hold commas, doubled quotes and line ends.
type records struct {
	r     *bufio.Reader
	comma byte
	line  int // of the present record
	next  int // lines read
	long  []byte
	// fields of the present record, valid until the next.
	fields [][]byte
	raw    []byte
	// cut reports that the last record did not end in a line end: the file was
	// still being written, or was cut.
	cut bool
	// hash says that a # stands before the names of the columns.
	hash bool
}

func newRecords(r io.Reader) *records {
	return &records{r: bufio.NewReaderSize(r, readSize), comma: ','}
}

// newTable is newRecords for a table whose separator the file tells: the one of
// comma, semicolon and tab that its first line has most of. Lines of comment
// before it, which begin with #, are passed over; names of columns may follow
// a # too.
func newTable(r io.Reader) *records {
	t := newRecords(r)
	head, _ := t.r.Peek(readSize)
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for {
		line, rest, more := bytes.Cut(head, []byte{'\n'})
		t.comma = separator(line)
		if !more || len(line) == 0 || line[0] != '#' {
			return t
		}
		next, _, _ := bytes.Cut(rest, []byte{'\n'})
		if fields := bytes.Count(line, []byte{t.comma}); fields > 0 && fields == bytes.Count(next, []byte{separator(next)}) {
			t.hash = true
			return t
		}
		if _, err := t.readLine(); err != nil {
			return t // the next read has it too
		}
		head = rest
	}
}

// separator is what parts the fields of a line.
func separator(line []byte) byte {
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if bytes.Count(line, []byte{c}) > bytes.Count(line, []byte{best}) {
			best = c
		}
	}
	return best
}

// read reads the next record that is not blank. After the last it returns
// io.EOF.
func (t *records) read() error {
	for {
		line, err := t.readLine()
		if err != nil {
			return err
		}
		t.line = t.next
		for quotes := bytes.Count(line, []byte{'"'}); quotes%2 == 1 && !t.cut; {
			// A quoted field goes on in the next line.
			held := append([]byte(nil), line...)
			more, err := t.readLine()
			if err == io.EOF {
				return &lineError{t.line, errors.New("a quote is not closed")}
			}
			if err != nil {
				return err
			}
			line = append(append(held, '\n'), more...)
			if len(line) > maxRecord {
				return &lineError{t.line, fmt.Errorf("record is longer than %d MiB", maxRecord>>20)}
			}
			quotes = bytes.Count(line, []byte{'"'})
		}
		if len(trim(line)) == 0 {
			continue
		}
		if t.hash {
			line = bytes.TrimLeft(line, "# ")
			t.hash = false
		}
		t.raw = line
		t.split(line)
		return nil
	}
}

// readLine reads a line without its end.
func (t *records) readLine() ([]byte, error) { return t.lineUpTo(maxRecord) }

func (t *records) lineUpTo(limit int) ([]byte, error) {
	t.long = t.long[:0]
	for {
		part, err := t.r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			if len(t.long)+len(part) > limit {
				return nil, &lineError{t.next + 1, fmt.Errorf("record is longer than %d MiB", limit>>20)}
			}
			t.long = append(t.long, part...)
			continue
		case err == io.EOF && len(part)+len(t.long) == 0:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, err
		}
		t.next++
		t.cut = err == io.EOF
		if len(t.long) > 0 {
			part = append(t.long, part...)
			t.long = part
		}
		if n := len(part); n > 0 && part[n-1] == '\n' {
			part = part[:n-1]
		}
		if n := len(part); n > 0 && part[n-1] == '\r' {
			part = part[:n-1]
		}
		if n := len(part); n > 0 && (part[0] == 0 || part[n-1] == 0) {
			part = bytes.Trim(part, "\x00") // blocks that a crash left unwritten
		}
		if t.next == 1 {
			part = bytes.TrimPrefix(part, []byte("\ufeff"))
		}
		return part, nil
	}
}

// split cuts a record into its fields, without the space around them.
func (t *records) split(line []byte) {
	t.fields = t.fields[:0]
	for {
		start := line
		for len(start) > 0 && (start[0] == ' ' || start[0] == '\t') {
			start = start[1:]
		}
		if len(start) > 0 && start[0] == '"' {
			field, rest, more := t.quoted(start[1:])
			t.fields = append(t.fields, field)
			if !more {
				return
			}
			line = rest
			continue
		}
		i := bytes.IndexByte(line, t.comma)
		if i < 0 {
			t.fields = append(t.fields, trim(line))
			return
		}
		t.fields = append(t.fields, trim(line[:i]))
		line = line[i+1:]
	}
}

// trim removes the space around a field.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// quoted takes the field whose opening quote is before b.
func (t *records) quoted(b []byte) (field, rest []byte, more bool) {
	var copied []byte
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 { // cut in mid-line
			return append(copied, b...), nil, false
		}
		if i+1 < len(b) && b[i+1] == '"' {
			copied = append(copied, b[:i+1]...)
			b = b[i+2:]
			continue
		}
		field = b[:i]
		if copied != nil {
			field = append(copied, field...)
		}
		b = b[i+1:]
		if j := bytes.IndexByte(b, t.comma); j >= 0 {
			return field, b[j+1:], true
		}
		return field, nil, false
	}
}
