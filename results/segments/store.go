// Package segments keeps the raw readings of a cell that lasts hours or weeks in
// bounded memory and little disk: they are written as they come, in segments, and
// rolled up when they are old. Whatever stops the writer, a table is made of what
// is there. It knows neither what is metered nor why.
package segments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
)

// Store holds the readings of a cell while they come, in segments: raw-000001.arrow
// and so on, journaled. A segment that is older than Raw is rolled up into a file
// of another name (rolled-…), in one step, and its raw one is removed: whatever
// stops the writer, every reading is in one of the two. The first segment, in
// which the cell's window begins, stays raw. Finish makes readings.arrow and
// power.arrow of them all. Its memory does not grow with the cell.
type Store struct {
	*line
	domains []runfolder.DomainInfo
	out     *runfolder.ReadingsWriter
}

// New returns a store in the cell folder dir, of readings that number domains; meta
// are the constants of its tables.
func New(dir string, domains []runfolder.DomainInfo, meta map[string]string) *Store {
	s := &Store{domains: domains}
	s.line = newLine(func(n int) (_ io.Closer, err error) {
		s.out, err = runfolder.NewReadingsWriter(rawFile(dir, n), domains, meta)
		return s.out, err
	}, func(n int) error { return rollUp(dir, n) })
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
	if err := s.goOn(batch[len(batch)-1].After); err != nil {
		return err
	}
	return s.out.Write(batch)
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
	if err := finishLooks(dir, meta); err != nil { // those at devices, if any
		return err
	}
	if _, err := runfolder.Stat(filepath.Join(dir, runfolder.ReadingsFile)); errors.Is(err, fs.ErrNotExist) {
		if err := join(dir, numbers, domains, meta); err != nil {
			return err
		}
	}
	var errs []error
	for _, n := range numbers {
		errs = append(errs, remove(rawFile(dir, n)), remove(rolledFile(dir, n)), remove(powerFile(dir, n)))
	}
	return errors.Join(errs...)
}

// remove removes a table, in whatever state it is.
func remove(path string) error {
	var errs []error
	for _, suffix := range []string{"", arrowfile.PartialSuffix, arrowfile.JournalSuffix} {
		if err := runfolder.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
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

// segments are the numbers of the segments of readings in dir, in their order.
func segments(dir string) ([]int, error) {
	return numbered(dir, "raw-%06d.arrow", "rolled-%06d.arrow")
}

// numbered are the numbers of the files in dir whose names begin like the patterns, in
// their order.
func numbered(dir string, patterns ...string) ([]int, error) {
	entries, err := runfolder.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for readings: %w", err)
	}
	numbers := map[int]bool{}
	for _, e := range entries {
		var n int
		for _, pattern := range patterns {
			if _, err := fmt.Sscanf(e.Name(), pattern, &n); err == nil {
				numbers[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(numbers)), nil
}
