// Package segments keeps the raw readings of a cell that lasts hours or weeks in
// bounded memory and little disk: they are written as they come, in segments, and
// rolled up when they are old. Whatever stops the writer, a table is made of what
// is there. It knows neither what is metered nor why.
package segments

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cfubench/internal/failure"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"

	"golang.org/x/sync/errgroup"
)

const (
	// The lengths of a record, which may last for weeks.
	segmentLength = 15 * time.Minute
	keepRaw       = time.Hour
)

// Store holds the readings of a cell while they come, in segments: raw-000001.arrow
// and so on, journaled. A segment that is older than Raw is rolled up into a file
// of another name (rolled-…), in one step, and its raw one is removed: whatever
// stops the writer, every reading is in one of the two. The first segment, in
// which the cell's window begins, stays raw. Finish makes readings.arrow and
// power.arrow of them all. Its memory does not grow with the cell.
type Store struct {
	// Length is how much time one file of raw readings holds, Raw for how long
	// readings stay raw. They may be changed before the first Write.
	Length, Raw time.Duration

	dir     string
	domains []runfolder.DomainInfo
	meta    map[string]string

	number int // of the segment that is being written
	out    *runfolder.ReadingsWriter
	ends   time.Duration   // of that segment
	closed []closedSegment // raw and not rolled up yet
	rolls  errgroup.Group
}

type closedSegment struct {
	number int
	ends   time.Duration
}

// New returns a store in the cell folder dir, of readings that number domains; meta
// are the constants of its tables.
func New(dir string, domains []runfolder.DomainInfo, meta map[string]string) *Store {
	s := &Store{dir: dir, domains: domains, meta: meta, Length: segmentLength, Raw: keepRaw}
	s.rolls.SetLimit(1)
	return s
}

func rawFile(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("raw-%06d.arrow", n)) }
func rolledFile(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("rolled-%06d.arrow", n))
}
func powerFile(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("power-%06d.arrow", n))
}

// Write takes the next readings, whose slice is the caller's again afterwards.
func (s *Store) Write(batch []meter.Reading) error {
	if len(batch) == 0 {
		return nil
	}
	now := batch[len(batch)-1].After
	if s.out != nil && now >= s.ends {
		if err := s.rotate(now); err != nil {
			return err
		}
	}
	if s.out == nil {
		s.number++
		out, err := runfolder.NewReadingsWriter(rawFile(s.dir, s.number), s.domains, s.meta)
		if err != nil {
			return err
		}
		s.out, s.ends = out, now+s.Length
	}
	return s.out.Write(batch)
}

// rotate closes the segment and has those rolled up that are old enough.
func (s *Store) rotate(now time.Duration) error {
	if err := s.out.Close(); err != nil {
		return err
	}
	s.out = nil
	if s.number > 1 {
		s.closed = append(s.closed, closedSegment{s.number, now})
	}
	for len(s.closed) > 0 && s.closed[0].ends+s.Raw <= now {
		n := s.closed[0].number
		s.closed = s.closed[1:]
		s.rolls.Go(func() error { return rollUp(s.dir, n) })
	}
	return nil
}

// Close ends the segment under way; what it holds is in files.
func (s *Store) Close() error {
	var err error
	if s.out != nil {
		err = s.out.Close()
		s.out = nil
	}
	return failure.Join(err, s.rolls.Wait())
}

