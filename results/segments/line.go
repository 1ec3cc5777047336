package segments

import (
	"io"
	"time"

	"cfubench/internal/failure"

	"golang.org/x/sync/errgroup"
)

const (
	// The lengths of a record, which may last for weeks.
	segmentLength = 15 * time.Minute
	keepRaw       = time.Hour
)

// line is one file of rows after the other, each of some length in time. Those that
// are older than Raw are rolled up, one at a time and in their order; the first, in
// which the cell's window begins, is not.
type line struct {
	// Length is how much time one raw file holds, Raw for how long rows stay raw. They
	// may be changed before the first row.
	Length, Raw time.Duration

	open func(n int) (io.Closer, error) // begins the n-th file, from 1
	roll func(n int) error

	number int       // of the file that is being written
	file   io.Closer // nil before it is begun
	ends   time.Duration
	closed []closedSegment // raw and not rolled up yet
	rolls  errgroup.Group
}

type closedSegment struct {
	number int
	ends   time.Duration
}

func newLine(open func(n int) (io.Closer, error), roll func(n int) error) *line {
	l := &line{Length: segmentLength, Raw: keepRaw, open: open, roll: roll}
	l.rolls.SetLimit(1)
	return l
}

// goOn has the file under way be the one of a row at now.
func (l *line) goOn(now time.Duration) error {
	if l.file != nil && now >= l.ends {
		if err := l.rotate(now); err != nil {
			return err
		}
	}
	if l.file != nil {
		return nil
	}
	l.number++
	file, err := l.open(l.number)
	if err != nil {
		return err
	}
	l.file, l.ends = file, now+l.Length
	return nil
}

// rotate closes the segment and has those rolled up that are old enough.
func (l *line) rotate(now time.Duration) error {
	file := l.file
	l.file = nil
	if err := file.Close(); err != nil {
		return err
	}
	if l.number > 1 {
		l.closed = append(l.closed, closedSegment{l.number, now})
	}
	for len(l.closed) > 0 && l.closed[0].ends+l.Raw <= now {
		n := l.closed[0].number
		l.closed = l.closed[1:]
		l.rolls.Go(func() error { return l.roll(n) })
	}
	return nil
}

// Close ends the segment under way; what it holds is in files.
func (l *line) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
		l.file = nil
	}
	return failure.Join(err, l.rolls.Wait())
}