// rollUp thins a raw segment.
func rollUp(dir string, n int) error {
	readings, err := scanFile(rawFile(dir, n))
	if err != nil {
		return err
	}
	power, err := runfolder.Powers().Derive(powerFile(dir, n), nil)
	if err != nil {
		return err
	}
	defer power.Abort()
	out, err := runfolder.DeriveReadings(rolledFile(dir, n), readings.domains, readings.meta)
	if err != nil {
		return err
	}
	defer out.Abort()
	rolls := make([]*rollup, len(readings.domains))
	for i, d := range readings.domains {
		rolls[i] = &rollup{domain: d.Domain, keep: out.Write, power: func(p runfolder.PowerSecond) error { return power.Write(&p) }, kept: never}
	}
	for r, err := range readings.all() {
		if err == nil {
			err = rolls[r.Domain].add(r)
		}
		if err != nil {
			return fmt.Errorf("roll up readings: %w", err)
		}
	}
	for _, r := range rolls {
		if err := r.end(); err != nil {
			return fmt.Errorf("roll up readings: %w", err)
		}
	}
	// The readings last: with them the raw segment has had its time.
	if err := power.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	for _, path := range []string{powerFile(dir, n), rolledFile(dir, n)} {
		if err := flushed(path); err != nil {
			return err
		}
	}
	return runfolder.Remove(rawFile(dir, n))
}

// flushed forces a file to the disk.
func flushed(path string) error {
	f, err := runfolder.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Finish makes the cell's tables of the segments in dir, with the domains and
// constants that are known at the end, and removes the segments. A finish that is
// itself stopped is done again: readings.arrow, which comes last, is whole.
func Finish(dir string, domains []runfolder.DomainInfo, meta map[string]string) error {
	numbers, err := segments(dir)
	if err != nil || len(numbers) == 0 {
		return err
	}
	if _, err := runfolder.Stat(filepath.Join(dir, runfolder.ReadingsFile)); errors.Is(err, fs.ErrNotExist) {
		if err := join(dir, numbers, domains, meta); err != nil {
			return err
		}
	}
	var errs []error
	for _, n := range numbers {
		for _, path := range []string{rawFile(dir, n), rolledFile(dir, n), powerFile(dir, n)} {
			for _, suffix := range []string{"", arrowfile.PartialSuffix, arrowfile.JournalSuffix} {
				if err := runfolder.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// join writes the tables of the segments.
func join(dir string, numbers []int, domains []runfolder.DomainInfo, meta map[string]string) error {
	out, err := runfolder.DeriveReadings(filepath.Join(dir, runfolder.ReadingsFile), domains, meta)
	if err != nil {
		return err
	}
	defer out.Abort()
	power, err := runfolder.Powers().Derive(filepath.Join(dir, runfolder.PowerFile), meta)
	if err != nil {
		return err
	}
	defer power.Abort()
	rolled := false
	for _, n := range numbers {
		path := rawFile(dir, n)
		if _, err := runfolder.Stat(rolledFile(dir, n)); err == nil {
			path, rolled = rolledFile(dir, n), true
			for p, err := range runfolder.Powers().Scan(context.Background(), powerFile(dir, n)) {
				if err == nil {
					err = power.Write(p)
				}
				if err != nil {
					return err
				}
			}
		} else if _, err := runfolder.RecoverTable(path); errors.Is(err, arrowfile.ErrEmpty) {
			continue
		} else if err != nil { // of a killed writer
			return err
		}
		readings, err := scanFile(path)
		if err != nil {
			return err
		}
		for r, err := range readings.all() {
			if err == nil {
				err = out.Write(r)
			}
			if err != nil {
				return err
			}
		}
	}
	if rolled {
		if err := power.Close(); err != nil {
			return err
		}
	} else if err := runfolder.Remove(filepath.Join(dir, runfolder.PowerFile+arrowfile.PartialSuffix)); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return flushed(filepath.Join(dir, runfolder.ReadingsFile))
}

// segments are the numbers of the segments in dir, in their order.
func segments(dir string) ([]int, error) {
	entries, err := runfolder.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for readings: %w", err)
	}
	numbers := map[int]bool{}
	for _, e := range entries {
		var n int
		for _, pattern := range []string{"raw-%06d.arrow", "rolled-%06d.arrow"} {
			if _, err := fmt.Sscanf(e.Name(), pattern, &n); err == nil {
				numbers[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(numbers)), nil
}
